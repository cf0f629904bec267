// SPDX-License-Identifier: Apache-2.0
// Sending and deciding, on tasks without guests.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "sentry/signals/deliver.h"
#include "sentry/testing/task_world.h"

namespace sentry {

class TaskPeer {
 public:
  static void LeaveSignals(Task& task) { task.LeaveSignals(); }
};

namespace {

constexpr uint64_t kHandler = 0x1000;

base::abi::SignalSet Bit(int signal) { return base::Signal::Of(signal).mask(); }

base::abi::Siginfo Info(int signal, int code = SI_USER) {
  base::abi::Siginfo info;
  info.signo = signal;
  info.code = code;
  info.kill.pid = 1;
  return info;
}

class SignalsTest : public ::testing::Test {
 protected:
  void Handle(ThreadGroup& group, int signal, uint64_t handler = kHandler, uint64_t flags = 0) {
    group.SetAction(base::Signal::Of(signal), {.handler = handler, .flags = flags});
  }
  void Kill(ThreadGroup& group, int signal) { ASSERT_TRUE(group.SendUserSignal(Info(signal)).ok()); }
  // The signal whose handler is to run now; 0 if none, -1 if the task is to exit.
  int Next(Task& task) {
    SignalVerdict verdict = NextSignal(task);
    if (verdict.kind == SignalVerdict::Kind::kExit) return -1;
    return verdict.kind == SignalVerdict::Kind::kHandler ? verdict.info.signo : 0;
  }

