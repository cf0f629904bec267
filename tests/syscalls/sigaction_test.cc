// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <string>
#include <thread>

#include "tests/util/fork.h"
#include "tests/util/mapping.h"
#include "tests/util/matchers.h"
#include "tests/util/raw_syscall.h"
#include "tests/util/signals.h"
#include "tests/util/unique_fd.h"

namespace tests {
namespace {

// The kernel's own structure, for calls past libc.
struct KernelSigaction {
  void (*handler)(int);
  unsigned long flags;
  void (*restorer)();
  unsigned long mask;
};

std::atomic<int> g_calls;
void Count(int) { ++g_calls; }

// Sends `signal` to the calling thread of the constructor a bounded number of times, each after the last was handled,
// then calls `finish`. A restarted call is interrupted again and again before it is allowed to end.
template <typename Finish>
class Interrupter {
 public:
  Interrupter(int signal, Finish finish)
      : target_(pthread_self()), thread_([this, signal, finish] {
          for (int i = 0; i < 5; ++i) {
            const int before = g_calls;
            pthread_kill(target_, signal);
            while (g_calls == before) sched_yield();
          }
          finish();
        }) {}
  ~Interrupter() { thread_.join(); }

 private:
  pthread_t target_;
  std::thread thread_;
};

TEST(SigactionTest, ReturnsTheOldAction) {
  struct sigaction action = {};
  action.sa_handler = Count;
  action.sa_flags = SA_RESTART | SA_NODEFER;
  sigaddset(&action.sa_mask, SIGUSR2);
  ScopedAction scoped(SIGUSR1, action);
  struct sigaction old = {};
  ASSERT_THAT(sigaction(SIGUSR1, nullptr, &old), SyscallSucceeds());
  EXPECT_EQ(old.sa_handler, &Count);
  EXPECT_EQ(old.sa_flags & (SA_RESTART | SA_NODEFER), SA_RESTART | SA_NODEFER);
  EXPECT_TRUE(sigismember(&old.sa_mask, SIGUSR2));
  EXPECT_FALSE(sigismember(&old.sa_mask, SIGUSR1));
}

TEST(SigactionTest, KillAndStopCannotBeChanged) {
  for (int signal : {SIGKILL, SIGSTOP}) {
    KernelSigaction action = {Count, 0, nullptr, 0};
    EXPECT_THAT(RawSyscall(SYS_rt_sigaction, signal, &action, nullptr, 8), SyscallFailsWithErrno(EINVAL));
    EXPECT_THAT(RawSyscall(SYS_rt_sigaction, signal, nullptr, &action, 8), SyscallSucceeds());
  }
}

TEST(SigactionTest, BadArgumentsFail) {
  KernelSigaction action = {};
  EXPECT_THAT(RawSyscall(SYS_rt_sigaction, 0, nullptr, &action, 8), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RawSyscall(SYS_rt_sigaction, 65, nullptr, &action, 8), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RawSyscall(SYS_rt_sigaction, SIGUSR1, nullptr, &action, 4), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RawSyscall(SYS_rt_sigaction, SIGUSR1, BadPointer(), nullptr, 8), SyscallFailsWithErrno(EFAULT));
  EXPECT_THAT(RawSyscall(SYS_rt_sigaction, SIGUSR1, nullptr, BadPointer(), 8), SyscallFailsWithErrno(EFAULT));
  EXPECT_THAT(RawSyscall(SYS_rt_sigaction, 65, BadPointer(), nullptr, 8), SyscallFailsWithErrno(EFAULT));
}

TEST(SigactionTest, SiginfoOfKillNamesTheSender) {
  static siginfo_t caught;
  static std::atomic<int> calls;
  calls = 0;
  ScopedAction action(SIGUSR1, [](int, siginfo_t* info, void*) {
    caught = *info;
    ++calls;
  });
  const pid_t self = getpid();
  Child child([&] { return kill(self, SIGUSR1); });
  const pid_t sender = child.pid();
  EXPECT_THAT(child.Wait(), ExitedWith(0));
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(caught.si_signo, SIGUSR1);
  EXPECT_EQ(caught.si_code, SI_USER);
  EXPECT_EQ(caught.si_pid, sender);
  EXPECT_EQ(caught.si_uid, getuid());
}

TEST(SigactionTest, SiginfoOfTgkillSaysSo) {
  static siginfo_t caught;
  ScopedAction action(SIGUSR1, [](int, siginfo_t* info, void*) { caught = *info; });
  ASSERT_THAT(tgkill(getpid(), gettid(), SIGUSR1), SyscallSucceeds());
  EXPECT_EQ(caught.si_code, SI_TKILL);
  EXPECT_EQ(caught.si_pid, getpid());
}

TEST(SigactionTest, SignalIsBlockedInItsOwnHandler) {
  static int depth;
  static int deepest;
  static int calls;
  depth = deepest = calls = 0;
  ScopedAction action(SIGUSR1, [](int) {
    deepest = std::max(deepest, ++depth);
    if (++calls == 1) raise(SIGUSR1);
    --depth;
  });
  raise(SIGUSR1);
  EXPECT_EQ(calls, 2);
  EXPECT_EQ(deepest, 1);
}

TEST(SigactionTest, NodeferAllowsNesting) {
  static int depth;
  static int deepest;
  depth = deepest = 0;
  ScopedAction action(
      SIGUSR1,
      [](int) {
        deepest = std::max(deepest, ++depth);
        if (depth < 5) raise(SIGUSR1);
        --depth;
      },
      SA_NODEFER);
  raise(SIGUSR1);
  EXPECT_EQ(deepest, 5);
}

TEST(SigactionTest, MaskOfTheActionHoldsDuringTheHandler) {
  static std::string order;
  order.clear();
  struct sigaction action = {};
  action.sa_handler = [](int) {
    order += "[";
    raise(SIGUSR2);
    order += "]";
  };
  sigaddset(&action.sa_mask, SIGUSR2);
  ScopedAction first(SIGUSR1, action);
  ScopedAction second(SIGUSR2, [](int) { order += "2"; });
  raise(SIGUSR1);
  EXPECT_EQ(order, "[]2");
}

TEST(SigactionTest, OtherSignalsNest) {
  static std::string order;
  order.clear();
  ScopedAction first(SIGUSR1, [](int) {
    order += "[";
    raise(SIGUSR2);
    order += "]";
  });
  ScopedAction second(SIGUSR2, [](int) { order += "2"; });
  raise(SIGUSR1);
  EXPECT_EQ(order, "[2]");
}

TEST(SigactionTest, ResethandRestoresTheDefaultBeforeTheHandlerRuns) {
  EXPECT_THAT(RunInChild([] {
                static bool was_default;
                ScopedAction action(
                    SIGUSR1,
                    [](int) {
                      struct sigaction now = {};
                      sigaction(SIGUSR1, nullptr, &now);
                      was_default = now.sa_handler == SIG_DFL;
                    },
                    static_cast<int>(SA_RESETHAND));
                raise(SIGUSR1);
                CHILD_CHECK(was_default);
                raise(SIGUSR1);
                return 0;
              }),
              KilledBy(SIGUSR1));
}

TEST(SigactionTest, SettingIgnoreDropsWhatIsPending) {
  ScopedMask mask(SIG_BLOCK, {SIGUSR1});
  ScopedAction action(SIGUSR1, Count);
  raise(SIGUSR1);
  ScopedAction ignore(SIGUSR1, SIG_IGN);
  sigset_t pending;
  ASSERT_THAT(sigpending(&pending), SyscallSucceeds());
  EXPECT_FALSE(sigismember(&pending, SIGUSR1));
}

TEST(SigactionTest, HandlersAreSharedByThreads) {
  g_calls = 0;
  std::thread([] {
    struct sigaction action = {};
    action.sa_handler = Count;
    sigaction(SIGUSR2, &action, nullptr);
  }).join();
  raise(SIGUSR2);
  EXPECT_EQ(g_calls, 1);
  signal(SIGUSR2, SIG_DFL);
}

TEST(RestartTest, ReadIsEintrWithoutSaRestart) {
  Pipe pipe = MakePipe();
  ScopedAction action(SIGUSR1, Count);
  Pester pester(SIGUSR1);
  char byte;
  EXPECT_THAT(read(pipe.reader.get(), &byte, 1), SyscallFailsWithErrno(EINTR));
}

TEST(RestartTest, ReadGoesOnWithSaRestart) {
  g_calls = 0;
  Pipe pipe = MakePipe();
  ScopedAction action(SIGUSR1, Count, SA_RESTART);
  Interrupter interrupter(SIGUSR1, [&] { WriteByte(pipe.writer.get(), 'r'); });
  char byte = 0;
  EXPECT_THAT(read(pipe.reader.get(), &byte, 1), SyscallSucceedsWithValue(1));
  EXPECT_EQ(byte, 'r');
  EXPECT_EQ(g_calls, 5);
}

TEST(RestartTest, IgnoredSignalDoesNotInterrupt) {
  Pipe pipe = MakePipe();
  ScopedAction action(SIGUSR1, SIG_IGN);
  const pthread_t self = pthread_self();
  std::thread writer([&] {
    for (int i = 0; i < 5; ++i) pthread_kill(self, SIGUSR1);
    WriteByte(pipe.writer.get());
  });
  char byte;
  EXPECT_THAT(read(pipe.reader.get(), &byte, 1), SyscallSucceedsWithValue(1));
  writer.join();
}

TEST(RestartTest, StopAndContinueDoNotInterruptARead) {
  Pipe pipe = MakePipe();
  Pipe ready = MakePipe();
  Child child([&] {
    WriteByte(ready.writer.get());
    char byte = 0;
    return read(pipe.reader.get(), &byte, 1) == 1 && byte == 's' ? 0 : 1;
  });
  ASSERT_TRUE(ReadByte(ready.reader.get()));
  for (int i = 0; i < 3; ++i) {
    int status = 0;
    ASSERT_THAT(kill(child.pid(), SIGSTOP), SyscallSucceeds());
    ASSERT_THAT(waitpid(child.pid(), &status, WUNTRACED), SyscallSucceeds());
    ASSERT_TRUE(WIFSTOPPED(status));
    ASSERT_THAT(kill(child.pid(), SIGCONT), SyscallSucceeds());
    ASSERT_THAT(waitpid(child.pid(), &status, WCONTINUED), SyscallSucceeds());
    ASSERT_TRUE(WIFCONTINUED(status));
  }
  ASSERT_TRUE(WriteByte(pipe.writer.get(), 's'));
  EXPECT_THAT(child.Wait(), ExitedWith(0));
}

TEST(RestartTest, WaitGoesOnWithSaRestart) {
  g_calls = 0;
  Pipe pipe = MakePipe();
  Child child([&] { return ReadByte(pipe.reader.get()) ? 23 : 1; });
  ScopedAction action(SIGUSR1, Count, SA_RESTART);
  Interrupter interrupter(SIGUSR1, [&] { WriteByte(pipe.writer.get()); });
  int status = 0;
  EXPECT_THAT(waitpid(child.pid(), &status, 0), SyscallSucceedsWithValue(child.pid()));
  EXPECT_THAT(status, ExitedWith(23));
  child.Disown();
}

TEST(RestartTest, WriteInterruptedMidwayReturnsWhatItWrote) {
  Pipe pipe = MakePipe();
  ScopedAction action(SIGUSR1, Count, SA_RESTART);
  Pester pester(SIGUSR1);
  const std::string data(200'000, 'p');
  const ssize_t count = write(pipe.writer.get(), data.data(), data.size());
  EXPECT_GT(count, 0);
  EXPECT_LE(count, 65536);
}

TEST(RestartTest, NanosleepIsEintrWithTheRemainderEvenWithSaRestart) {
  ScopedAction action(SIGUSR1, Count, SA_RESTART);
  Pester pester(SIGUSR1);
  const timespec request = {1000, 0};
  timespec remain = {-1, -1};
  EXPECT_THAT(nanosleep(&request, &remain), SyscallFailsWithErrno(EINTR));
  EXPECT_GE(remain.tv_sec, 0);
  EXPECT_LE(remain.tv_sec, 1000);
}

TEST(RestartTest, PauseIsEintr) {
  ScopedAction action(SIGUSR1, Count, SA_RESTART);
  Pester pester(SIGUSR1);
  EXPECT_THAT(pause(), SyscallFailsWithErrno(EINTR));
}

}  // namespace
}  // namespace tests
