// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <string>
#include <thread>

#include "tests/util/fork.h"
#include "tests/util/matchers.h"
#include "tests/util/raw_syscall.h"
#include "tests/util/signals.h"

namespace tests {
namespace {

bool IsBlocked(int signal) {
  sigset_t set;
  EXPECT_EQ(pthread_sigmask(SIG_SETMASK, nullptr, &set), 0);
  return sigismember(&set, signal);
}

bool IsPending(int signal) {
  sigset_t set;
  EXPECT_THAT(sigpending(&set), SyscallSucceeds());
  return sigismember(&set, signal);
}

TEST(SigprocmaskTest, BlockUnblockAndSet) {
  ScopedMask restore(SIG_BLOCK, {});
  sigset_t set = SignalSet({SIGUSR1});
  sigset_t other = SignalSet({SIGUSR2});
  ASSERT_THAT(sigprocmask(SIG_BLOCK, &set, nullptr), SyscallSucceeds());
  ASSERT_THAT(sigprocmask(SIG_BLOCK, &other, nullptr), SyscallSucceeds());
  EXPECT_TRUE(IsBlocked(SIGUSR1) && IsBlocked(SIGUSR2));
  ASSERT_THAT(sigprocmask(SIG_UNBLOCK, &set, nullptr), SyscallSucceeds());
  EXPECT_TRUE(!IsBlocked(SIGUSR1) && IsBlocked(SIGUSR2));
  sigset_t old;
  ASSERT_THAT(sigprocmask(SIG_SETMASK, &set, &old), SyscallSucceeds());
  EXPECT_TRUE(IsBlocked(SIGUSR1) && !IsBlocked(SIGUSR2));
  EXPECT_TRUE(sigismember(&old, SIGUSR2));
}

TEST(SigprocmaskTest, KillAndStopStayUnblocked) {
  ScopedMask mask(SIG_BLOCK, {SIGKILL, SIGSTOP});
  EXPECT_FALSE(IsBlocked(SIGKILL));
  EXPECT_FALSE(IsBlocked(SIGSTOP));
}

TEST(SigprocmaskTest, BadArgumentsFail) {
  uint64_t set = 0;
  EXPECT_THAT(RawSyscall(SYS_rt_sigprocmask, 99, &set, nullptr, 8), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RawSyscall(SYS_rt_sigprocmask, 99, nullptr, &set, 8), SyscallSucceeds());
  EXPECT_THAT(RawSyscall(SYS_rt_sigprocmask, SIG_BLOCK, &set, nullptr, 4), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RawSyscall(SYS_rt_sigprocmask, SIG_BLOCK, BadPointer(), nullptr, 8), SyscallFailsWithErrno(EFAULT));
  EXPECT_THAT(RawSyscall(SYS_rt_sigprocmask, SIG_BLOCK, nullptr, BadPointer(), 8), SyscallFailsWithErrno(EFAULT));
}

TEST(SigprocmaskTest, PendingSignalIsDeliveredBeforeUnblockReturns) {
  static volatile sig_atomic_t calls;
  calls = 0;
  ScopedAction action(SIGUSR1, [](int) { calls = calls + 1; });
  {
    ScopedMask mask(SIG_BLOCK, {SIGUSR1});
    raise(SIGUSR1);
    EXPECT_EQ(calls, 0);
    EXPECT_TRUE(IsPending(SIGUSR1));
  }
  EXPECT_EQ(calls, 1);
  EXPECT_FALSE(IsPending(SIGUSR1));
}

TEST(SigprocmaskTest, MaskIsPerThread) {
  ScopedMask mask(SIG_BLOCK, {SIGUSR1});
  std::thread([] {
    EXPECT_TRUE(IsBlocked(SIGUSR1)) << "a new thread inherits the mask";
    ScopedMask inner(SIG_UNBLOCK, {SIGUSR1});
    EXPECT_FALSE(IsBlocked(SIGUSR1));
  }).join();
  EXPECT_TRUE(IsBlocked(SIGUSR1));
}

TEST(SigprocmaskTest, MaskIsRestoredAfterTheHandlerWhateverItDid) {
  ScopedAction action(SIGUSR1, [](int) {
    const sigset_t set = SignalSet({SIGUSR2});
    pthread_sigmask(SIG_BLOCK, &set, nullptr);
  });
  raise(SIGUSR1);
  EXPECT_FALSE(IsBlocked(SIGUSR2));
  EXPECT_FALSE(IsBlocked(SIGUSR1));
}

TEST(SigprocmaskTest, LowestNumberIsHandledLastOfThoseUnblockedTogether) {
  // All frames are built on one another at once, so the handler that was set up last runs first.
  static std::string order;
  order.clear();
  ScopedAction first(SIGUSR1, [](int) { order += "1"; });
  ScopedAction second(SIGUSR2, [](int) { order += "2"; });
  {
    ScopedMask mask(SIG_BLOCK, {SIGUSR1, SIGUSR2});
    raise(SIGUSR2);
    raise(SIGUSR1);
  }
  EXPECT_EQ(order, "21");
}

TEST(SigpendingTest, ThreadAndProcessSignalsAreBothSeen) {
  ScopedAction first(SIGUSR1, [](int) {});
  ScopedAction second(SIGUSR2, [](int) {});
  ScopedMask mask(SIG_BLOCK, {SIGUSR1, SIGUSR2});
  ASSERT_THAT(kill(getpid(), SIGUSR1), SyscallSucceeds());
  ASSERT_THAT(tgkill(getpid(), gettid(), SIGUSR2), SyscallSucceeds());
  EXPECT_TRUE(IsPending(SIGUSR1) && IsPending(SIGUSR2));
  std::thread([] { EXPECT_TRUE(IsPending(SIGUSR1) && !IsPending(SIGUSR2)); }).join();
}

TEST(SigpendingTest, BadArgumentsFail) {
  uint64_t set;
  EXPECT_THAT(RawSyscall(SYS_rt_sigpending, BadPointer(), 8), SyscallFailsWithErrno(EFAULT));
  EXPECT_THAT(RawSyscall(SYS_rt_sigpending, &set, 9), SyscallFailsWithErrno(EINVAL));
}

TEST(SigsuspendTest, WaitsWithTheGivenMaskAndRestoresTheOld) {
  static volatile sig_atomic_t calls;
  calls = 0;
  ScopedAction action(SIGUSR1, [](int) { calls = calls + 1; });
  ScopedMask mask(SIG_BLOCK, {SIGUSR1});
  raise(SIGUSR1);
  const sigset_t empty = SignalSet({});
  EXPECT_THAT(sigsuspend(&empty), SyscallFailsWithErrno(EINTR));
  EXPECT_EQ(calls, 1);
  EXPECT_TRUE(IsBlocked(SIGUSR1));
}

TEST(SigsuspendTest, BadArgumentsFail) {
  uint64_t set = 0;
  EXPECT_THAT(RawSyscall(SYS_rt_sigsuspend, BadPointer(), 8), SyscallFailsWithErrno(EFAULT));
  EXPECT_THAT(RawSyscall(SYS_rt_sigsuspend, &set, 4), SyscallFailsWithErrno(EINVAL));
}

TEST(SigtimedwaitTest, TakesAPendingSignalWithItsInfo) {
  ScopedMask mask(SIG_BLOCK, {SIGUSR1});
  ASSERT_THAT(kill(getpid(), SIGUSR1), SyscallSucceeds());
  const sigset_t set = SignalSet({SIGUSR1});
  const timespec zero = {0, 0};
  siginfo_t info = {};
  EXPECT_THAT(sigtimedwait(&set, &info, &zero), SyscallSucceedsWithValue(SIGUSR1));
  EXPECT_EQ(info.si_code, SI_USER);
  EXPECT_EQ(info.si_pid, getpid());
  EXPECT_FALSE(IsPending(SIGUSR1));
}

TEST(SigtimedwaitTest, TimeoutIsEagain) {
  ScopedMask mask(SIG_BLOCK, {SIGUSR1});
  const sigset_t set = SignalSet({SIGUSR1});
  const timespec zero = {0, 0};
  const timespec small = {0, 2'000'000};
  EXPECT_THAT(sigtimedwait(&set, nullptr, &zero), SyscallFailsWithErrno(EAGAIN));
  EXPECT_THAT(sigtimedwait(&set, nullptr, &small), SyscallFailsWithErrno(EAGAIN));
}

TEST(SigtimedwaitTest, AnotherSignalIsEintr) {
  ScopedAction action(
      SIGUSR2, [](int) {}, SA_RESTART);
  ScopedMask mask(SIG_BLOCK, {SIGUSR1});
  Pester pester(SIGUSR2);
  const sigset_t set = SignalSet({SIGUSR1});
  EXPECT_THAT(sigwaitinfo(&set, nullptr), SyscallFailsWithErrno(EINTR));
}

TEST(SigtimedwaitTest, BlockedWaiterIsWokenBySignalToTheProcess) {
  ScopedMask mask(SIG_BLOCK, {SIGUSR1});
  int received = 0;
  std::thread waiter([&] {
    const sigset_t set = SignalSet({SIGUSR1});
    received = sigwaitinfo(&set, nullptr);
  });
  ASSERT_THAT(kill(getpid(), SIGUSR1), SyscallSucceeds());
  waiter.join();
  EXPECT_EQ(received, SIGUSR1);
}

TEST(SigtimedwaitTest, BadArgumentsFail) {
  uint64_t set = 1u << (SIGUSR1 - 1);
  const timespec bad = {0, -1};
  const timespec zero = {0, 0};
  EXPECT_THAT(RawSyscall(SYS_rt_sigtimedwait, &set, nullptr, &bad, 8), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RawSyscall(SYS_rt_sigtimedwait, &set, nullptr, &zero, 4), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RawSyscall(SYS_rt_sigtimedwait, BadPointer(), nullptr, &zero, 8), SyscallFailsWithErrno(EFAULT));
  EXPECT_THAT(RawSyscall(SYS_rt_sigtimedwait, &set, nullptr, BadPointer(), 8), SyscallFailsWithErrno(EFAULT));
}

}  // namespace
}  // namespace tests
