// SPDX-License-Identifier: Apache-2.0
// The output side of the line discipline: OPOST, echoes, and what erasing looks like.
#include <termios.h>

#include <cctype>

#include "sentry/fs/devpts/line_discipline.h"

namespace sentry {
namespace {

constexpr uint32_t kUppercaseOutput = 0000002;  // OLCUC
constexpr unsigned kTabStop = 8;
// Echoes nobody will ever see are not kept for ever.
constexpr size_t kMaxHeldEcho = 4096;

bool IsControl(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

}  // namespace

size_t LineDiscipline::Write(std::string_view text) {
  size_t taken = 0;
  while (taken < text.size() && CanWrite()) {
    if (Output(OPOST)) {
      Emit(text[taken]);
    } else {
      output_.push_back(text[taken]);
    }
    ++taken;
  }
  return taken;
}

void LineDiscipline::Start() {
  stopped_ = false;
  output_ += held_echo_;
  held_echo_.clear();
}

void LineDiscipline::EmitPlain(char c) {
  if (!echoing_ || !stopped_) {
    output_.push_back(c);
  } else if (held_echo_.size() < kMaxHeldEcho) {
    held_echo_.push_back(c);
  }
}

void LineDiscipline::Emit(char c) {
  switch (c) {
    case '\n':
      if (Output(ONLRET)) column_ = 0;
      if (Output(ONLCR)) {
        EmitPlain('\r');
        column_ = 0;
      }
      line_column_ = column_;
      break;
    case '\r':
      if (Output(ONOCR) && column_ == 0) return;
      if (Output(OCRNL)) {
        c = '\n';
        if (Output(ONLRET)) line_column_ = column_ = 0;
        break;
      }
      line_column_ = column_ = 0;
      break;
    case '\t': {
      unsigned spaces = kTabStop - (column_ & (kTabStop - 1));
      column_ += spaces;
      if (Output(TABDLY) && (termios_.base.output & TABDLY) == XTABS) {
        while (spaces-- > 0) EmitPlain(' ');
        return;
      }
      break;
    }
    case '\b':
      if (column_ > 0) --column_;
      break;
    default:
      if (IsControl(c)) break;
      if (Output(kUppercaseOutput)) c = static_cast<char>(toupper(static_cast<unsigned char>(c)));
      // The bytes behind a character's first take no place of their own.
      if (!(Input(IUTF8) && (static_cast<unsigned char>(c) & 0xc0) == 0x80)) ++column_;
      break;
  }
  EmitPlain(c);
}

void LineDiscipline::EchoRaw(char c) {
  echoing_ = true;
  if (Output(OPOST)) {
    Emit(c);
  } else {
    EmitPlain(c);
  }
  echoing_ = false;
}

void LineDiscipline::Echo(char c) {
  if (Local(ECHOCTL) && IsControl(c) && c != '\t') {
    EchoRaw('^');
    EchoRaw(static_cast<char>(c ^ 0100));
  } else {
    EchoRaw(c);
  }
}

void LineDiscipline::FinishErasing() {
  if (!erasing_) return;
  EchoRaw('/');
  erasing_ = false;
}

void LineDiscipline::Reprint(char c) {
  FinishErasing();
  Echo(c);
  EchoRaw('\n');
  for (size_t i = input_.size() - edited_; i < input_.size(); ++i) Echo(input_[i].character);
}

// Linux analogue: eraser().
void LineDiscipline::Erase(char c) {
  if (edited_ == 0) return;
  bool word = Local(IEXTEN) && Is(c, VWERASE);
  bool one = Is(c, VERASE);
  if (!one && !word) {
    bool visibly = Local(ECHO) && Local(ECHOK) && Local(ECHOKE) && Local(ECHOE);
    if (!visibly) {
      input_.resize(input_.size() - edited_, Cell{});
      edited_ = 0;
      if (!Local(ECHO)) return;
      FinishErasing();
      Echo(c);
      // After the kill character the line goes on on a new one.
      if (Local(ECHOK)) EchoRaw('\n');
      return;
    }
  }
  bool seen_word = false;
  while (edited_ > 0) {
    size_t bytes = 0;
    char first = 0;
    do {
      ++bytes;
      first = input_[input_.size() - bytes].character;
    } while (Input(IUTF8) && (static_cast<unsigned char>(first) & 0xc0) == 0x80 && bytes < edited_);
    // Part of a character: not erased.
    if (Input(IUTF8) && (static_cast<unsigned char>(first) & 0xc0) == 0x80) break;
    if (word) {
      if (isalnum(static_cast<unsigned char>(first)) != 0 || first == '_') {
        seen_word = true;
      } else if (seen_word) {
        break;
      }
    }
    size_t head = input_.size() - bytes;
    if (Local(ECHO) && Local(ECHOPRT)) {
      if (!erasing_) {
        EchoRaw('\\');
        erasing_ = true;
      }
      Echo(first);
      for (size_t i = head + 1; i < input_.size(); ++i) EchoRaw(input_[i].character);
    }
    input_.resize(head, Cell{});
    edited_ -= bytes;
    if (Local(ECHO) && !Local(ECHOPRT)) EraseOneEcho(first, one, c);
    if (one) break;
  }
  if (edited_ == 0 && Local(ECHO)) FinishErasing();
}

void LineDiscipline::EraseOneEcho(char erased, bool one, char typed) {
  auto rub_out = [this] {
    EchoRaw('\b');
    EchoRaw(' ');
    EchoRaw('\b');
  };
  if (one && !Local(ECHOE)) {
    Echo(typed);
  } else if (erased == '\t') {
    EraseTab();
  } else {
    if (IsControl(erased) && Local(ECHOCTL)) rub_out();
    if (!IsControl(erased) || Local(ECHOCTL)) rub_out();
  }
}

// Back to where the tab began, which depends on what is before it.
void LineDiscipline::EraseTab() {
  unsigned columns = 0;
  bool after_tab = false;
  for (size_t left = edited_; left > 0; --left) {
    char c = input_[input_.size() - edited_ + left - 1].character;
    if (c == '\t') {
      after_tab = true;
      break;
    }
    if (IsControl(c)) {
      if (Local(ECHOCTL)) columns += 2;
    } else if (!(Input(IUTF8) && (static_cast<unsigned char>(c) & 0xc0) == 0x80)) {
      ++columns;
    }
  }
  if (!after_tab) columns += line_column_;
  for (unsigned i = columns % kTabStop; i < kTabStop; ++i) EchoRaw('\b');
}

}  // namespace sentry
