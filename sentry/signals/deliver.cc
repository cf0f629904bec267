// SPDX-License-Identifier: Apache-2.0
#include "sentry/signals/deliver.h"

#include <poll.h>
#include <signal.h>

#include "base/clock.h"
#include "sentry/kernel.h"
#include "sentry/signals/signal_delivery.h"
#include "sentry/task/job_control.h"
#include "sentry/task/task.h"
#include "sentry/task/thread_group.h"

namespace sentry {

SignalVerdict NextSignal(Task& task) { return SignalDelivery::Next(task); }

// One look at the task's state: what is left to do without the lock.
struct SignalDelivery::Step {
  enum class Kind { kVerdict, kAgain, kTellParent, kWait, kStopUnlessOrphaned };
  Kind kind = Kind::kAgain;
  SignalVerdict verdict;
  int why = 0;
  int signal = 0;
};

SignalVerdict SignalDelivery::Next(Task& task) {
  ThreadGroup& group = task.group();
  while (true) {
    Step step = NextStep(task);
    switch (step.kind) {
      case Step::Kind::kVerdict:
        return step.verdict;
      case Step::Kind::kAgain:
        break;
      case Step::Kind::kTellParent:
        TellParent(group, step.why, step.signal);
        break;
      case Step::Kind::kWait:
        WaitWhileStopped(task);
        break;
      case Step::Kind::kStopUnlessOrphaned: {
        // The terminal's stop signals do not stop a process nobody would continue (signal(7)).
        bool orphaned = InOrphanedProcessGroup(group);
        base::MutexLock lock(group.signal_mutex_);
        // Continued meanwhile: the stop is off.
        if (!orphaned && task.stop_dequeued_) BeginStopLocked(task, step.signal);
        break;
      }
    }
  }
}

SignalDelivery::Step SignalDelivery::NextStep(Task& task) {
  ThreadGroup& group = task.group();
  base::MutexLock lock(group.signal_mutex_);
  auto verdict = [](SignalVerdict::Kind kind, int status) {
    return Step{.kind = Step::Kind::kVerdict, .verdict = {.kind = kind, .wait_status = status}};
  };
  if (group.group_exiting()) return verdict(SignalVerdict::Kind::kExit, group.group_exit_status_);
  if (task.exiting()) return verdict(SignalVerdict::Kind::kExit, task.exit_status_);
  if (group.parent_notice_ != 0) {
    int why = std::exchange(group.parent_notice_, 0);
    return {.kind = Step::Kind::kTellParent, .why = why, .signal = why == CLD_CONTINUED ? SIGCONT : 0};
  }
  if (group.stop_signal_ != 0) {
    // Two steps, so that the parent is told without the lock: first in, then wait.
    bool joined = std::exchange(task.in_stop_, true);
    if (!joined && CompleteStopLocked(group)) {
      return {.kind = Step::Kind::kTellParent, .why = CLD_STOPPED, .signal = group.stop_signal_};
    }
    return {.kind = Step::Kind::kWait};
  }
  base::abi::Siginfo info;
  if (task.pending_.Dequeue(~task.mask_, &info) || group.pending_.Dequeue(~task.mask_, &info)) {
    return ActOnLocked(task, info);
  }
  if (task.saved_mask_) {
    SetMaskLocked(task, *task.saved_mask_);
    task.saved_mask_.reset();
    return {.kind = Step::Kind::kAgain};
  }
  // A thread may have asked for attention without the lock since the looks above.
  if (task.RecomputeAttentionLocked()) return {.kind = Step::Kind::kAgain};
  return verdict(SignalVerdict::Kind::kNone, 0);
}

SignalDelivery::Step SignalDelivery::ActOnLocked(Task& task, const base::abi::Siginfo& info) {
  ThreadGroup& group = task.group();
  base::Signal signal = base::Signal::Of(info.signo);
  base::abi::KernelSigaction action = group.handlers_->Get(signal);
  if (action.handler == base::abi::kSigIgn) return {.kind = Step::Kind::kAgain};
  if (action.handler != base::abi::kSigDfl) {
    if ((action.flags & SA_RESETHAND) != 0) {
      base::abi::KernelSigaction reset = action;
      reset.handler = base::abi::kSigDfl;
      group.handlers_->Set(signal, reset);
    }
    return {.kind = Step::Kind::kVerdict,
            .verdict = {.kind = SignalVerdict::Kind::kHandler, .info = info, .action = action}};
  }
  DefaultAction what = DefaultActionOf(signal);
  if (what == DefaultAction::kIgnore || what == DefaultAction::kContinue) return {.kind = Step::Kind::kAgain};
  // Init gets no signals it does not want; one that cannot be blocked comes from outside.
  bool is_protected = group.protected_init.load(std::memory_order_relaxed);
  if (is_protected && (kUnblockableSignals & signal.mask()) == 0) return {.kind = Step::Kind::kAgain};
  if (what == DefaultAction::kStop) {
    task.stop_dequeued_ = true;
    if (signal.number() != SIGSTOP) return {.kind = Step::Kind::kStopUnlessOrphaned, .signal = signal.number()};
    BeginStopLocked(task, signal.number());
    return {.kind = Step::Kind::kAgain};
  }
  // No core is dumped, so the status says none was.
  StartGroupExitLocked(group, signal.number());
  return {.kind = Step::Kind::kAgain};
}

void SignalDelivery::BeginStopLocked(Task& task, int signal) {
  ThreadGroup& group = task.group();
  task.stop_dequeued_ = false;
  if (group.stop_signal_ != 0 || group.group_exiting()) return;
  group.stop_signal_ = signal;
  for (Task* other : group.tasks) {
    if (other != &task && !other->leaving_) other->Interrupt();
  }
}

bool SignalDelivery::CompleteStopLocked(ThreadGroup& group) {
  if (group.stop_signal_ == 0 || group.stopped_) return false;
  bool any = false;
  for (Task* task : group.tasks) {
    if (task->leaving_) continue;
    if (!task->in_stop_) return false;
    any = true;
  }
  if (!any) return false;
  group.stopped_ = true;
  group.stop_report_ = group.stop_signal_ << 8 | 0x7f;
  group.continue_report_ = false;
  return true;
}

void SignalDelivery::WaitWhileStopped(Task& task) {
  ThreadGroup& group = task.group();
  WakeFlag flag(task);
  FlagWaiter waiter(flag, &group.continue_wait_, POLLIN);
  while (true) {
    flag.Clear();
    {
      base::MutexLock lock(group.signal_mutex_);
      if (!task.in_stop_) return;
    }
    if (task.Block(flag, base::kForever, /*interruptible=*/false) == BlockOutcome::kInterrupted) {
      base::MutexLock lock(group.signal_mutex_);
      task.in_stop_ = false;
      return;
    }
  }
}

void SignalDelivery::TellParent(ThreadGroup& group, int why, int signal) {
  base::MutexLock tree(group.kernel().tree_mutex());
  ThreadGroup* parent = group.parent;
  if (parent == nullptr) return;
  base::abi::KernelSigaction action = parent->handlers()->Get(base::Signal::Of(SIGCHLD));
  if (action.handler != base::abi::kSigIgn && (action.flags & SA_NOCLDSTOP) == 0) {
    base::abi::Siginfo info;
    info.signo = SIGCHLD;
    info.code = why;
    info.child.pid = group.pid().value();
    info.child.uid = group.tasks.empty() ? group.exit_uid : group.tasks.front()->SharedCredentials()->ruid.value();
    info.child.status = signal;
    parent->SendSignal(info);
  }
  parent->child_queue().Notify(POLLIN);
}

bool SignalDelivery::InOrphanedProcessGroup(ThreadGroup& group) {
  base::MutexLock tree(group.kernel().tree_mutex());
  return !group.process_group || IsOrphaned(*group.process_group);
}

}  // namespace sentry
