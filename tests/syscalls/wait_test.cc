// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <thread>

#include "tests/util/fork.h"
#include "tests/util/matchers.h"
#include "tests/util/raw_syscall.h"
#include "tests/util/signals.h"
#include "tests/util/unique_fd.h"

namespace tests {
namespace {

TEST(WaitTest, ExitCodeIsTheLowByte) {
  EXPECT_THAT(RunInChild([] { return 0; }), ExitedWith(0));
  EXPECT_THAT(RunInChild([] { return 255; }), ExitedWith(255));
  EXPECT_THAT(RunInChild([] { return 0x1ff; }), ExitedWith(255));
  EXPECT_THAT(RunInChild([] { return 256; }), ExitedWith(0));
}

TEST(WaitTest, DeathBySignalIsEncoded) {
  Child child([] {
    raise(SIGKILL);
    return 0;
  });
  EXPECT_EQ(child.Wait() & 0xffff, SIGKILL);
  EXPECT_THAT(RunInChild([] { return raise(SIGTERM); }), KilledBy(SIGTERM));
  EXPECT_THAT(RunInChild([] { return raise(SIGRTMIN + 3); }), KilledBy(SIGRTMIN + 3));
}

TEST(WaitTest, StopAndContinueAreReportedWhenAskedFor) {
  Pipe pipe = MakePipe();
  Child child([&] {
    raise(SIGSTOP);
    // Ended, it would not be reported as continued any more.
    return ReadByte(pipe.reader.get()) ? 4 : 1;
  });
  int status = 0;
  EXPECT_THAT(waitpid(child.pid(), &status, WUNTRACED), SyscallSucceedsWithValue(child.pid()));
  EXPECT_EQ(status, SIGSTOP << 8 | 0x7f);
  ASSERT_THAT(kill(child.pid(), SIGCONT), SyscallSucceeds());
  EXPECT_THAT(waitpid(child.pid(), &status, WCONTINUED), SyscallSucceedsWithValue(child.pid()));
  EXPECT_EQ(status, 0xffff);
  ASSERT_TRUE(WriteByte(pipe.writer.get()));
  EXPECT_THAT(child.Wait(), ExitedWith(4));
}

TEST(WaitTest, NohangReturnsZeroWhileAllLive) {
  Pipe pipe = MakePipe();
  Child child([&] { return ReadByte(pipe.reader.get()) ? 0 : 1; });
  int status = 77;
  EXPECT_THAT(waitpid(child.pid(), &status, WNOHANG), SyscallSucceedsWithValue(0));
  EXPECT_EQ(status, 77);
  ASSERT_TRUE(WriteByte(pipe.writer.get()));
  EXPECT_THAT(child.Wait(), ExitedWith(0));
}

TEST(WaitTest, NoChildrenIsEchild) {
  EXPECT_THAT(RunInChild([] {
                CHILD_CHECK_ERRNO(wait(nullptr), ECHILD);
                CHILD_CHECK_ERRNO(waitpid(-1, nullptr, WNOHANG), ECHILD);
                CHILD_CHECK_ERRNO(waitpid(getppid(), nullptr, 0), ECHILD);
                CHILD_CHECK_ERRNO(waitpid(getpid(), nullptr, 0), ECHILD);
                CHILD_CHECK_ERRNO(waitpid(0, nullptr, 0), ECHILD);
                return 0;
              }),
              ExitedWith(0));
}

TEST(WaitTest, ReapedOnceOnly) {
  Child child([] { return 0; });
  const pid_t pid = child.pid();
  EXPECT_THAT(child.Wait(), ExitedWith(0));
  EXPECT_THAT(waitpid(pid, nullptr, 0), SyscallFailsWithErrno(ECHILD));
  EXPECT_THAT(kill(pid, 0), SyscallFailsWithErrno(ESRCH));
}

TEST(WaitTest, ZombieStillTakesSignals) {
  Child child([] { return 0; });
  siginfo_t info = {};
  ASSERT_THAT(waitid(P_PID, child.pid(), &info, WEXITED | WNOWAIT), SyscallSucceeds());
  EXPECT_THAT(kill(child.pid(), SIGTERM), SyscallSucceeds());
  EXPECT_THAT(child.Wait(), ExitedWith(0));
}

TEST(WaitTest, BadOptionIsEinvalAndMinPidEsrch) {
  EXPECT_THAT(waitpid(-1, nullptr, 0x10), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RawSyscall(SYS_wait4, static_cast<int>(0x80000000), nullptr, 0, nullptr), SyscallFailsWithErrno(ESRCH));
}

TEST(WaitTest, UnmappedStatusIsEfaultAfterTheChildIsReaped) {
  Child child([] { return 0; });
  EXPECT_THAT(RawSyscall(SYS_wait4, child.pid(), BadPointer(), 0, nullptr), SyscallFailsWithErrno(EFAULT));
  EXPECT_THAT(waitpid(child.pid(), nullptr, 0), SyscallFailsWithErrno(ECHILD));
  child.Disown();
}

TEST(WaitTest, SelectsByProcessGroup) {
  EXPECT_THAT(RunInChild([] {
                const pid_t same = fork();
                if (same == 0) _exit(1);
                const pid_t other = fork();
                if (other == 0) {
                  setpgid(0, 0);
                  _exit(2);
                }
                setpgid(other, other);
                int status = 0;
                CHILD_CHECK(waitpid(-other, &status, 0) == other && WEXITSTATUS(status) == 2);
                CHILD_CHECK(waitpid(0, &status, 0) == same && WEXITSTATUS(status) == 1);
                CHILD_CHECK_ERRNO(waitpid(-other, &status, 0), ECHILD);
                return 0;
              }),
              ExitedWith(0));
}

TEST(WaitTest, AnyThreadReapsTheChildrenOfAll) {
  Child child([] { return 12; });
  int status = 0;
  std::thread([&] { EXPECT_THAT(waitpid(child.pid(), &status, 0), SyscallSucceedsWithValue(child.pid())); }).join();
  EXPECT_THAT(status, ExitedWith(12));
  child.Disown();
}

TEST(WaitTest, RusageOfTheChildIsFilled) {
  Child child([] {
    volatile uint64_t sum = 0;
    for (int i = 0; i < 30'000'000; ++i) sum = sum + i;
    return 0;
  });
  rusage usage = {};
  int status = 0;
  EXPECT_THAT(wait4(child.pid(), &status, 0, &usage), SyscallSucceedsWithValue(child.pid()));
  EXPECT_GT(usage.ru_utime.tv_sec * 1'000'000 + usage.ru_utime.tv_usec, 0);
  child.Disown();
}

TEST(WaitTest, IgnoredSigchldReapsByItself) {
  EXPECT_THAT(RunInChild([] {
                signal(SIGCHLD, SIG_IGN);
                Pipe pipe = MakePipe();
                const pid_t pid = fork();
                if (pid == 0) _exit(ReadByte(pipe.reader.get()) ? 0 : 1);
                CHILD_CHECK(waitpid(pid, nullptr, WNOHANG) == 0);
                CHILD_CHECK(WriteByte(pipe.writer.get()));
                CHILD_CHECK_ERRNO(waitpid(pid, nullptr, 0), ECHILD);
                CHILD_CHECK_ERRNO(kill(pid, 0), ESRCH);
                return 0;
              }),
              ExitedWith(0));
}

TEST(WaitTest, NocldwaitReapsByItselfButStillSignals) {
  static std::atomic<int> signals;
  signals = 0;
  ScopedAction action(
      SIGCHLD, [](int) { ++signals; }, SA_NOCLDWAIT | SA_RESTART);
  Child child([] { return 0; });
  EXPECT_THAT(waitpid(child.pid(), nullptr, 0), SyscallFailsWithErrno(ECHILD));
  child.Disown();
  EXPECT_EQ(signals, 1);
}

TEST(WaitTest, BlockedWaitIsEintrWithoutSaRestart) {
  Pipe pipe = MakePipe();
  Child child([&] { return ReadByte(pipe.reader.get()) ? 0 : 1; });
  {
    ScopedAction action(SIGUSR1, [](int) {});
    Pester pester(SIGUSR1);
    EXPECT_THAT(waitpid(child.pid(), nullptr, 0), SyscallFailsWithErrno(EINTR));
  }
  ASSERT_TRUE(WriteByte(pipe.writer.get()));
  EXPECT_THAT(child.Wait(), ExitedWith(0));
}

TEST(WaitidTest, FillsTheSiginfo) {
  Child child([] { return 21; });
  siginfo_t info = {};
  EXPECT_THAT(waitid(P_PID, child.pid(), &info, WEXITED), SyscallSucceedsWithValue(0));
  EXPECT_EQ(info.si_signo, SIGCHLD);
  EXPECT_EQ(info.si_code, CLD_EXITED);
  EXPECT_EQ(info.si_status, 21);
  EXPECT_EQ(info.si_pid, child.pid());
  EXPECT_EQ(info.si_uid, getuid());
  child.Disown();
}

TEST(WaitidTest, TellsKilledStoppedAndContinuedApart) {
  Child child([] {
    raise(SIGSTOP);
    raise(SIGTERM);
    return 0;
  });
  siginfo_t info = {};
  EXPECT_THAT(waitid(P_PID, child.pid(), &info, WSTOPPED), SyscallSucceeds());
  EXPECT_EQ(info.si_code, CLD_STOPPED);
  EXPECT_EQ(info.si_status, SIGSTOP);
  ASSERT_THAT(kill(child.pid(), SIGCONT), SyscallSucceeds());
  EXPECT_THAT(waitid(P_PID, child.pid(), &info, WCONTINUED), SyscallSucceeds());
  EXPECT_EQ(info.si_code, CLD_CONTINUED);
  EXPECT_EQ(info.si_status, SIGCONT);
  EXPECT_THAT(waitid(P_PID, child.pid(), &info, WEXITED), SyscallSucceeds());
  EXPECT_EQ(info.si_code, CLD_KILLED);
  EXPECT_EQ(info.si_status, SIGTERM);
  child.Disown();
}

TEST(WaitidTest, NowaitLeavesTheChildWaitable) {
  Child child([] { return 6; });
  siginfo_t info = {};
  EXPECT_THAT(waitid(P_PID, child.pid(), &info, WEXITED | WNOWAIT), SyscallSucceeds());
  EXPECT_EQ(info.si_status, 6);
  EXPECT_THAT(waitid(P_PID, child.pid(), &info, WEXITED | WNOWAIT), SyscallSucceeds());
  EXPECT_THAT(child.Wait(), ExitedWith(6));
}

TEST(WaitidTest, NohangClearsTheSiginfo) {
  Pipe pipe = MakePipe();
  Child child([&] { return ReadByte(pipe.reader.get()) ? 0 : 1; });
  siginfo_t info = {};
  info.si_pid = 99;
  EXPECT_THAT(waitid(P_PID, child.pid(), &info, WEXITED | WNOHANG), SyscallSucceedsWithValue(0));
  EXPECT_EQ(info.si_pid, 0);
  ASSERT_TRUE(WriteByte(pipe.writer.get()));
  EXPECT_THAT(child.Wait(), ExitedWith(0));
}

TEST(WaitidTest, BadArgumentsAreEinvalAndStrangersEchild) {
  siginfo_t info = {};
  EXPECT_THAT(waitid(P_ALL, 0, &info, 0), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(waitid(P_ALL, 0, &info, WNOHANG), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RawSyscall(SYS_waitid, 99, 0, &info, WEXITED, nullptr), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RawSyscall(SYS_waitid, P_PID, 0, &info, WEXITED, nullptr), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(waitid(P_PID, getpid(), &info, WEXITED), SyscallFailsWithErrno(ECHILD));
}

TEST(WaitidTest, UnmappedInfoIsEfault) {
  Child child([] { return 0; });
  EXPECT_THAT(RawSyscall(SYS_waitid, P_PID, child.pid(), BadPointer(), WEXITED, nullptr),
              SyscallFailsWithErrno(EFAULT));
  child.Disown();
}

TEST(SigchldTest, CarriesPidAndStatus) {
  static siginfo_t caught;
  static std::atomic<int> count;
  count = 0;
  ScopedAction action(
      SIGCHLD,
      [](int, siginfo_t* info, void*) {
        caught = *info;
        ++count;
      },
      SA_RESTART);
  Child child([] { return 17; });
  const pid_t pid = child.pid();
  EXPECT_THAT(child.Wait(), ExitedWith(17));
  EXPECT_EQ(count, 1);
  EXPECT_EQ(caught.si_code, CLD_EXITED);
  EXPECT_EQ(caught.si_pid, pid);
  EXPECT_EQ(caught.si_status, 17);
}

TEST(SigchldTest, NocldstopSuppressesStopSignals) {
  static std::atomic<int> count;
  count = 0;
  ScopedAction action(
      SIGCHLD, [](int) { ++count; }, SA_NOCLDSTOP | SA_RESTART);
  Child child([] {
    raise(SIGSTOP);
    return 0;
  });
  int status = 0;
  ASSERT_THAT(waitpid(child.pid(), &status, WUNTRACED), SyscallSucceeds());
  EXPECT_EQ(count, 0);
  ASSERT_THAT(kill(child.pid(), SIGCONT), SyscallSucceeds());
  EXPECT_THAT(child.Wait(), ExitedWith(0));
  EXPECT_EQ(count, 1);
}

TEST(OrphanTest, GoesToTheSubreaper) {
  EXPECT_THAT(RunInChild([] {
                CHILD_CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
                const pid_t reaper = getpid();
                Pipe pipe = MakePipe();
                const pid_t middle = fork();
                if (middle == 0) {
                  const pid_t orphan = fork();
                  if (orphan == 0) {
                    while (getppid() != reaper) sched_yield();
                    _exit(55);
                  }
                  CHILD_CHECK(write(pipe.writer.get(), &orphan, sizeof(orphan)) == sizeof(orphan));
                  _exit(0);
                }
                pid_t orphan = 0;
                int status = 0;
                CHILD_CHECK(read(pipe.reader.get(), &orphan, sizeof(orphan)) == sizeof(orphan));
                CHILD_CHECK(waitpid(middle, &status, 0) == middle);
                CHILD_CHECK(waitpid(orphan, &status, 0) == orphan && WEXITSTATUS(status) == 55);
                return 0;
              }),
              ExitedWith(0));
}

TEST(ExitTest, ExitGroupEndsAllThreads) {
  EXPECT_THAT(RunInChild([] {
                std::thread([] {
                  for (;;) pause();
                }).detach();
                std::thread([] { RawSyscall(SYS_exit_group, 14); }).detach();
                for (;;) pause();
                return 0;
              }),
              ExitedWith(14));
}

TEST(ExitTest, LeaderMayExitBeforeItsThreads) {
  EXPECT_THAT(RunInChild([] {
                Pipe* pipe = new Pipe(MakePipe());
                std::thread([pipe] {
                  ReadByte(pipe->reader.get());
                  RawSyscall(SYS_exit_group, 31);
                }).detach();
                WriteByte(pipe->writer.get());
                RawSyscall(SYS_exit, 0);
                return 0;
              }),
              ExitedWith(31));
}

}  // namespace
}  // namespace tests
