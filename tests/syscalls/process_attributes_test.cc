// SPDX-License-Identifier: Apache-2.0
#include <asm/prctl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <thread>

#include "tests/util/fork.h"
#include "tests/util/mapping.h"
#include "tests/util/matchers.h"
#include "tests/util/raw_syscall.h"
#include "tests/util/unique_fd.h"

namespace tests {
namespace {

TEST(PrctlTest, NameIsPerThreadAndCutAtFifteenBytes) {
  char before[16] = {};
  ASSERT_THAT(prctl(PR_GET_NAME, before), SyscallSucceeds());
  std::thread([] {
    char name[16] = {};
    EXPECT_THAT(prctl(PR_SET_NAME, "a-name-longer-than-that"), SyscallSucceeds());
    EXPECT_THAT(prctl(PR_GET_NAME, name), SyscallSucceeds());
    EXPECT_STREQ(name, "a-name-longer-t");
  }).join();
  char after[16] = {};
  ASSERT_THAT(prctl(PR_GET_NAME, after), SyscallSucceeds());
  EXPECT_STREQ(before, after);
}

TEST(PrctlTest, UnmappedNameIsEfaultAndUnknownOptionEinval) {
  EXPECT_THAT(RawSyscall(SYS_prctl, PR_SET_NAME, BadPointer()), SyscallFailsWithErrno(EFAULT));
  EXPECT_THAT(RawSyscall(SYS_prctl, PR_GET_NAME, BadPointer()), SyscallFailsWithErrno(EFAULT));
  EXPECT_THAT(RawSyscall(SYS_prctl, 0x7fff, 0, 0, 0, 0), SyscallFailsWithErrno(EINVAL));
}

TEST(PrctlTest, ParentDeathSignalIsStoredAndClearedByFork) {
  int signal = -1;
  EXPECT_THAT(RunInChild([] {
                int stored = -1;
                CHILD_CHECK(prctl(PR_SET_PDEATHSIG, SIGUSR1) == 0);
                CHILD_CHECK(prctl(PR_GET_PDEATHSIG, &stored) == 0 && stored == SIGUSR1);
                return RunInChild([] {
                  int inherited = -1;
                  return prctl(PR_GET_PDEATHSIG, &inherited) == 0 && inherited == 0 ? 0 : 1;
                });
              }),
              ExitedWith(0));
  EXPECT_THAT(prctl(PR_GET_PDEATHSIG, &signal), SyscallSucceeds());
  EXPECT_THAT(prctl(PR_SET_PDEATHSIG, 65), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RawSyscall(SYS_prctl, PR_GET_PDEATHSIG, BadPointer()), SyscallFailsWithErrno(EFAULT));
}

TEST(PrctlTest, ParentDeathSignalArrives) {
  Pipe pipe = MakePipe();
  Pipe ready = MakePipe();
  Child middle([&] {
    if (fork() == 0) {
      sigset_t set;
      sigemptyset(&set);
      sigaddset(&set, SIGUSR1);
      sigprocmask(SIG_BLOCK, &set, nullptr);
      prctl(PR_SET_PDEATHSIG, SIGUSR1);
      WriteByte(ready.writer.get());
      WriteByte(pipe.writer.get(), sigwaitinfo(&set, nullptr) == SIGUSR1 ? 'y' : 'n');
      _exit(0);
    }
    return ReadByte(ready.reader.get()) ? 0 : 1;
  });
  EXPECT_THAT(middle.Wait(), ExitedWith(0));
  char answer = 0;
  ASSERT_TRUE(ReadByte(pipe.reader.get(), &answer));
  EXPECT_EQ(answer, 'y');
}

TEST(PrctlTest, NoNewPrivsIsOneWayAndInherited) {
  EXPECT_THAT(RunInChild([] {
                CHILD_CHECK_ERRNO(prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0), EINVAL);
                CHILD_CHECK_ERRNO(prctl(PR_SET_NO_NEW_PRIVS, 1, 1, 0, 0), EINVAL);
                CHILD_CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
                CHILD_CHECK(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
                CHILD_CHECK(RunInChild([] { return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? 0 : 1; }) == 0);
                return 0;
              }),
              ExitedWith(0));
}

TEST(PrctlTest, DumpableIsZeroOrOne) {
  EXPECT_THAT(RunInChild([] {
                CHILD_CHECK(prctl(PR_SET_DUMPABLE, 0) == 0 && prctl(PR_GET_DUMPABLE) == 0);
                CHILD_CHECK(prctl(PR_SET_DUMPABLE, 1) == 0 && prctl(PR_GET_DUMPABLE) == 1);
                CHILD_CHECK_ERRNO(prctl(PR_SET_DUMPABLE, 2), EINVAL);
                return 0;
              }),
              ExitedWith(0));
}

TEST(RlimitTest, SoftLimitMovesUnderTheHardOne) {
  EXPECT_THAT(RunInChild([] {
                rlimit limit = {};
                CHILD_CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur <= limit.rlim_max);
                const rlimit lower = {100, 200};
                CHILD_CHECK(setrlimit(RLIMIT_NOFILE, &lower) == 0);
                CHILD_CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur == 100 && limit.rlim_max == 200);
                const rlimit reversed = {300, 200};
                CHILD_CHECK_ERRNO(setrlimit(RLIMIT_NOFILE, &reversed), EINVAL);
                CHILD_CHECK(setresuid(1000, 1000, 1000) == 0);
                const rlimit raised = {100, 300};
                CHILD_CHECK_ERRNO(setrlimit(RLIMIT_NOFILE, &raised), EPERM);
                const rlimit soft = {200, 200};
                CHILD_CHECK(setrlimit(RLIMIT_NOFILE, &soft) == 0);
                return 0;
              }),
              ExitedWith(0));
}