  TaskWorld world_;
  ThreadGroup& group_ = world_.NewProcess();
  Task& task_ = *group_.leader;
};

TEST_F(SignalsTest, RunsTheHandlerOnce) {
  Handle(group_, SIGUSR1);
  EXPECT_FALSE(task_.Interrupted());
  Kill(group_, SIGUSR1);
  EXPECT_TRUE(task_.Interrupted());
  SignalVerdict verdict = NextSignal(task_);
  ASSERT_EQ(verdict.kind, SignalVerdict::Kind::kHandler);
  EXPECT_EQ(verdict.info.signo, SIGUSR1);
  EXPECT_EQ(verdict.action.handler, kHandler);
  EXPECT_EQ(Next(task_), 0);
  EXPECT_FALSE(task_.Interrupted());
}

TEST_F(SignalsTest, DeadlySignalsEndTheGroupAtOnce) {
  Kill(group_, SIGTERM);
  EXPECT_TRUE(group_.group_exiting());
  EXPECT_EQ(group_.group_exit_status(), SIGTERM);
  EXPECT_EQ(Next(task_), -1);
  // The first reason stays.
  Kill(group_, SIGKILL);
  EXPECT_EQ(group_.group_exit_status(), SIGTERM);
}

TEST_F(SignalsTest, SignalsThatWouldDumpCoreSayThatNoneWas) {
  Kill(group_, SIGQUIT);
  EXPECT_FALSE(group_.group_exiting());
  EXPECT_EQ(Next(task_), -1);
  EXPECT_EQ(group_.group_exit_status(), SIGQUIT);
}

TEST_F(SignalsTest, BlockedSignalsWait) {
  task_.SetSignalMask(Bit(SIGTERM) | Bit(SIGKILL) | Bit(SIGSTOP));
  EXPECT_EQ(task_.signal_mask(), Bit(SIGTERM));
  Kill(group_, SIGTERM);
  EXPECT_FALSE(task_.Interrupted());
  EXPECT_EQ(Next(task_), 0);
  EXPECT_EQ(task_.PendingSet(), Bit(SIGTERM));
  task_.SetSignalMask(0);
  EXPECT_TRUE(task_.Interrupted());
  EXPECT_EQ(Next(task_), -1);
}

TEST_F(SignalsTest, BlockingHidesWhatIsPending) {
  Handle(group_, SIGUSR1);
  Kill(group_, SIGUSR1);
  EXPECT_TRUE(task_.Interrupted());
  task_.SetSignalMask(Bit(SIGUSR1));
  EXPECT_FALSE(task_.Interrupted());
}

TEST_F(SignalsTest, IgnoredSignalsAreDroppedUnlessBlocked) {
  Handle(group_, SIGUSR1, base::abi::kSigIgn);
  Kill(group_, SIGUSR1);
  Kill(group_, SIGCHLD);
  EXPECT_EQ(task_.PendingSet(), 0u);
  task_.SetSignalMask(Bit(SIGUSR1));
  Kill(group_, SIGUSR1);
  EXPECT_EQ(task_.PendingSet(), Bit(SIGUSR1));
  // Ignoring it again drops what is pending.
  Handle(group_, SIGUSR1, base::abi::kSigIgn);
  EXPECT_EQ(task_.PendingSet(), 0u);
}

TEST_F(SignalsTest, ThreadSignalsComeBeforeTheProcesss) {
  Handle(group_, SIGUSR1);
  Handle(group_, SIGUSR2);
  Handle(group_, SIGSEGV);
  Kill(group_, SIGUSR1);
  ASSERT_TRUE(task_.SendUserSignal(Info(SIGUSR2)).ok());
  task_.ForceSignal(Info(SIGSEGV, SEGV_MAPERR));
  EXPECT_EQ(Next(task_), SIGSEGV);
  EXPECT_EQ(Next(task_), SIGUSR2);
  EXPECT_EQ(Next(task_), SIGUSR1);
}

TEST_F(SignalsTest, ResethandForgetsTheHandler) {
  Handle(group_, SIGUSR1, kHandler, SA_RESETHAND);
  Kill(group_, SIGUSR1);
  EXPECT_EQ(Next(task_), SIGUSR1);
  EXPECT_EQ(group_.handlers()->Get(base::Signal::Of(SIGUSR1)).handler, base::abi::kSigDfl);
}

TEST_F(SignalsTest, AForcedSignalKillsWhereItIsBlockedOrIgnored) {
  Handle(group_, SIGSEGV);
  task_.SetSignalMask(Bit(SIGSEGV));
  task_.ForceSignal(Info(SIGSEGV, SEGV_MAPERR));
  EXPECT_EQ(Next(task_), -1);
  EXPECT_EQ(group_.group_exit_status(), SIGSEGV);

  ThreadGroup& other = world_.NewProcess();
  Handle(other, SIGFPE, base::abi::kSigIgn);
  other.leader->ForceSignal(Info(SIGFPE, FPE_INTDIV));
  EXPECT_EQ(Next(*other.leader), -1);
}

TEST_F(SignalsTest, ABadFrameRunsTheHandlerOfSegvButNotItsOwn) {
  Handle(group_, SIGSEGV);
  task_.ForceBadFrame(SIGUSR1);
  EXPECT_EQ(Next(task_), SIGSEGV);
  task_.ForceBadFrame(SIGSEGV);
  EXPECT_EQ(Next(task_), -1);
}

TEST_F(SignalsTest, AThreadThatDoesNotBlockIsChosen) {
  Handle(group_, SIGUSR1);
  Task& other = world_.AddThread(group_);
  task_.SetSignalMask(Bit(SIGUSR1));
  Kill(group_, SIGUSR1);
  EXPECT_FALSE(task_.Interrupted());
  EXPECT_TRUE(other.Interrupted());
  EXPECT_EQ(Next(task_), 0);
  EXPECT_EQ(Next(other), SIGUSR1);
}

TEST_F(SignalsTest, AThreadThatBlocksLeavesTheSignalToOthers) {
  Handle(group_, SIGUSR1);
  Task& other = world_.AddThread(group_);
  other.SetSignalMask(Bit(SIGUSR1));
  Kill(group_, SIGUSR1);
  other.SetSignalMask(0);
  EXPECT_EQ(Next(other), SIGUSR1);
}

TEST_F(SignalsTest, StopAndContinueCancelEachOther) {
  task_.SetSignalMask(Bit(SIGTSTP) | Bit(SIGCONT));
  Kill(group_, SIGTSTP);
  EXPECT_EQ(task_.PendingSet(), Bit(SIGTSTP));
  Kill(group_, SIGCONT);
  EXPECT_EQ(task_.PendingSet(), Bit(SIGCONT));
  ASSERT_TRUE(task_.SendUserSignal(Info(SIGTSTP)).ok());
  EXPECT_EQ(task_.PendingSet(), Bit(SIGTSTP));
}

TEST_F(SignalsTest, TheTemporaryMaskEndsWithoutASignal) {
  task_.SetSignalMask(Bit(SIGUSR1));
  task_.SetTemporaryMask(Bit(SIGUSR2));
  EXPECT_EQ(task_.signal_mask(), Bit(SIGUSR2));
  EXPECT_EQ(Next(task_), 0);
  EXPECT_EQ(task_.signal_mask(), Bit(SIGUSR1));
  task_.SetTemporaryMask(0);
  task_.RestoreTemporaryMask();
  EXPECT_FALSE(task_.has_temporary_mask());
  EXPECT_EQ(task_.signal_mask(), Bit(SIGUSR1));
}

TEST_F(SignalsTest, InitGetsWhatItHandlesAndWhatComesFromOutside) {
  group_.protected_init = true;
  for (int signal : {SIGTERM, SIGKILL, SIGSTOP, SIGSEGV}) Kill(group_, signal);
  EXPECT_EQ(task_.PendingSet(), 0u);
  EXPECT_EQ(Next(task_), 0);
  Handle(group_, SIGTERM);
  Kill(group_, SIGTERM);
  EXPECT_EQ(Next(task_), SIGTERM);
  // From outside, too, only what cannot be blocked has its default action.
  group_.SendSignal(Info(SIGHUP));
  EXPECT_EQ(Next(task_), 0);
  group_.SendSignal(Info(SIGKILL));
  EXPECT_EQ(Next(task_), -1);
}

TEST_F(SignalsTest, InitDiesOfItsOwnFaults) {
  group_.protected_init = true;
  task_.ForceSignal(Info(SIGSEGV, SEGV_MAPERR));
  EXPECT_EQ(Next(task_), -1);
}

TEST_F(SignalsTest, TheLimitBindsQueuedRealTimeSignals) {
  group_.limits().Set(RLIMIT_SIGPENDING, {.soft = 2, .hard = 2});
  task_.SetSignalMask(~base::abi::SignalSet{0});
  EXPECT_TRUE(group_.SendUserSignal(Info(40, SI_QUEUE)).ok());
  EXPECT_TRUE(group_.SendUserSignal(Info(40, SI_QUEUE)).ok());
  auto third = group_.SendUserSignal(Info(40, SI_QUEUE));
  ASSERT_FALSE(third.ok());
  EXPECT_EQ(third.error().code(), EAGAIN);
  // kill(2) never fails: the signal then comes without details.
  EXPECT_TRUE(group_.SendUserSignal(Info(41)).ok());
  EXPECT_TRUE(group_.SendUserSignal(Info(SIGUSR1)).ok());
  EXPECT_EQ(task_.PendingSet(), Bit(40) | Bit(41) | Bit(SIGUSR1));
  base::abi::Siginfo info;
  ASSERT_TRUE(task_.TakeSignal(Bit(41), &info));
  EXPECT_EQ(info.kill.pid, 0);
  // SIGUSR1 counts as well, though it was not refused.
  ASSERT_TRUE(task_.TakeSignal(Bit(40), &info));
  EXPECT_FALSE(group_.SendUserSignal(Info(40, SI_QUEUE)).ok());
  ASSERT_TRUE(task_.TakeSignal(Bit(SIGUSR1), &info));
  EXPECT_TRUE(group_.SendUserSignal(Info(40, SI_QUEUE)).ok());
}

TEST_F(SignalsTest, SigtimedwaitTakesWhatIsPending) {
  task_.SetSignalMask(Bit(SIGTERM));
  Kill(group_, SIGTERM);
  world_.On([&] {
    auto taken = task_.WaitForSignal(Bit(SIGTERM), 0);
    ASSERT_TRUE(taken.ok());
    EXPECT_EQ(taken->signo, SIGTERM);
    auto none = task_.WaitForSignal(Bit(SIGTERM), 0);
    ASSERT_FALSE(none.ok());
    EXPECT_EQ(none.error().code(), EAGAIN);
    none = task_.WaitForSignal(Bit(SIGTERM), base::MonotonicNow() + 1000);
    EXPECT_EQ(none.error().code(), EAGAIN);
  });
}

TEST_F(SignalsTest, SigtimedwaitWaits) {
  task_.SetSignalMask(Bit(SIGTERM));
  int taken = 0;
  world_.Start([&] {
    auto info = task_.WaitForSignal(Bit(SIGTERM), base::kForever);
    if (info.ok()) taken = info->signo;
  });
  world_.On([&] { Kill(group_, SIGTERM); });
  world_.Join();
  EXPECT_EQ(taken, SIGTERM);
  EXPECT_FALSE(group_.group_exiting());
}

TEST_F(SignalsTest, SigtimedwaitIsInterruptedByOtherSignals) {
  Handle(group_, SIGUSR1);
  int error = 0;
  world_.Start([&] {
    auto info = task_.WaitForSignal(Bit(SIGUSR2), base::kForever);
    if (!info.ok()) error = info.error().code();
  });
  world_.On([&] { Kill(group_, SIGUSR1); });
  world_.Join();
  EXPECT_EQ(error, EINTR);
}

TEST_F(SignalsTest, TheAlarmTimerSendsSigalrm) {
  task_.SetSignalMask(Bit(SIGALRM));
  world_.On([&] {
    group_.real_timer().Set({.remaining_ns = 1000, .interval_ns = 1000});
    for (int i = 0; i < 3; ++i) {
      auto info = task_.WaitForSignal(Bit(SIGALRM), base::kForever);
      ASSERT_TRUE(info.ok());
      EXPECT_EQ(info->code, SI_KERNEL);
    }
    EXPECT_EQ(group_.real_timer().Set({}).interval_ns, 1000);
    EXPECT_EQ(group_.real_timer().Get().remaining_ns, 0);
  });
}

class JobControlTest : public SignalsTest {
 protected:
  JobControlTest() { group_.leader->SetSignalMask(Bit(SIGCHLD)); }
  // Runs the child's threads until they are to exit; each finds its signals as on the way to guest code.
  void RunChild() {
    for (Task* task : child_.tasks) {
      world_.Start([this, task] {
        WakeFlag never(*task);
        while (Next(*task) != -1) task->Block(never, base::kForever);
      });
    }
  }
  base::abi::Siginfo WaitForParentSignal() {
    base::abi::Siginfo result;
    world_.On([&] {
      auto info = task_.WaitForSignal(Bit(SIGCHLD), base::kForever);
      if (info.ok()) result = *info;
    });
    return result;
  }
  // The parent waits as wait4 does.
  int WaitForReport(bool continued) {
    int report = 0;
    world_.On([&] {
      WakeFlag flag(task_);
      FlagWaiter waiter(flag, &group_.child_queue(), ~0u);
      while (true) {
        flag.Clear();
        report = continued ? child_.TakeContinueReport(false) : child_.TakeStopReport(false);
        if (report != 0) return;
        task_.Block(flag, base::kForever, /*interruptible=*/false);
      }
    });
    return report;
  }

