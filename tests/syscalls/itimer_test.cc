// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#include <atomic>

#include "tests/util/fork.h"
#include "tests/util/matchers.h"
#include "tests/util/raw_syscall.h"
#include "tests/util/signals.h"

namespace tests {
namespace {

std::atomic<int> g_count{0};
void Count(int) { g_count.fetch_add(1); }

struct Kind {
  const char* name;
  int which;
  int signal;
};

class ItimerKindTest : public ::testing::TestWithParam<Kind> {};

TEST_P(ItimerKindTest, SendsItsSignalAgainAndAgain) {
  g_count = 0;
  ScopedAction action(GetParam().signal, Count);
  const itimerval timer = {{0, 5000}, {0, 5000}};
  ASSERT_THAT(setitimer(GetParam().which, &timer, nullptr), SyscallSucceeds());
  // CPU time goes by while it spins.
  while (g_count < 3) {
  }
  const itimerval off = {};
  itimerval old{};
  EXPECT_THAT(setitimer(GetParam().which, &off, &old), SyscallSucceeds());
  EXPECT_EQ(old.it_interval.tv_usec, 5000);
  EXPECT_GT(old.it_value.tv_usec, 0);
}

TEST_P(ItimerKindTest, OnceIsOnce) {
  g_count = 0;
  ScopedAction action(GetParam().signal, Count);
  const itimerval timer = {{0, 0}, {0, 1000}};
  ASSERT_THAT(setitimer(GetParam().which, &timer, nullptr), SyscallSucceeds());
  while (g_count == 0) {
  }
  itimerval now{};
  EXPECT_THAT(getitimer(GetParam().which, &now), SyscallSucceeds());
  EXPECT_EQ(now.it_value.tv_sec, 0);
  EXPECT_EQ(now.it_value.tv_usec, 0);
}

TEST_P(ItimerKindTest, AChildHasNone) {
  ScopedAction action(GetParam().signal, Count);
  const itimerval timer = {{100, 0}, {100, 0}};
  ASSERT_THAT(setitimer(GetParam().which, &timer, nullptr), SyscallSucceeds());
  EXPECT_THAT(RunInChild([] {
                itimerval now{};
                CHILD_CHECK(getitimer(GetParam().which, &now) == 0);
                CHILD_CHECK(now.it_value.tv_sec == 0 && now.it_interval.tv_sec == 0);
                return 0;
              }),
              ExitedWith(0));
  itimerval now{};
  EXPECT_THAT(getitimer(GetParam().which, &now), SyscallSucceeds());
  EXPECT_GE(now.it_value.tv_sec, 99);
  EXPECT_EQ(now.it_interval.tv_sec, 100);
  const itimerval off = {};
  EXPECT_THAT(setitimer(GetParam().which, &off, nullptr), SyscallSucceeds());
}

INSTANTIATE_TEST_SUITE_P(All, ItimerKindTest,
                         ::testing::Values(Kind{"Real", ITIMER_REAL, SIGALRM},
                                           Kind{"Virtual", ITIMER_VIRTUAL, SIGVTALRM},
                                           Kind{"Prof", ITIMER_PROF, SIGPROF}),
                         [](const auto& info) { return info.param.name; });

TEST(ItimerTest, BadKindsTimesAndPointersFail) {
  itimerval timer{};
  EXPECT_THAT(RawSyscall(SYS_getitimer, 3, &timer), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RawSyscall(SYS_setitimer, -1, &timer, nullptr), SyscallFailsWithErrno(EINVAL));
  timer.it_value.tv_usec = 1'000'000;
  EXPECT_THAT(RawSyscall(SYS_setitimer, ITIMER_VIRTUAL, &timer, nullptr), SyscallFailsWithErrno(EINVAL));
  timer.it_value.tv_usec = -1;
  EXPECT_THAT(RawSyscall(SYS_setitimer, ITIMER_REAL, &timer, nullptr), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RawSyscall(SYS_getitimer, ITIMER_PROF, BadPointer<itimerval>()), SyscallFailsWithErrno(EFAULT));
  EXPECT_THAT(RawSyscall(SYS_setitimer, ITIMER_PROF, BadPointer<itimerval>(), nullptr), SyscallFailsWithErrno(EFAULT));
}

TEST(CpuLimitTest, SoftLimitSendsSigxcpuAndHardKills) {
  EXPECT_THAT(RunInChild([] {
                const rlimit limit = {1, 2};
                CHILD_CHECK(setrlimit(RLIMIT_CPU, &limit) == 0);
                while (true) {
                }
                return 0;
              }),
              KilledBy(SIGXCPU));
  EXPECT_THAT(RunInChild([] {
                const rlimit limit = {1, 2};
                CHILD_CHECK(signal(SIGXCPU, SIG_IGN) != SIG_ERR);
                CHILD_CHECK(setrlimit(RLIMIT_CPU, &limit) == 0);
                while (true) {
                }
                return 0;
              }),
              KilledBy(SIGKILL));
}

}  // namespace
}  // namespace tests
