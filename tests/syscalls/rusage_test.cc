// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/times.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <string>
#include <thread>

#include "tests/util/fork.h"
#include "tests/util/mapping.h"
#include "tests/util/matchers.h"
#include "tests/util/raw_syscall.h"
#include "tests/util/temp_path.h"

namespace tests {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kWork = 60'000'000;  // Nanoseconds of CPU time that are told from noise.

int64_t Nanoseconds(const timespec& time) { return time.tv_sec * kSecond + time.tv_nsec; }
int64_t Nanoseconds(const timeval& time) { return time.tv_sec * kSecond + time.tv_usec * 1000; }
int64_t Total(const rusage& usage) { return Nanoseconds(usage.ru_utime) + Nanoseconds(usage.ru_stime); }

int64_t Clock(clockid_t id) {
  timespec now{};
  EXPECT_EQ(clock_gettime(id, &now), 0);
  return Nanoseconds(now);
}

rusage Usage(int who) {
  rusage usage{};
  EXPECT_EQ(getrusage(who, &usage), 0);
  return usage;
}

// Computes until the clock says that `ns` of CPU time are used up.
void Work(clockid_t clock, int64_t ns) {
  int64_t end = Clock(clock) + ns;
  volatile uint64_t sink = 0;
  while (Clock(clock) < end) {
    for (int i = 0; i < 20000; ++i) sink = sink + static_cast<uint64_t>(i);
  }
}

TEST(RusageTest, WorkIsTheThreadsAndTheProcesss) {
  int64_t process = Total(Usage(RUSAGE_SELF));
  int64_t thread = Total(Usage(RUSAGE_THREAD));
  Work(CLOCK_THREAD_CPUTIME_ID, kWork);
  EXPECT_GE(Total(Usage(RUSAGE_SELF)) - process, kWork / 2);
  EXPECT_GE(Total(Usage(RUSAGE_THREAD)) - thread, kWork / 2);
}

TEST(RusageTest, AnotherThreadsWorkIsTheProcesssOnly) {
  int64_t thread = Clock(CLOCK_THREAD_CPUTIME_ID);
  int64_t process = Clock(CLOCK_PROCESS_CPUTIME_ID);
  std::thread([] { Work(CLOCK_THREAD_CPUTIME_ID, kWork); }).join();
  EXPECT_GE(Clock(CLOCK_PROCESS_CPUTIME_ID) - process, kWork / 2);
  EXPECT_LT(Clock(CLOCK_THREAD_CPUTIME_ID) - thread, kWork / 2);
}

TEST(RusageTest, SleepIsNotCpuTime) {
  int64_t before = Clock(CLOCK_PROCESS_CPUTIME_ID);
  const timespec pause = {0, 2 * kWork};
  EXPECT_THAT(nanosleep(&pause, nullptr), SyscallSucceeds());
  EXPECT_LT(Clock(CLOCK_PROCESS_CPUTIME_ID) - before, kWork);
}

TEST(RusageTest, ComputingIsUserTime) {
  rusage before = Usage(RUSAGE_SELF);
  // Without a call in between: the thread's own wall clock ends it.
  volatile uint64_t sink = 0;
  for (int i = 0; i < 100'000'000; ++i) sink = sink + static_cast<uint64_t>(i);
  rusage after = Usage(RUSAGE_SELF);
  int64_t user = Nanoseconds(after.ru_utime) - Nanoseconds(before.ru_utime);
  int64_t system = Nanoseconds(after.ru_stime) - Nanoseconds(before.ru_stime);
  EXPECT_GT(user, system);
}

TEST(RusageTest, AComputingThreadIsSeenWhileItComputes) {
  volatile bool stop = false;
  clockid_t clock = 0;
  std::thread worker([&] {
    volatile uint64_t sink = 0;
    while (!stop) sink = sink + 1;
  });
  ASSERT_EQ(pthread_getcpuclockid(worker.native_handle(), &clock), 0);
  int64_t begin = Clock(clock);
  while (Clock(clock) - begin < kWork) {
  }
  stop = true;
  worker.join();
}

TEST(RusageTest, ChildrenCountOnceTheyAreWaitedFor) {
  int64_t before = Total(Usage(RUSAGE_CHILDREN));
  Child child([] {
    Work(CLOCK_PROCESS_CPUTIME_ID, kWork);
    return 0;
  });
  siginfo_t info{};
  ASSERT_THAT(waitid(P_PID, static_cast<id_t>(child.pid()), &info, WEXITED | WNOWAIT), SyscallSucceeds());
  EXPECT_LT(Total(Usage(RUSAGE_CHILDREN)) - before, kWork / 2);
  rusage usage{};
  int status = 0;
  EXPECT_THAT(wait4(child.pid(), &status, 0, &usage), SyscallSucceedsWithValue(child.pid()));
  child.Disown();
  EXPECT_GE(Total(usage), kWork / 2);
  EXPECT_GE(Total(Usage(RUSAGE_CHILDREN)) - before, kWork / 2);
}

TEST(RusageTest, GrandchildrenCountThroughTheirParent) {
  int64_t before = Total(Usage(RUSAGE_CHILDREN));
  EXPECT_THAT(RunInChild([] {
                CHILD_CHECK(WEXITSTATUS(RunInChild([] {
                              Work(CLOCK_PROCESS_CPUTIME_ID, kWork);
                              return 0;
                            })) == 0);
                return 0;
              }),
              ExitedWith(0));
  EXPECT_GE(Total(Usage(RUSAGE_CHILDREN)) - before, kWork / 2);
}

TEST(RusageTest, WaitidTellsUsageInItsFifthArgument) {
  Child child([] {
    Work(CLOCK_PROCESS_CPUTIME_ID, kWork);
    return 0;
  });
  siginfo_t info{};
  rusage usage{};
  EXPECT_THAT(RawSyscall(SYS_waitid, P_PID, child.pid(), &info, WEXITED, &usage), SyscallSucceeds());
  child.Disown();
  EXPECT_GE(Total(usage), kWork / 2);
}

TEST(RusageTest, MaximumResidentSizeGrowsWithMemory) {
  constexpr size_t kSize = 32 << 20;
  Mapping memory = Mapping::Anonymous(kSize);
  memset(memory.get(), 1, kSize);
  EXPECT_GE(Usage(RUSAGE_SELF).ru_maxrss, static_cast<long>(kSize / 1024));
}

TEST(RusageTest, ErrorsAreEinvalAndEfault) {
  rusage usage{};
  EXPECT_THAT(RawSyscall(SYS_getrusage, 2, &usage), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RawSyscall(SYS_getrusage, RUSAGE_SELF, BadPointer<rusage>()), SyscallFailsWithErrno(EFAULT));
}

TEST(TimesTest, TicksAgreeWithRusage) {
  Work(CLOCK_PROCESS_CPUTIME_ID, kWork);
  tms ticks{};
  ASSERT_THAT(times(&ticks), SyscallSucceeds());
  int64_t used = (ticks.tms_utime + ticks.tms_stime) * (kSecond / sysconf(_SC_CLK_TCK));
  int64_t now = Total(Usage(RUSAGE_SELF));
  EXPECT_LE(used, now + kSecond / sysconf(_SC_CLK_TCK));
  EXPECT_GE(used, kWork / 2);
}

TEST(CpuClockTest, TheClockOfAChildIsItsOwn) {
  Child child([] {
    pause();
    return 0;
  });
  clockid_t clock = 0;
  ASSERT_EQ(clock_getcpuclockid(child.pid(), &clock), 0);
  EXPECT_LT(Clock(clock), kSecond);
  timespec resolution{};
  EXPECT_THAT(clock_getres(clock, &resolution), SyscallSucceeds());
  EXPECT_EQ(resolution.tv_nsec, 1);
}

TEST(CpuClockTest, NoSuchProcessIsEsrch) {
  pid_t gone = 0;
  {
    Child child([] { return 0; });
    gone = child.pid();
    child.Wait();
  }
  clockid_t clock = 0;
  EXPECT_EQ(clock_getcpuclockid(gone, &clock), ESRCH);
}

TEST(CpuClockTest, SleepingOnTheProcesssClockTakesItsTime) {
  volatile bool stop = false;
  std::thread worker([&] {
    volatile uint64_t sink = 0;
    while (!stop) sink = sink + 1;
  });
  int64_t before = Clock(CLOCK_PROCESS_CPUTIME_ID);
  const timespec pause = {0, kWork};
  EXPECT_EQ(clock_nanosleep(CLOCK_PROCESS_CPUTIME_ID, 0, &pause, nullptr), 0);
  EXPECT_GE(Clock(CLOCK_PROCESS_CPUTIME_ID) - before, kWork);
  stop = true;
  worker.join();
  const timespec past = {0, 1};
  EXPECT_EQ(clock_nanosleep(CLOCK_PROCESS_CPUTIME_ID, TIMER_ABSTIME, &past, nullptr), 0);
}

TEST(ProcStatTest, ShowsCpuTimeInTicks) {
  Work(CLOCK_PROCESS_CPUTIME_ID, 3 * kWork);
  std::string text = ReadWholeFile("/proc/self/stat");
  unsigned long user = 0, system = 0;
  ASSERT_EQ(sscanf(text.substr(text.rfind(')') + 2).c_str(), "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
                   &user, &system),
            2);
  int64_t tick = kSecond / sysconf(_SC_CLK_TCK);
  EXPECT_GE(static_cast<int64_t>(user + system) * tick, 2 * kWork);
  EXPECT_LE(static_cast<int64_t>(user + system) * tick, Clock(CLOCK_PROCESS_CPUTIME_ID) + tick);
}

}  // namespace
}  // namespace tests
