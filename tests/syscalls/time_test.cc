// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/times.h>
#include <time.h>
#include <unistd.h>

#include <cstdint>

#include "tests/util/fork.h"
#include "tests/util/matchers.h"
#include "tests/util/raw_syscall.h"
#include "tests/util/signals.h"

namespace tests {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

int64_t Nanoseconds(const timespec& time) { return time.tv_sec * kSecond + time.tv_nsec; }

int64_t Now(clockid_t clock) {
  timespec time = {};
  EXPECT_THAT(clock_gettime(clock, &time), SyscallSucceeds());
  return Nanoseconds(time);
}

int64_t NowBySyscall(clockid_t clock) {
  timespec time = {};
  EXPECT_THAT(RawSyscall(SYS_clock_gettime, clock, &time), SyscallSucceeds());
  return Nanoseconds(time);
}

TEST(ClockTest, MonotonicClocksNeverStepBack) {
  for (clockid_t clock : {CLOCK_MONOTONIC, CLOCK_MONOTONIC_RAW, CLOCK_BOOTTIME, CLOCK_MONOTONIC_COARSE}) {
    int64_t last = Now(clock);
    for (int i = 0; i < 1000; ++i) {
      const int64_t now = Now(clock);
      ASSERT_GE(now, last) << "clock " << clock;
      last = now;
    }
  }
}

TEST(ClockTest, VdsoAndSystemCallAgree) {
  for (clockid_t clock : {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME}) {
    for (int i = 0; i < 100; ++i) {
      const int64_t before = Now(clock);
      const int64_t between = NowBySyscall(clock);
      const int64_t after = Now(clock);
      ASSERT_LE(before, between) << "clock " << clock;
      ASSERT_LE(between, after) << "clock " << clock;
    }
  }
}

TEST(ClockTest, GettimeofdayAndTimeAreTheRealtimeClock) {
  timeval time_of_day = {};
  const int64_t before = Now(CLOCK_REALTIME);
  ASSERT_THAT(gettimeofday(&time_of_day, nullptr), SyscallSucceeds());
  const int64_t after = Now(CLOCK_REALTIME);
  const int64_t between = time_of_day.tv_sec * kSecond + time_of_day.tv_usec * 1000;
  EXPECT_GE(between, before - 1000);
  EXPECT_LE(between, after);
  time_t stored = 0;
  const long seconds = RawSyscall(SYS_time, &stored);
  EXPECT_EQ(seconds, stored);
  EXPECT_GE(seconds, before / kSecond - 1) << "time() may read the coarse clock";
  timeval by_syscall = {};
  struct timezone zone = {};
  EXPECT_THAT(RawSyscall(SYS_gettimeofday, &by_syscall, &zone), SyscallSucceeds());
  EXPECT_GE(by_syscall.tv_sec, time_of_day.tv_sec);
}

TEST(ClockTest, CpuClocksAdvanceWithWork) {
  for (clockid_t clock : {CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID}) {
    const int64_t start = Now(clock);
    EXPECT_GT(start, 0);
    while (Now(clock) < start + 1'000'000) {
    }
  }
}

TEST(ClockTest, UnknownClockIsEinvalAndUnmappedEfault) {
  timespec time;
  EXPECT_THAT(RawSyscall(SYS_clock_gettime, 99, &time), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RawSyscall(SYS_clock_getres, 99, &time), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RawSyscall(SYS_clock_gettime, CLOCK_MONOTONIC, BadPointer()), SyscallFailsWithErrno(EFAULT));
  EXPECT_THAT(RawSyscall(SYS_clock_getres, CLOCK_MONOTONIC, BadPointer()), SyscallFailsWithErrno(EFAULT));
  EXPECT_THAT(RawSyscall(SYS_gettimeofday, BadPointer(), nullptr), SyscallFailsWithErrno(EFAULT));
  EXPECT_THAT(RawSyscall(SYS_time, BadPointer()), SyscallFailsWithErrno(EFAULT));
  EXPECT_THAT(RawSyscall(SYS_times, BadPointer()), SyscallFailsWithErrno(EFAULT));
}

TEST(ClockTest, ResolutionIsOneNanosecondOrATick) {
  timespec resolution = {};
  ASSERT_THAT(RawSyscall(SYS_clock_getres, CLOCK_MONOTONIC, &resolution), SyscallSucceeds());
  EXPECT_EQ(Nanoseconds(resolution), 1);
  ASSERT_THAT(RawSyscall(SYS_clock_getres, CLOCK_REALTIME_COARSE, &resolution), SyscallSucceeds());
  EXPECT_GE(Nanoseconds(resolution), 1'000'000);
  EXPECT_THAT(RawSyscall(SYS_clock_getres, CLOCK_MONOTONIC, nullptr), SyscallSucceeds());
}

TEST(ClockTest, SettingTheMonotonicClockIsEinval) {
  const timespec time = {1, 0};
  EXPECT_THAT(clock_settime(CLOCK_MONOTONIC, &time), SyscallFailsWithErrno(EINVAL));
}

TEST(TimesTest, ChildrenCountOnceTheyAreReaped) {
  EXPECT_THAT(RunInChild([] {
                struct tms before = {};
                struct tms after = {};
                CHILD_CHECK(times(&before) != -1 && before.tms_cutime + before.tms_cstime == 0);
                Child child([] {
                  const int64_t start = Now(CLOCK_PROCESS_CPUTIME_ID);
                  while (Now(CLOCK_PROCESS_CPUTIME_ID) < start + 50'000'000) {
                  }
                  return 0;
                });
                child.Wait();
                CHILD_CHECK(times(&after) != -1 && after.tms_cutime + after.tms_cstime > 0);
                return 0;
              }),
              ExitedWith(0));
}

TEST(NanosleepTest, SleepsAtLeastAsLongAsAsked) {
  const int64_t start = Now(CLOCK_MONOTONIC);
  const timespec request = {0, 3'000'000};
  EXPECT_THAT(RawSyscall(SYS_nanosleep, &request, nullptr), SyscallSucceeds());
  EXPECT_GE(Now(CLOCK_MONOTONIC), start + 3'000'000);
}

TEST(NanosleepTest, ZeroReturnsAtOnce) {
  const timespec request = {0, 0};
  EXPECT_THAT(RawSyscall(SYS_nanosleep, &request, nullptr), SyscallSucceeds());
}

TEST(NanosleepTest, BadTimesAreEinvalAndUnmappedEfault) {
  const timespec overflow = {0, kSecond};
  const timespec negative = {-1, 0};
  const timespec negative_part = {0, -1};
  for (const timespec* bad : {&overflow, &negative, &negative_part}) {
    EXPECT_THAT(RawSyscall(SYS_nanosleep, bad, nullptr), SyscallFailsWithErrno(EINVAL));
    EXPECT_THAT(RawSyscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, bad, nullptr), SyscallFailsWithErrno(EINVAL));
  }
  EXPECT_THAT(RawSyscall(SYS_nanosleep, BadPointer(), nullptr), SyscallFailsWithErrno(EFAULT));
  EXPECT_THAT(RawSyscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, BadPointer(), nullptr),
              SyscallFailsWithErrno(EFAULT));
}

