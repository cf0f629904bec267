// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "tests/util/fork.h"
#include "tests/util/matchers.h"
#include "tests/util/raw_syscall.h"
#include "tests/util/signals.h"
#include "tests/util/unique_fd.h"

namespace tests {
namespace {

constexpr pid_t kNoSuchPid = 0x3fffffff;

TEST(KillTest, SignalZeroOnlyChecks) {
  EXPECT_THAT(kill(getpid(), 0), SyscallSucceeds());
  EXPECT_THAT(kill(kNoSuchPid, 0), SyscallFailsWithErrno(ESRCH));
}

TEST(KillTest, BadSignalIsEinval) {
  EXPECT_THAT(kill(getpid(), -1), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(kill(getpid(), 65), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(kill(kNoSuchPid, 65), SyscallFailsWithErrno(ESRCH));
}

TEST(KillTest, OthersMaySignalOnlyTheirOwn) {
  Child sleeper([] {
    for (;;) pause();
    return 0;
  });
  EXPECT_THAT(RunInChild([&] {
                CHILD_CHECK(setresuid(1000, 1000, 1000) == 0);
                CHILD_CHECK_ERRNO(kill(sleeper.pid(), SIGTERM), EPERM);
                CHILD_CHECK_ERRNO(kill(sleeper.pid(), 0), EPERM);
                return 0;
              }),
              ExitedWith(0));
}

TEST(KillTest, SignalToSelfIsDeliveredBeforeTheCallReturns) {
  static volatile sig_atomic_t calls;
  calls = 0;
  ScopedAction action(SIGUSR1, [](int) { calls = calls + 1; });
  ASSERT_THAT(kill(getpid(), SIGUSR1), SyscallSucceeds());
  EXPECT_EQ(calls, 1);
}

TEST(KillTest, DefaultActionsKill) {
  for (int signal : {SIGHUP, SIGINT, SIGKILL, SIGUSR1, SIGPIPE, SIGALRM, SIGTERM, SIGVTALRM, SIGPROF, SIGIO}) {
    EXPECT_THAT(RunInChild([=] { return kill(getpid(), signal); }), KilledBy(signal));
  }
}

TEST(KillTest, DefaultActionsIgnore) {
  for (int signal : {SIGCHLD, SIGCONT, SIGURG, SIGWINCH}) {
    EXPECT_THAT(RunInChild([=] { return kill(getpid(), signal); }), ExitedWith(0));
  }
}

TEST(KillTest, KillWakesABlockedProcess) {
  Pipe ready = MakePipe();
  Child child([&] {
    WriteByte(ready.writer.get());
    for (;;) pause();
    return 0;
  });
  ASSERT_TRUE(ReadByte(ready.reader.get()));
  ASSERT_THAT(kill(child.pid(), SIGKILL), SyscallSucceeds());
  EXPECT_THAT(child.Wait(), KilledBy(SIGKILL));
}

TEST(KillTest, KillStopsASpinningProcess) {
  Pipe ready = MakePipe();
  Child child([&] {
    WriteByte(ready.writer.get());
    for (volatile uint64_t i = 0;;) i = i + 1;
    return 0;
  });
  ASSERT_TRUE(ReadByte(ready.reader.get()));
  ASSERT_THAT(kill(child.pid(), SIGTERM), SyscallSucceeds());
  EXPECT_THAT(child.Wait(), KilledBy(SIGTERM));
}

TEST(KillTest, HandlerRunsInASpinningProcess) {
  Pipe ready = MakePipe();
  Child child([&] {
    static volatile sig_atomic_t stop;
    signal(SIGUSR1, [](int) { stop = 1; });
    WriteByte(ready.writer.get());
    while (!stop) {
    }
    return 8;
  });
  ASSERT_TRUE(ReadByte(ready.reader.get()));
  ASSERT_THAT(kill(child.pid(), SIGUSR1), SyscallSucceeds());
  EXPECT_THAT(child.Wait(), ExitedWith(8));
}

TEST(KillTest, StoppedProcessRunsAgainOnlyAfterSigcont) {
  Pipe ready = MakePipe();
  Pipe answer = MakePipe(O_NONBLOCK);
  Child child([&] {
    WriteByte(ready.writer.get());
    raise(SIGSTOP);
    WriteByte(answer.writer.get());
    return 0;
  });
  ASSERT_TRUE(ReadByte(ready.reader.get()));
  int status = 0;
  ASSERT_THAT(waitpid(child.pid(), &status, WUNTRACED), SyscallSucceeds());
  ASSERT_TRUE(WIFSTOPPED(status));
  char byte;
  EXPECT_THAT(read(answer.reader.get(), &byte, 1), SyscallFailsWithErrno(EAGAIN));
  ASSERT_THAT(kill(child.pid(), SIGCONT), SyscallSucceeds());
  EXPECT_THAT(child.Wait(), ExitedWith(0));
  EXPECT_THAT(read(answer.reader.get(), &byte, 1), SyscallSucceedsWithValue(1));
}

TEST(KillTest, StoppedProcessCanBeKilled) {
  Child child([] { return raise(SIGSTOP); });
  int status = 0;
  ASSERT_THAT(waitpid(child.pid(), &status, WUNTRACED), SyscallSucceeds());
  ASSERT_THAT(kill(child.pid(), SIGKILL), SyscallSucceeds());
  EXPECT_THAT(child.Wait(), KilledBy(SIGKILL));
}

TEST(TgkillTest, ReachesTheNamedThreadOnly) {
  static std::atomic<pid_t> caught;
  caught = 0;
  ScopedAction action(SIGUSR1, [](int) { caught = gettid(); });
  std::atomic<pid_t> tid{0};
  std::thread other([&] {
    tid = gettid();
    while (caught == 0) sched_yield();
  });
  while (tid == 0) sched_yield();
  EXPECT_THAT(tgkill(getpid(), tid, SIGUSR1), SyscallSucceeds());
  other.join();
  EXPECT_EQ(caught, tid);
}

TEST(TgkillTest, WrongIdsFail) {
  EXPECT_THAT(tgkill(getpid(), kNoSuchPid, SIGUSR1), SyscallFailsWithErrno(ESRCH));
  EXPECT_THAT(tgkill(kNoSuchPid, gettid(), SIGUSR1), SyscallFailsWithErrno(ESRCH));
  EXPECT_THAT(tgkill(getpid(), -1, SIGUSR1), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(tgkill(-1, gettid(), SIGUSR1), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(tgkill(getpid(), gettid(), 65), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RawSyscall(SYS_tkill, kNoSuchPid, SIGUSR1), SyscallFailsWithErrno(ESRCH));
  EXPECT_THAT(RawSyscall(SYS_tkill, 0, SIGUSR1), SyscallFailsWithErrno(EINVAL));
}

TEST(KillTest, ProcessSignalGoesToAThreadThatDoesNotBlockIt) {
  static std::atomic<pid_t> caught;
  caught = 0;
  ScopedAction action(SIGUSR1, [](int) { caught = gettid(); });
  std::atomic<pid_t> tid{0};
  std::thread other([&] {
    tid = gettid();
    while (caught == 0) sched_yield();
  });
  while (tid == 0) sched_yield();
  {
    ScopedMask mask(SIG_BLOCK, {SIGUSR1});
    ASSERT_THAT(kill(getpid(), SIGUSR1), SyscallSucceeds());
    other.join();
  }
  EXPECT_EQ(caught, tid);
}

TEST(SigqueueTest, CarriesAValue) {
  static siginfo_t caught;
  ScopedAction action(SIGRTMIN + 1, [](int, siginfo_t* info, void*) { caught = *info; });
  sigval value = {};
  value.sival_int = 1234;
  ASSERT_THAT(sigqueue(getpid(), SIGRTMIN + 1, value), SyscallSucceeds());
  EXPECT_EQ(caught.si_code, SI_QUEUE);
  EXPECT_EQ(caught.si_value.sival_int, 1234);
  EXPECT_EQ(caught.si_pid, getpid());
}

TEST(SigqueueTest, RealTimeSignalsQueueInOrderStandardOnesMerge) {
  static std::atomic<int> standard;
  static std::atomic<int> count;
  static int values[3];
  standard = count = 0;
  ScopedAction first(SIGUSR1, [](int) { ++standard; });
  ScopedAction second(SIGRTMIN + 1, [](int, siginfo_t* info, void*) { values[count++] = info->si_value.sival_int; });
  {
    ScopedMask mask(SIG_BLOCK, {SIGUSR1, SIGRTMIN + 1});
    for (int i = 0; i < 3; ++i) {
      sigval value = {};
      value.sival_int = 10 + i;
      ASSERT_THAT(sigqueue(getpid(), SIGRTMIN + 1, value), SyscallSucceeds());
      ASSERT_THAT(kill(getpid(), SIGUSR1), SyscallSucceeds());
    }
  }
  EXPECT_EQ(standard, 1);
  ASSERT_EQ(count, 3);
  EXPECT_EQ(values[0], 10);
  EXPECT_EQ(values[1], 11);
  EXPECT_EQ(values[2], 12);
}

TEST(SigqueueTest, ForgedKernelCodeToAnotherIsEperm) {
  Child sleeper([] {
    for (;;) pause();
    return 0;
  });
  siginfo_t info = {};
  info.si_code = SI_USER;
  EXPECT_THAT(RawSyscall(SYS_rt_sigqueueinfo, sleeper.pid(), SIGUSR1, &info), SyscallFailsWithErrno(EPERM));
  EXPECT_THAT(RawSyscall(SYS_rt_sigqueueinfo, sleeper.pid(), SIGUSR1, BadPointer()), SyscallFailsWithErrno(EFAULT));
}

}  // namespace
}  // namespace tests
