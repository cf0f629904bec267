// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

namespace tests {

// Owns one descriptor and closes it. Move only. After fork the child's copy closes the child's descriptor only.
//   PASS: UniqueFd fd(open("/tmp", O_RDONLY)); EXPECT_TRUE(fd.ok());
//   FAIL: UniqueFd fd(open("/nowhere", O_RDONLY)); EXPECT_TRUE(fd.ok());
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(other.release()) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    reset(other.release());
    return *this;
  }
  ~UniqueFd() { reset(); }

  bool ok() const { return fd_ >= 0; }
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }
  void reset(int fd = -1) {
    if (fd_ >= 0) close(fd_);
    fd_ = fd;
  }

 private:
  int fd_ = -1;
};

// Opens or reports a test failure; the result may then be not ok().
//   PASS: UniqueFd fd = Open("/tmp", O_RDONLY | O_DIRECTORY);
//   FAIL: UniqueFd fd = Open("/nowhere", O_RDONLY);   // "open /nowhere: No such file or directory"
inline UniqueFd Open(const std::string& path, int flags, mode_t mode = 0644) {
  UniqueFd fd(open(path.c_str(), flags, mode));
  EXPECT_TRUE(fd.ok()) << "open " << path << ": " << strerror(errno);
  return fd;
}

// Both ends of a fresh pipe.
struct Pipe {
  UniqueFd reader;
  UniqueFd writer;
};

//   PASS: Pipe pipe = MakePipe(O_NONBLOCK);
//   FAIL: Pipe pipe = MakePipe(O_APPEND);   // "pipe2: Invalid argument"
inline Pipe MakePipe(int flags = 0) {
  int fds[2] = {-1, -1};
  EXPECT_EQ(pipe2(fds, flags), 0) << "pipe2: " << strerror(errno);
  return Pipe{UniqueFd(fds[0]), UniqueFd(fds[1])};
}

// Reads exactly one byte, riding over EINTR; false at end of file or on error. Safe after fork.
inline bool ReadByte(int fd, char* out = nullptr) {
  char byte;
  ssize_t count;
  do {
    count = read(fd, out ? out : &byte, 1);
  } while (count < 0 && errno == EINTR);
  return count == 1;
}

// Writes one byte; the other half of ReadByte in a rendezvous. Safe after fork.
inline bool WriteByte(int fd, char byte = 'x') { return write(fd, &byte, 1) == 1; }

}  // namespace tests