TEST(RlimitTest, PrlimitReadsAndWritesAtOnceAlsoOfAChild) {
  Pipe pipe = MakePipe();
  Child child([&] {
    CHILD_CHECK(ReadByte(pipe.reader.get()));
    rlimit limit = {};
    return getrlimit(RLIMIT_CORE, &limit) == 0 && limit.rlim_cur == 0 ? 0 : 1;
  });
  const rlimit zero = {0, 0};
  rlimit old = {};
  EXPECT_THAT(prlimit(child.pid(), RLIMIT_CORE, &zero, &old), SyscallSucceeds());
  rlimit now = {1, 1};
  EXPECT_THAT(prlimit(child.pid(), RLIMIT_CORE, nullptr, &now), SyscallSucceeds());
  EXPECT_EQ(now.rlim_max, 0u);
  ASSERT_TRUE(WriteByte(pipe.writer.get()));
  EXPECT_THAT(child.Wait(), ExitedWith(0));
}

TEST(RlimitTest, ArgumentsAreChecked) {
  rlimit limit;
  EXPECT_THAT(RawSyscall(SYS_getrlimit, 99, &limit), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RawSyscall(SYS_setrlimit, 99, &limit), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RawSyscall(SYS_getrlimit, RLIMIT_CORE, BadPointer()), SyscallFailsWithErrno(EFAULT));
  EXPECT_THAT(RawSyscall(SYS_setrlimit, RLIMIT_CORE, BadPointer()), SyscallFailsWithErrno(EFAULT));
  EXPECT_THAT(RawSyscall(SYS_prlimit64, 0x3fffffff, RLIMIT_CORE, nullptr, &limit), SyscallFailsWithErrno(ESRCH));
  EXPECT_THAT(RawSyscall(SYS_prlimit64, 0, RLIMIT_CORE, nullptr, BadPointer()), SyscallFailsWithErrno(EFAULT));
}

TEST(UnameTest, IsALinuxOnThisArchitecture) {
  utsname name = {};
  ASSERT_THAT(uname(&name), SyscallSucceeds());
  EXPECT_STREQ(name.sysname, "Linux");
  EXPECT_STREQ(name.machine, "x86_64");
  EXPECT_GT(strlen(name.release), 0u);
  EXPECT_THAT(RawSyscall(SYS_uname, BadPointer()), SyscallFailsWithErrno(EFAULT));
}

TEST(SysinfoTest, FiguresAreSane) {
  struct sysinfo info = {};
  ASSERT_THAT(sysinfo(&info), SyscallSucceeds());
  EXPECT_GT(info.totalram, 0u);
  EXPECT_LE(info.freeram, info.totalram);
  EXPECT_GT(info.procs, 0u);
  EXPECT_GT(info.mem_unit, 0u);
  EXPECT_THAT(RawSyscall(SYS_sysinfo, BadPointer()), SyscallFailsWithErrno(EFAULT));
}

TEST(GetrandomTest, FillsTheBufferDifferentlyEachTime) {
  char first[64] = {};
  char second[64] = {};
  EXPECT_THAT(getrandom(first, 64, 0), SyscallSucceedsWithValue(64));
  EXPECT_THAT(getrandom(second, 64, GRND_NONBLOCK), SyscallSucceedsWithValue(64));
  EXPECT_NE(memcmp(first, second, 64), 0);
  EXPECT_THAT(getrandom(first, 0, 0), SyscallSucceedsWithValue(0));
}

