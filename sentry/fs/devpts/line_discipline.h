// SPDX-License-Identifier: Apache-2.0
// What happens to characters between the two sides of a terminal (termios(3); Linux analogue: drivers/tty/n_tty.c).
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/abi/termios.h"

namespace sentry {

// The standard line discipline, N_TTY, without tasks, locks or time. Characters typed at the master go through Receive
// into the input, where lines are edited; what programs write goes through Write into the output; echoes go there too.
// Not thread-safe: its terminal's lock.
class LineDiscipline {
 public:
  // Characters typed and not read, as Linux's N_TTY_BUF_SIZE.
  static constexpr size_t kMaxInput = 4096;
  // Characters written and not taken by the master.
  static constexpr size_t kMaxOutput = 16384;

  LineDiscipline();

  const base::abi::Termios2& termios() const { return termios_; }
  // What is there already is read under the new rules.
  void SetTermios(const base::abi::Termios2& termios);

  // --- The master's side.
  // How many of the typed characters were taken; fewer when the input is full and nobody has read.
  size_t Receive(std::string_view typed);
  // Characters for the master.
  std::string& output() { return output_; }
  // Signals that were typed (SIGINT, SIGQUIT, SIGTSTP), in order; the caller sends them and empties the list.
  std::vector<int>& signals() { return signals_; }

  // --- The slave's side.
  // How many of the characters were taken: none while output is stopped or full.
  size_t Write(std::string_view text);
  bool CanWrite() const { return !stopped_ && output_.size() < kMaxOutput; }
  // Whether a read with these settings has what it asks for: a line, or VMIN characters (`wanted` if that is less).
  bool HasInput(size_t wanted) const;
  // Characters a read would get: whole lines only in canonical mode (FIONREAD).
  size_t Available() const;
  // Takes what one read gets. 0 at an end of file (or when there is nothing: HasInput).
  size_t Read(std::span<char> to);

  void FlushInput();
  void FlushOutput() { output_.clear(); }
  // IXON, TCXONC.
  void Stop() { stopped_ = true; }
  void Start();
  bool stopped() const { return stopped_; }

 private:
  struct Cell {
    char character;
    bool ends_line;
    bool is_eof;  // An end of file was typed here: the character is not there.
  };

  bool Input(uint32_t flag) const { return (termios_.base.input & flag) != 0; }
  bool Output(uint32_t flag) const { return (termios_.base.output & flag) != 0; }
  bool Local(uint32_t flag) const { return (termios_.base.local & flag) != 0; }
  bool canonical() const;
  // Whether `c` is typed for the function `index` (VINTR...).
  bool Is(char c, int index) const;

  void ReceiveOne(char c);
  // True when it was one of IXON's or ISIG's.
  bool ReceiveControl(char c);
  // True when it was one that edits or ends a line.
  bool ReceiveEditing(char c);
  void ReceivePlain(char c);
  void RaiseSignal(int signal, char c);
  void Put(char c, bool ends_line = false, bool is_eof = false);
  void EndLine(char c, bool is_eof);
  void Erase(char c);
  void EraseOneEcho(char erased, bool one, char typed);
  void EraseTab();
  void FinishErasing();
  void Reprint(char c);

  void Echo(char c);
  void EchoRaw(char c);
  // Through OPOST, with the column kept.
  void Emit(char c);
  void EmitPlain(char c);

  base::abi::Termios2 termios_;
  std::deque<Cell> input_;
  size_t edited_ = 0;  // Cells at the end of input_ that belong to the line being typed.
  std::string output_;
  std::string held_echo_;  // Echoes of the time output is stopped.
  std::vector<int> signals_;
  bool stopped_ = false;
  bool literal_next_ = false;  // VLNEXT was typed.
  bool erasing_ = false;       // Between the marks of ECHOPRT.
  bool echoing_ = false;       // Emit is called for an echo.
  unsigned column_ = 0;
  unsigned line_column_ = 0;  // Where the echo of the line being typed began.
};

}  // namespace sentry
