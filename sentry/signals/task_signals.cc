// SPDX-License-Identifier: Apache-2.0
// A thread's own signals: its mask, what is pending for it, waiting for signals.
#include <poll.h>
#include <signal.h>

#include <algorithm>

#include "base/clock.h"
#include "sentry/signals/signal_delivery.h"
#include "sentry/task/task.h"
#include "sentry/task/thread_group.h"

namespace sentry {

void Task::SendSignal(const base::abi::Siginfo& info) {
  // The kernel's own signals do not fail.
  [[maybe_unused]] auto sent = SignalDelivery::Send(*group_, this, info, /*from_guest=*/false);
}

base::Result<void> Task::SendUserSignal(const base::abi::Siginfo& info) {
  return SignalDelivery::Send(*group_, this, info, /*from_guest=*/true);
}

void Task::ForceSignal(const base::abi::Siginfo& info) {
  base::Signal signal = base::Signal::Of(info.signo);
  base::MutexLock lock(group_->signal_mutex_);
  base::abi::KernelSigaction action = group_->handlers_->Get(signal);
  bool blocked = (mask_ & signal.mask()) != 0;
  if (blocked || action.handler == base::abi::kSigIgn) {
    action.handler = base::abi::kSigDfl;
    group_->handlers_->Set(signal, action);
  }
  mask_ &= ~signal.mask();
  // Even init dies of its own faults.
  if (action.handler == base::abi::kSigDfl) group_->protected_init.store(false, std::memory_order_relaxed);
  pending_.Enqueue(info);
  attention_.store(true);
}

void Task::ForceBadFrame(int signal) {
  base::Signal segv = base::Signal::Of(SIGSEGV);
  if (signal == SIGSEGV) {
    base::MutexLock lock(group_->signal_mutex_);
    base::abi::KernelSigaction action = group_->handlers_->Get(segv);
    action.handler = base::abi::kSigDfl;
    group_->handlers_->Set(segv, action);
  }
  base::abi::Siginfo info;
  info.signo = SIGSEGV;
  info.code = SI_KERNEL;
  ForceSignal(info);
}

base::abi::SignalSet Task::signal_mask() const { return mask_; }

void Task::SetSignalMask(base::abi::SignalSet mask) {
  base::MutexLock lock(group_->signal_mutex_);
  SignalDelivery::SetMaskLocked(*this, mask);
}

void Task::SetTemporaryMask(base::abi::SignalSet mask) {
  base::MutexLock lock(group_->signal_mutex_);
  if (!saved_mask_) saved_mask_ = mask_;
  SignalDelivery::SetMaskLocked(*this, mask);
}

void Task::RestoreTemporaryMask() {
  if (!saved_mask_) return;
  base::MutexLock lock(group_->signal_mutex_);
  SignalDelivery::SetMaskLocked(*this, *saved_mask_);
  saved_mask_.reset();
}

void SignalDelivery::SetMaskLocked(Task& task, base::abi::SignalSet mask) {
  mask &= ~kUnblockableSignals;
  base::abi::SignalSet newly_blocked = mask & ~task.mask_;
  task.mask_ = mask;
  if (newly_blocked != 0) task.RetargetLocked(newly_blocked);
  task.RecomputeAttentionLocked();
}

bool Task::RecomputeAttentionLocked() const {
  // Cleared first: whoever asks for attention without the lock (exit) sets its own flag before this one.
  attention_.store(false);
  const ThreadGroup& group = *group_;
  bool wanted = exiting() || group.group_exiting() || group.parent_notice_ != 0 ||
                (group.stop_signal_ != 0 && !in_stop_) || ((pending_.set() | group.pending_.set()) & ~mask_) != 0;
  if (wanted) attention_.store(true);
  return wanted;
}

void Task::RetargetLocked(base::abi::SignalSet set) {
  set &= group_->pending_.set();
  for (Task* task : group_->tasks) {
    if (set == 0) return;
    if (task == this || task->leaving_ || (set & ~task->mask_) == 0) continue;
    task->Interrupt();
    set &= task->mask_;
  }
}

void Task::LeaveSignals() {
  bool stopped = false;
  bool last = false;
  int signal = 0;
  if (memory_) group_->NoteResident(*memory_);
  {
    base::MutexLock lock(group_->signal_mutex_);
    last = std::all_of(group_->tasks.begin(), group_->tasks.end(),
                       [this](const Task* task) { return task == this || task->leaving_; });
    cpu_account_.Enter(CpuAccount::Place::kWaiting);
    if (last) {
      group_->exited_ = group_->UsageLocked();
    } else {
      CpuAccount::Reading reading = cpu_account_.Read();
      group_->exited_.Add(
          {.times = {.user_ns = reading.guest_ns, .system_ns = reading.kernel_ns}, .waits = reading.waits});
    }
    leaving_ = true;
    in_stop_ = false;
    RetargetLocked(~mask_);
    signal = group_->stop_signal_;
    stopped = SignalDelivery::CompleteStopLocked(*group_);
  }
  if (stopped) SignalDelivery::TellParent(*group_, CLD_STOPPED, signal);
  if (last) group_->StopTimers();
  // What is pending may hold on to the process that holds it.
  base::MutexLock lock(group_->signal_mutex_);
  pending_.Discard(~base::abi::SignalSet{0});
  if (last) group_->pending_.Discard(~base::abi::SignalSet{0});
}

bool Task::TakeSignal(base::abi::SignalSet set, base::abi::Siginfo* info) {
  base::MutexLock lock(group_->signal_mutex_);
  if (!pending_.Dequeue(set, info) && !group_->pending_.Dequeue(set, info)) return false;
  RecomputeAttentionLocked();
  return true;
}

base::abi::SignalSet Task::PendingSet() const {
  base::MutexLock lock(group_->signal_mutex_);
  return pending_.set() | group_->pending_.set();
}

base::Result<base::abi::Siginfo> Task::WaitForSignal(base::abi::SignalSet set, int64_t deadline_ns) {
  set &= ~kUnblockableSignals;
  base::abi::Siginfo info;
  if (TakeSignal(set, &info)) return info;
  if (deadline_ns <= base::MonotonicNow()) return base::Errno(EAGAIN);
  {
    base::MutexLock lock(group_->signal_mutex_);
    awaited_ = set;
  }
  BlockOutcome outcome = BlockOutcome::kWoken;
  bool taken = false;
  {
    WakeFlag flag(*this);
    FlagWaiter waiter(flag, &group_->signal_wait_, POLLIN);
    do {
      flag.Clear();
      taken = TakeSignal(set, &info);
      if (!taken) outcome = Block(flag, deadline_ns);
    } while (!taken && outcome == BlockOutcome::kWoken);
  }
  base::MutexLock lock(group_->signal_mutex_);
  awaited_ = 0;
  if (!taken) taken = pending_.Dequeue(set, &info) || group_->pending_.Dequeue(set, &info);
  // What was left to this thread because it waited is somebody else's now.
  RetargetLocked(set & mask_);
  RecomputeAttentionLocked();
  if (taken) return info;
  return base::Errno(outcome == BlockOutcome::kTimedOut ? EAGAIN : EINTR);
}

}  // namespace sentry
