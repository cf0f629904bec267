// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <string>

#include "tests/util/unique_fd.h"

namespace tests {

// Both sides of a new terminal; nobody's controlling terminal.
struct Pty {
  UniqueFd master;
  UniqueFd slave;
  std::string name;
};

inline Pty OpenPty() {
  Pty pty;
  pty.master = UniqueFd(open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC));
  EXPECT_TRUE(pty.master.ok());
  int unlocked = 0;
  EXPECT_EQ(ioctl(pty.master.get(), TIOCSPTLCK, &unlocked), 0);
  int number = -1;
  EXPECT_EQ(ioctl(pty.master.get(), TIOCGPTN, &number), 0);
  pty.name = "/dev/pts/" + std::to_string(number);
  pty.slave = UniqueFd(open(pty.name.c_str(), O_RDWR | O_NOCTTY | O_CLOEXEC));
  EXPECT_TRUE(pty.slave.ok());
  return pty;
}

// Exactly `size` bytes, or what there was before the end. Safe after fork.
inline std::string ReadSome(int fd, size_t size) {
  std::string text;
  while (text.size() < size) {
    char buffer[256];
    ssize_t count = read(fd, buffer, std::min(sizeof(buffer), size - text.size()));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    text.append(buffer, static_cast<size_t>(count));
  }
  return text;
}

inline bool WriteText(int fd, const std::string& text) {
  return write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

// No line editing, no echo, nothing mapped.
inline void MakeRaw(int fd, cc_t minimum = 1, cc_t time = 0) {
  termios modes{};
  EXPECT_EQ(tcgetattr(fd, &modes), 0);
  cfmakeraw(&modes);
  modes.c_cc[VMIN] = minimum;
  modes.c_cc[VTIME] = time;
  EXPECT_EQ(tcsetattr(fd, TCSANOW, &modes), 0);
}

}  // namespace tests