TEST(ClockNanosleepTest, AbsoluteTimeInThePastReturnsAtOnce) {
  const timespec past = {1, 0};
  EXPECT_THAT(RawSyscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, &past, nullptr), SyscallSucceeds());
  EXPECT_THAT(RawSyscall(SYS_clock_nanosleep, CLOCK_REALTIME, TIMER_ABSTIME, &past, nullptr), SyscallSucceeds());
}

TEST(ClockNanosleepTest, AbsoluteTimeIsReached) {
  for (clockid_t clock : {CLOCK_MONOTONIC, CLOCK_REALTIME, CLOCK_BOOTTIME}) {
    const int64_t until = Now(clock) + 2'000'000;
    const timespec request = {until / kSecond, until % kSecond};
    EXPECT_THAT(RawSyscall(SYS_clock_nanosleep, clock, TIMER_ABSTIME, &request, nullptr), SyscallSucceeds());
    EXPECT_GE(Now(clock), until);
  }
}

TEST(ClockNanosleepTest, RemainderIsWrittenOnlyForRelativeSleeps) {
  ScopedAction action(SIGUSR1, [](int) {});
  Pester pester(SIGUSR1);
  const timespec relative = {1000, 0};
  timespec remain = {-7, -7};
  EXPECT_THAT(RawSyscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &relative, &remain), SyscallFailsWithErrno(EINTR));
  EXPECT_GE(remain.tv_sec, 0);
  const int64_t until = Now(CLOCK_MONOTONIC) + 1000 * kSecond;
  const timespec absolute = {until / kSecond, until % kSecond};
  remain = {-7, -7};
  EXPECT_THAT(RawSyscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, &absolute, &remain),
              SyscallFailsWithErrno(EINTR));
  EXPECT_EQ(remain.tv_sec, -7);
}

TEST(ClockNanosleepTest, ClocksThatCannotSleepFail) {
  const timespec request = {0, 1};
  EXPECT_THAT(RawSyscall(SYS_clock_nanosleep, CLOCK_THREAD_CPUTIME_ID, 0, &request, nullptr),
              SyscallFailsWithErrno(EOPNOTSUPP));
  EXPECT_THAT(RawSyscall(SYS_clock_nanosleep, CLOCK_MONOTONIC_COARSE, 0, &request, nullptr),
              SyscallFailsWithErrno(EOPNOTSUPP));
  EXPECT_THAT(RawSyscall(SYS_clock_nanosleep, 99, 0, &request, nullptr), SyscallFailsWithErrno(EINVAL));
}

TEST(AlarmTest, ReturnsTheSecondsLeft) {
  EXPECT_EQ(alarm(1000), 0u);
  const unsigned left = alarm(0);
  EXPECT_GT(left, 0u);
  EXPECT_LE(left, 1000u);
  EXPECT_EQ(alarm(0), 0u);
}

TEST(ItimerTest, RealTimerSendsSigalrm) {
  ScopedMask mask(SIG_BLOCK, {SIGALRM});
  const itimerval timer = {{0, 0}, {0, 1000}};
  ASSERT_THAT(setitimer(ITIMER_REAL, &timer, nullptr), SyscallSucceeds());
  const sigset_t set = SignalSet({SIGALRM});
  EXPECT_THAT(sigwaitinfo(&set, nullptr), SyscallSucceedsWithValue(SIGALRM));
  itimerval now = {};
  ASSERT_THAT(getitimer(ITIMER_REAL, &now), SyscallSucceeds());
  EXPECT_EQ(now.it_value.tv_sec + now.it_value.tv_usec, 0);
  EXPECT_THAT(RawSyscall(SYS_setitimer, 9, &timer, nullptr), SyscallFailsWithErrno(EINVAL));
}

}  // namespace
}  // namespace tests