TEST(GetrandomTest, UnknownFlagsAreEinvalAndUnmappedEfault) {
  char buffer[8];
  EXPECT_THAT(RawSyscall(SYS_getrandom, buffer, 8, 0x80), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RawSyscall(SYS_getrandom, buffer, 8, GRND_RANDOM | GRND_INSECURE), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RawSyscall(SYS_getrandom, BadPointer(), 8, 0), SyscallFailsWithErrno(EFAULT));
}

TEST(SchedTest, YieldAndAffinity) {
  EXPECT_THAT(sched_yield(), SyscallSucceeds());
  unsigned long mask[16] = {};
  const long size = RawSyscall(SYS_sched_getaffinity, 0, sizeof(mask), mask);
  EXPECT_GT(size, 0);
  EXPECT_EQ(size % 8, 0);
  bool any = false;
  for (unsigned long word : mask) any = any || word != 0;
  EXPECT_TRUE(any);
}

TEST(SchedTest, AffinityArgumentsAreChecked) {
  unsigned long mask[16] = {};
  EXPECT_THAT(RawSyscall(SYS_sched_getaffinity, 0, 0, mask), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RawSyscall(SYS_sched_getaffinity, 0, 9, mask), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RawSyscall(SYS_sched_getaffinity, 0, sizeof(mask), BadPointer()), SyscallFailsWithErrno(EFAULT));
  EXPECT_THAT(RawSyscall(SYS_sched_getaffinity, 0x3fffffff, sizeof(mask), mask), SyscallFailsWithErrno(ESRCH));
}

TEST(GetrusageTest, CountsTimeAndChecksArguments) {
  rusage usage = {};
  volatile uint64_t sum = 0;
  do {
    for (int i = 0; i < 1'000'000; ++i) sum = sum + i;
    ASSERT_THAT(getrusage(RUSAGE_SELF, &usage), SyscallSucceeds());
  } while (usage.ru_utime.tv_sec == 0 && usage.ru_utime.tv_usec == 0);
  EXPECT_GT(usage.ru_maxrss, 0);
  EXPECT_THAT(getrusage(RUSAGE_THREAD, &usage), SyscallSucceeds());
  EXPECT_THAT(getrusage(RUSAGE_CHILDREN, &usage), SyscallSucceeds());
  EXPECT_THAT(RawSyscall(SYS_getrusage, 99, &usage), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RawSyscall(SYS_getrusage, RUSAGE_SELF, BadPointer()), SyscallFailsWithErrno(EFAULT));
}

TEST(SetTidAddressTest, ReturnsTheTid) {
  std::thread([] {
    static int word;
    // The thread's own clear-tid word is what join waits for: put it back by leaving the call to a raw child.
    EXPECT_THAT(RunInChild([] { return RawSyscall(SYS_set_tid_address, &word) == gettid() ? 0 : 1; }), ExitedWith(0));
  }).join();
}

TEST(ArchPrctlTest, FsAndGsBasesAreReadAndWritten) {
  EXPECT_THAT(RunInChild([] {
                unsigned long fs = 0;
                unsigned long gs = 1;
                static uint64_t target = 0x1234'5678'9abc;
                CHILD_CHECK(RawSyscall(SYS_arch_prctl, ARCH_GET_FS, &fs) == 0 && fs != 0);
                uint64_t self;
                __asm__("movq %%fs:0, %0" : "=r"(self));
                CHILD_CHECK(self == fs);
                CHILD_CHECK(RawSyscall(SYS_arch_prctl, ARCH_SET_GS, &target) == 0);
                CHILD_CHECK(RawSyscall(SYS_arch_prctl, ARCH_GET_GS, &gs) == 0);
                CHILD_CHECK(gs == reinterpret_cast<unsigned long>(&target));
                uint64_t loaded;
                __asm__ volatile("movq %%gs:0, %0" : "=r"(loaded));
                CHILD_CHECK(loaded == target);
                sched_yield();
                __asm__ volatile("movq %%gs:0, %0" : "=r"(loaded));
                CHILD_CHECK(loaded == target);
                return 0;
              }),
              ExitedWith(0));
}

TEST(ArchPrctlTest, BadAddressIsEpermAndUnknownCodeEinval) {
  EXPECT_THAT(RawSyscall(SYS_arch_prctl, ARCH_SET_GS, KernelPointer()), SyscallFailsWithErrno(EPERM));
  EXPECT_THAT(RawSyscall(SYS_arch_prctl, ARCH_GET_FS, BadPointer()), SyscallFailsWithErrno(EFAULT));
  EXPECT_THAT(RawSyscall(SYS_arch_prctl, 0x7777, 0), SyscallFailsWithErrno(EINVAL));
}

}  // namespace
}  // namespace tests
