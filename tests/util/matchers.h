// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cerrno>
#include <cstring>
#include <ostream>

// Matchers for what system calls and wait return. They read errno when they match, which is right after the call:
// nothing may stand between the call and EXPECT_THAT.

namespace tests {

// Prints an errno by name: "EPIPE (Broken pipe)".
// A null `out` is allowed: that is what gmock passes when nobody wants the explanation.
inline void PrintErrno(std::ostream* out, int error) {
  if (!out) return;
  const char* name = strerrorname_np(error);
  *out << (name ? name : "?") << " (" << strerror(error) << ")";
}

// The call returned something other than -1.
//   PASS: EXPECT_THAT(close(open("/tmp", O_RDONLY)), SyscallSucceeds());
//   FAIL: EXPECT_THAT(close(-1), SyscallSucceeds());          // "which failed with EBADF (Bad file descriptor)"
MATCHER(SyscallSucceeds, negation ? "fails" : "succeeds") {
  if (arg != -1) return true;
  *result_listener << "which failed with ";
  PrintErrno(result_listener->stream(), errno);
  return false;
}

// The call returned exactly `value`, or a value that the matcher `value` accepts; and not -1.
//   PASS: EXPECT_THAT(write(fd, "abc", 3), SyscallSucceedsWithValue(3));
//   PASS: EXPECT_THAT(getppid(), SyscallSucceedsWithValue(testing::Gt(0)));
//   FAIL: EXPECT_THAT(write(fd, "abc", 3), SyscallSucceedsWithValue(2));
MATCHER_P(SyscallSucceedsWithValue, value,
          "succeeds with a value that " +
              ::testing::DescribeMatcher<long>(::testing::SafeMatcherCast<long>(value), negation)) {
  if (arg == -1) {
    *result_listener << "which failed with ";
    PrintErrno(result_listener->stream(), errno);
    return false;
  }
  return ::testing::ExplainMatchResult(::testing::SafeMatcherCast<long>(value), static_cast<long>(arg),
                                       result_listener);
}

// The call returned -1 and errno is `expected`.
//   PASS: EXPECT_THAT(close(-1), SyscallFailsWithErrno(EBADF));
//   FAIL: EXPECT_THAT(close(-1), SyscallFailsWithErrno(EINVAL));   // "which failed with EBADF (...)"
MATCHER_P(SyscallFailsWithErrno, expected,
          std::string(negation ? "does not fail" : "fails") + " with " + strerrorname_np(expected)) {
  if (arg != -1) {
    *result_listener << "which succeeded";
    return false;
  }
  const int error = errno;
  if (error == expected) return true;
  *result_listener << "which failed with ";
  PrintErrno(result_listener->stream(), error);
  return false;
}

// As above for a wait status: "exited with 3".
inline void PrintWaitStatus(std::ostream* out, int status) {
  if (!out) return;
  if (WIFEXITED(status)) {
    *out << "exited with " << WEXITSTATUS(status);
  } else if (WIFSIGNALED(status)) {
    *out << "was killed by SIG" << sigabbrev_np(WTERMSIG(status));
  } else if (WIFSTOPPED(status)) {
    *out << "was stopped by SIG" << sigabbrev_np(WSTOPSIG(status));
  } else {
    *out << "has status " << std::hex << status << std::dec;
  }
}

// A wait status: the process exited with `code`.
//   PASS: EXPECT_THAT(RunInChild([] { return 3; }), ExitedWith(3));
//   FAIL: EXPECT_THAT(RunInChild([] { return 3; }), ExitedWith(0));   // "which exited with 3"
MATCHER_P(ExitedWith, code, "exited with " + ::testing::PrintToString(code)) {
  *result_listener << "which ";
  PrintWaitStatus(result_listener->stream(), arg);
  return WIFEXITED(arg) && WEXITSTATUS(arg) == code;
}

// A wait status: the process was ended by the signal.
//   PASS: EXPECT_THAT(RunInChild([] { return raise(SIGTERM); }), KilledBy(SIGTERM));
//   FAIL: EXPECT_THAT(RunInChild([] { return 0; }), KilledBy(SIGTERM));   // "which exited with 0"
MATCHER_P(KilledBy, signal, std::string("was killed by SIG") + sigabbrev_np(signal)) {
  *result_listener << "which ";
  PrintWaitStatus(result_listener->stream(), arg);
  return WIFSIGNALED(arg) && WTERMSIG(arg) == signal;
}

}  // namespace tests