  ThreadGroup& child_ = world_.NewProcess(&group_);
  Task& thread_ = world_.AddThread(child_);
};

TEST_F(JobControlTest, AllThreadsStopAndGoOn) {
  world_.MoveToOwnProcessGroup(child_);
  RunChild();
  for (int signal : {SIGSTOP, SIGTSTP}) {
    Kill(child_, signal);
    base::abi::Siginfo info = WaitForParentSignal();
    EXPECT_EQ(info.code, CLD_STOPPED);
    EXPECT_EQ(info.child.status, signal);
    EXPECT_EQ(info.child.pid, child_.pid().value());
    EXPECT_EQ(child_.TakeStopReport(true), signal << 8 | 0x7f);
    EXPECT_EQ(child_.TakeStopReport(false), signal << 8 | 0x7f);
    EXPECT_EQ(child_.TakeStopReport(false), 0);
    EXPECT_FALSE(child_.TakeContinueReport(true));
    Kill(child_, SIGCONT);
    EXPECT_TRUE(child_.TakeContinueReport(false));
    EXPECT_FALSE(child_.TakeContinueReport(false));
    info = WaitForParentSignal();
    EXPECT_EQ(info.code, CLD_CONTINUED);
    EXPECT_EQ(info.child.status, SIGCONT);
  }
  Kill(child_, SIGKILL);
  world_.Join();
}

TEST_F(JobControlTest, KillReachesTheStopped) {
  RunChild();
  Kill(child_, SIGSTOP);
  WaitForParentSignal();
  // Others wait until it goes on.
  Kill(child_, SIGTERM);
  EXPECT_FALSE(child_.group_exiting());
  Kill(child_, SIGKILL);
  world_.Join();
  EXPECT_EQ(child_.group_exit_status(), SIGKILL);
}

TEST_F(JobControlTest, NocldstopLeavesOnlyTheReports) {
  Handle(group_, SIGCHLD, kHandler, SA_NOCLDSTOP);
  RunChild();
  Kill(child_, SIGSTOP);
  EXPECT_EQ(WaitForReport(false), SIGSTOP << 8 | 0x7f);
  Kill(child_, SIGCONT);
  EXPECT_EQ(WaitForReport(true), 1);
  Kill(child_, SIGKILL);
  world_.Join();
  EXPECT_EQ(task_.PendingSet(), 0u);
}

TEST_F(JobControlTest, AThreadThatLeavesCompletesTheStop) {
  thread_.SetSignalMask(0);
  world_.Start([&] {
    WakeFlag never(thread_);
    while (Next(thread_) != -1) thread_.Block(never, base::kForever);
  });
  Kill(child_, SIGSTOP);
  // The leader takes the signal or the thread does; either way the leader never stops but leaves.
  world_.On([&] {
    child_.leader->PrepareExit(0);
    EXPECT_EQ(Next(*child_.leader), -1);
    TaskPeer::LeaveSignals(*child_.leader);
  });
  EXPECT_EQ(WaitForReport(false), SIGSTOP << 8 | 0x7f);
  Kill(child_, SIGKILL);
  world_.Join();
}

TEST_F(JobControlTest, TerminalStopsSpareOrphanedProcessGroups) {
  // The child is in its parent's process group, and the parent's parent is outside the session.
  Kill(child_, SIGTSTP);
  EXPECT_EQ(Next(*child_.leader), 0);
  EXPECT_EQ(child_.TakeStopReport(true), 0);
  EXPECT_EQ(child_.leader->PendingSet(), 0u);
}

TEST_F(JobControlTest, AHandledStopSignalDoesNotStop) {
  Handle(child_, SIGTSTP);
  Kill(child_, SIGTSTP);
  EXPECT_EQ(Next(*child_.leader), SIGTSTP);
  EXPECT_EQ(child_.TakeStopReport(true), 0);
}

}  // namespace
}  // namespace sentry
