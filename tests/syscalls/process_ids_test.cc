// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "tests/util/fork.h"
#include "tests/util/matchers.h"
#include "tests/util/raw_syscall.h"
#include "tests/util/unique_fd.h"

namespace tests {
namespace {

constexpr pid_t kNoSuchPid = 0x3fffffff;

TEST(ProcessIdTest, ThreadsShareThePidAndDifferInTid) {
  const pid_t pid = getpid();
  EXPECT_EQ(RawSyscall(SYS_gettid), gettid());
  std::thread([&] {
    EXPECT_EQ(RawSyscall(SYS_getpid), pid);
    EXPECT_NE(RawSyscall(SYS_gettid), pid);
  }).join();
}

TEST(ProcessGroupTest, ChildInheritsGroupAndSession) {
  const pid_t group = getpgid(0);
  const pid_t session = getsid(0);
  EXPECT_THAT(RunInChild([&] {
                CHILD_CHECK(getpgrp() == group && getpgid(0) == group && getsid(0) == session);
                CHILD_CHECK(getpgid(getpid()) == group && getsid(getpid()) == session);
                return 0;
              }),
              ExitedWith(0));
}

TEST(ProcessGroupTest, SetpgidMakesAndJoinsGroups) {
  EXPECT_THAT(RunInChild([] {
                Pipe pipe = MakePipe();
                CHILD_CHECK(setpgid(0, 0) == 0 && getpgrp() == getpid());
                const pid_t child = fork();
                if (child == 0) _exit(ReadByte(pipe.reader.get()) ? 0 : 1);
                CHILD_CHECK(setpgid(child, child) == 0 && getpgid(child) == child);
                CHILD_CHECK(setpgid(child, getpid()) == 0 && getpgid(child) == getpid());
                CHILD_CHECK(WriteByte(pipe.writer.get()));
                CHILD_CHECK(waitpid(child, nullptr, 0) == child);
                return 0;
              }),
              ExitedWith(0));
}

TEST(ProcessGroupTest, SetpgidErrors) {
  EXPECT_THAT(RunInChild([] {
                CHILD_CHECK_ERRNO(setpgid(0, -1), EINVAL);
                CHILD_CHECK_ERRNO(setpgid(kNoSuchPid, 0), ESRCH);
                CHILD_CHECK_ERRNO(setpgid(0, kNoSuchPid), EPERM);
                CHILD_CHECK(setsid() == getpid());
                CHILD_CHECK_ERRNO(setpgid(0, 0), EPERM);
                return 0;
              }),
              ExitedWith(0));
}

TEST(ProcessGroupTest, ChildInAnotherSessionIsEperm) {
  EXPECT_THAT(RunInChild([] {
                Pipe ready = MakePipe();
                Pipe done = MakePipe();
                const pid_t child = fork();
                if (child == 0) {
                  setsid();
                  WriteByte(ready.writer.get());
                  _exit(ReadByte(done.reader.get()) ? 0 : 1);
                }
                CHILD_CHECK(ReadByte(ready.reader.get()));
                CHILD_CHECK_ERRNO(setpgid(child, 0), EPERM);
                CHILD_CHECK(WriteByte(done.writer.get()));
                CHILD_CHECK(waitpid(child, nullptr, 0) == child);
                return 0;
              }),
              ExitedWith(0));
}

TEST(SessionTest, SetsidMakesSessionAndGroupOnce) {
  EXPECT_THAT(RunInChild([] {
                CHILD_CHECK(setsid() == getpid());
                CHILD_CHECK(getsid(0) == getpid() && getpgrp() == getpid());
                CHILD_CHECK_ERRNO(setsid(), EPERM);
                return 0;
              }),
              ExitedWith(0));
}

TEST(SessionTest, GroupLeaderMayNotSetsid) {
  EXPECT_THAT(RunInChild([] {
                CHILD_CHECK(setpgid(0, 0) == 0);
                CHILD_CHECK_ERRNO(setsid(), EPERM);
                return 0;
              }),
              ExitedWith(0));
}

TEST(SessionTest, UnknownPidIsEsrch) {
  EXPECT_THAT(getpgid(kNoSuchPid), SyscallFailsWithErrno(ESRCH));
  EXPECT_THAT(getsid(kNoSuchPid), SyscallFailsWithErrno(ESRCH));
  EXPECT_THAT(getpgid(-1), SyscallFailsWithErrno(ESRCH));
}

TEST(ProcessGroupTest, KillReachesTheWholeGroup) {
  EXPECT_THAT(RunInChild([] {
                Pipe ready = MakePipe();
                pid_t children[3];
                for (pid_t& child : children) {
                  child = fork();
                  if (child == 0) {
                    WriteByte(ready.writer.get());
                    for (;;) pause();
                  }
                  CHILD_CHECK(setpgid(child, children[0]) == 0);
                }
                for (int i = 0; i < 3; ++i) CHILD_CHECK(ReadByte(ready.reader.get()));
                CHILD_CHECK(kill(-children[0], SIGTERM) == 0);
                for (pid_t child : children) {
                  int status = 0;
                  CHILD_CHECK(waitpid(child, &status, 0) == child);
                  CHILD_CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
                }
                CHILD_CHECK_ERRNO(kill(-children[0], SIGTERM), ESRCH);
                return 0;
              }),
              ExitedWith(0));
}

}  // namespace
}  // namespace tests
