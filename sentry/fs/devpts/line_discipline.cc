// SPDX-License-Identifier: Apache-2.0
#include "sentry/fs/devpts/line_discipline.h"

#include <signal.h>
#include <termios.h>

#include <algorithm>

namespace sentry {
namespace {

constexpr uint32_t kUppercaseInput = 0001000;  // IUCLC

constexpr char Control(char c) { return static_cast<char>(c & 037); }

}  // namespace

LineDiscipline::LineDiscipline() {
  termios_.base.input = ICRNL | IXON;
  termios_.base.output = OPOST | ONLCR;
  termios_.base.control = B38400 | CS8 | CREAD;
  termios_.base.local = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN;
  uint8_t(&characters)[19] = termios_.base.characters;
  characters[VINTR] = Control('C');
  characters[VQUIT] = Control('\\');
  characters[VERASE] = 0x7f;
  characters[VKILL] = Control('U');
  characters[VEOF] = Control('D');
  characters[VMIN] = 1;
  characters[VSTART] = Control('Q');
  characters[VSTOP] = Control('S');
  characters[VSUSP] = Control('Z');
  characters[VREPRINT] = Control('R');
  characters[VDISCARD] = Control('O');
  characters[VWERASE] = Control('W');
  characters[VLNEXT] = Control('V');
  constexpr uint32_t kSpeed = 38400;
  termios_.input_speed = termios_.output_speed = kSpeed;
}

bool LineDiscipline::canonical() const { return Local(ICANON) && !Local(base::abi::kExtproc); }

bool LineDiscipline::Is(char c, int index) const {
  uint8_t function = termios_.base.characters[index];
  return function != base::abi::kNoCharacter && static_cast<uint8_t>(c) == function;
}

void LineDiscipline::SetTermios(const base::abi::Termios2& termios) {
  constexpr uint32_t kReads = ICANON | base::abi::kExtproc;
  bool changes_reading = ((termios_.base.local ^ termios.base.local) & kReads) != 0;
  bool had_flow_control = Input(IXON);
  termios_ = termios;
  if (changes_reading) {
    // What is there becomes one line, or characters like any others.
    for (Cell& cell : input_) cell.ends_line = cell.is_eof = false;
    if (canonical() && !input_.empty()) input_.back().ends_line = true;
    edited_ = 0;
    erasing_ = literal_next_ = false;
  }
  if (had_flow_control && !Input(IXON)) Start();
}

size_t LineDiscipline::Receive(std::string_view typed) {
  size_t taken = 0;
  for (char c : typed) {
    if (input_.size() >= kMaxInput) {
      // A line that is too long loses what comes before its end; else somebody has to read first.
      bool line_too_long = canonical() && edited_ == input_.size();
      if (!line_too_long) break;
    }
    ReceiveOne(c);
    ++taken;
  }
  return taken;
}

void LineDiscipline::ReceiveOne(char c) {
  if (Input(ISTRIP)) c &= 0x7f;
  if (Input(kUppercaseInput) && Local(IEXTEN) && c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  if (Local(base::abi::kExtproc)) {
    Put(c);
    return;
  }
  if (literal_next_) {
    literal_next_ = false;
    ReceivePlain(c);
    return;
  }
  if (ReceiveControl(c)) return;
  if (stopped_ && Input(IXON) && Input(IXANY)) Start();
  if (c == '\r') {
    if (Input(IGNCR)) return;
    if (Input(ICRNL)) c = '\n';
  } else if (c == '\n' && Input(INLCR)) {
    c = '\r';
  }
  if (canonical() && ReceiveEditing(c)) return;
  ReceivePlain(c);
}

bool LineDiscipline::ReceiveControl(char c) {
  if (Input(IXON)) {
    if (Is(c, VSTART)) {
      Start();
      return true;
    }
    if (Is(c, VSTOP)) {
      Stop();
      return true;
    }
  }
  if (!Local(ISIG)) return false;
  if (Is(c, VINTR)) {
    RaiseSignal(SIGINT, c);
  } else if (Is(c, VQUIT)) {
    RaiseSignal(SIGQUIT, c);
  } else if (Is(c, VSUSP)) {
    RaiseSignal(SIGTSTP, c);
  } else {
    return false;
  }
  return true;
}

void LineDiscipline::RaiseSignal(int signal, char c) {
  if (!Local(NOFLSH)) {
    FlushInput();
    FlushOutput();
    held_echo_.clear();
  }
  signals_.push_back(signal);
  if (Input(IXON)) Start();
  if (Local(ECHO)) Echo(c);
}

bool LineDiscipline::ReceiveEditing(char c) {
  bool extended = Local(IEXTEN);
  if (Is(c, VERASE) || Is(c, VKILL) || (extended && Is(c, VWERASE))) {
    Erase(c);
    return true;
  }
  if (extended && Is(c, VLNEXT)) {
    literal_next_ = true;
    if (Local(ECHO)) {
      FinishErasing();
      if (Local(ECHOCTL)) {
        EchoRaw('^');
        EchoRaw('\b');
      }
    }
    return true;
  }
  if (extended && Local(ECHO) && Is(c, VREPRINT)) {
    Reprint(c);
    return true;
  }
  if (c == '\n') {
    if (Local(ECHO) || Local(ECHONL)) EchoRaw('\n');
    EndLine(c, false);
    return true;
  }
  if (Is(c, VEOF)) {
    EndLine(c, true);
    return true;
  }
  if (Is(c, VEOL) || (extended && Is(c, VEOL2))) {
    if (Local(ECHO)) {
      if (edited_ == 0) line_column_ = column_;
      Echo(c);
    }
    if (Input(PARMRK) && c == '\377') Put(c);
    EndLine(c, false);
    return true;
  }
  return false;
}

void LineDiscipline::ReceivePlain(char c) {
  // One place is kept for the end of the line.
  if (canonical() && input_.size() + 1 >= kMaxInput) {
    if (Input(IMAXBEL)) EchoRaw('\a');
    return;
  }
  if (Local(ECHO)) {
    FinishErasing();
    if (c == '\n') {
      EchoRaw(c);
    } else {
      if (canonical() && edited_ == 0) line_column_ = column_;
      Echo(c);
    }
  }
  if (Input(PARMRK) && c == '\377') Put(c);
  Put(c);
}

void LineDiscipline::Put(char c, bool ends_line, bool is_eof) {
  input_.push_back({c, ends_line, is_eof});
  edited_ = canonical() && !ends_line ? edited_ + 1 : 0;
}

void LineDiscipline::EndLine(char c, bool is_eof) { Put(is_eof ? '\0' : c, true, is_eof); }

bool LineDiscipline::HasInput(size_t wanted) const {
  if (canonical()) return edited_ < input_.size();
  uint8_t minimum = termios_.base.characters[VMIN];
  size_t needed = termios_.base.characters[VTIME] != 0 || minimum == 0 ? 1 : minimum;
  return input_.size() >= std::min(std::max<size_t>(wanted, 1), needed);
}

size_t LineDiscipline::Available() const { return input_.size() - edited_; }

size_t LineDiscipline::Read(std::span<char> to) {
  size_t count = 0;
  size_t readable = Available();
  while (readable > 0) {
    Cell cell = input_.front();
    // An end of file right behind what fits belongs to this read, not to the next.
    if (count == to.size() && !(cell.is_eof && count > 0)) break;
    input_.pop_front();
    --readable;
    if (cell.is_eof) break;
    to[count++] = cell.character;
    if (cell.ends_line) break;
  }
  return count;
}

void LineDiscipline::FlushInput() {
  input_.clear();
  edited_ = 0;
  erasing_ = literal_next_ = false;
}

}  // namespace sentry
