// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

namespace tests {

// Exit status of a child whose CHILD_CHECK failed.
inline constexpr int kChildCheckFailed = 99;

// Says on stderr what failed and ends the process. Does not allocate, lock or flush: safe after fork and in a handler.
[[noreturn]] inline void FailInChild(const char* file, int line, const char* what) {
  const int error = errno;
  char text[512];
  const int size = snprintf(text, sizeof(text), "%s:%d: in child: %s (errno %d)\n", file, line, what, error);
  if (write(STDERR_FILENO, text, size) < 0) _exit(kChildCheckFailed);
  _exit(kChildCheckFailed);
}

// The assertion for code that runs in a child, where gtest's would be lost.
//   PASS: EXPECT_THAT(RunInChild([] { CHILD_CHECK(getppid() > 0); return 0; }), ExitedWith(0));
//   FAIL: EXPECT_THAT(RunInChild([] { CHILD_CHECK(false); return 0; }), ExitedWith(0));   // "exited with 99"
#define CHILD_CHECK(condition)                                              \
  do {                                                                      \
    if (!(condition)) ::tests::FailInChild(__FILE__, __LINE__, #condition); \
  } while (false)

// The same for an expected errno: the call must return -1 and set it.
#define CHILD_CHECK_ERRNO(call, expected)                                                                      \
  do {                                                                                                         \
    errno = 0;                                                                                                 \
    if ((call) != -1 || errno != (expected)) ::tests::FailInChild(__FILE__, __LINE__, #call " -> " #expected); \
  } while (false)

// A forked child that runs `body` (returning its exit code) and never returns into the test. Killed and reaped when its
// owner dies, so that a failed test leaves no process.
//   PASS: Child child([] { return 7; }); EXPECT_THAT(child.Wait(), ExitedWith(7));
//   FAIL: Child child([] { pause(); return 0; }); EXPECT_THAT(child.Wait(), ExitedWith(0));   // waits for ever
class Child {
 public:
  template <typename Body>
  explicit Child(Body body) {
    fflush(nullptr);
    pid_ = fork();
    EXPECT_GE(pid_, 0) << "fork: " << strerror(errno);
    if (pid_ == 0) _exit(body());
  }
  Child(Child&& other) noexcept : pid_(std::exchange(other.pid_, -1)) {}
  Child& operator=(Child&&) = delete;
  ~Child() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    Wait();
  }

  pid_t pid() const { return pid_; }

  // Reaps and returns the wait status, riding over EINTR; -1 when there is nothing to reap.
  int Wait(int options = 0) {
    int status = -1;
    pid_t reaped;
    do {
      reaped = waitpid(pid_, &status, options);
    } while (reaped < 0 && errno == EINTR);
    if (reaped == pid_ && (WIFEXITED(status) || WIFSIGNALED(status))) pid_ = -1;
    return reaped < 0 ? -1 : status;
  }

  // The caller reaped it by other means.
  void Disown() { pid_ = -1; }

 private:
  pid_t pid_ = -1;
};

// Runs `body` in a child and returns its wait status.
//   PASS: EXPECT_THAT(RunInChild([] { return 0; }), ExitedWith(0));
//   FAIL: EXPECT_THAT(RunInChild([] { abort(); return 0; }), ExitedWith(0));   // "was killed by SIGABRT"
template <typename Body>
int RunInChild(Body body) {
  Child child(std::move(body));
  return child.Wait();
}

}  // namespace tests
