// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <termios.h>
#include <unistd.h>

namespace runsc {

// The modes of the terminal at standard input, which a container with a terminal makes raw: put back at the end.
class SavedTerminal {
 public:
  explicit SavedTerminal(bool wanted) : saved_(wanted && tcgetattr(STDIN_FILENO, &modes_) == 0) {}
  SavedTerminal(const SavedTerminal&) = delete;
  SavedTerminal& operator=(const SavedTerminal&) = delete;
  ~SavedTerminal() {
    if (saved_) tcsetattr(STDIN_FILENO, TCSADRAIN, &modes_);
  }

 private:
  termios modes_ = {};
  const bool saved_;
};

}  // namespace runsc
