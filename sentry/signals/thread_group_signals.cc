// SPDX-License-Identifier: Apache-2.0
// Sending: to a process, and what that does to all its threads (signal(7), kill(2); Linux analogue: __send_signal,
// prepare_signal, complete_signal).
#include <poll.h>
#include <signal.h>

#include "sentry/kernel.h"
#include "sentry/signals/signal_delivery.h"
#include "sentry/task/task.h"
#include "sentry/task/thread_group.h"

namespace sentry {
namespace {

// The kernel's SIGRTMIN.
constexpr int kFirstRealTime = 32;

}  // namespace

constexpr base::abi::SignalSet kStopSignals =
    SignalBit(SIGSTOP) | SignalBit(SIGTSTP) | SignalBit(SIGTTIN) | SignalBit(SIGTTOU);
constexpr base::abi::SignalSet kUnblockableSignals = SignalBit(SIGKILL) | SignalBit(SIGSTOP);

base::RefPtr<SignalHandlers> ThreadGroup::handlers() const {
  base::MutexLock lock(signal_mutex_);
  return handlers_;
}

void ThreadGroup::set_handlers(base::RefPtr<SignalHandlers> handlers) {
  base::MutexLock lock(signal_mutex_);
  std::swap(handlers_, handlers);
}

void ThreadGroup::SendSignal(const base::abi::Siginfo& info) {
  // The kernel's own signals do not fail.
  [[maybe_unused]] auto sent = SignalDelivery::Send(*this, nullptr, info, /*from_guest=*/false);
}

base::Result<void> ThreadGroup::SendUserSignal(const base::abi::Siginfo& info) {
  return SignalDelivery::Send(*this, nullptr, info, /*from_guest=*/true);
}

base::abi::KernelSigaction ThreadGroup::SetAction(base::Signal signal, const base::abi::KernelSigaction& action) {
  base::MutexLock lock(signal_mutex_);
  base::abi::KernelSigaction old = handlers_->Set(signal, action);
  if (handlers_->Ignored(signal)) SignalDelivery::DiscardLocked(*this, signal.mask());
  return old;
}

void ThreadGroup::StartGroupExit(int status) {
  base::MutexLock lock(signal_mutex_);
  SignalDelivery::StartGroupExitLocked(*this, status);
}

int ThreadGroup::group_exit_status() const {
  base::MutexLock lock(signal_mutex_);
  return group_exit_status_;
}

base::abi::SignalSet ThreadGroup::PendingForAny() const {
  base::MutexLock lock(signal_mutex_);
  base::abi::SignalSet set = pending_.set();
  for (const Task* task : tasks) set |= task->pending_.set();
  return set;
}

int ThreadGroup::TakeStopReport(bool keep) {
  base::MutexLock lock(signal_mutex_);
  return keep ? stop_report_ : std::exchange(stop_report_, 0);
}

bool ThreadGroup::TakeContinueReport(bool keep) {
  base::MutexLock lock(signal_mutex_);
  return keep ? continue_report_ : std::exchange(continue_report_, false);
}

base::Result<void> SignalDelivery::Send(ThreadGroup& group, Task* thread, const base::abi::Siginfo& info,
                                        bool from_guest) {
  bool continued = false;
  base::Result<bool> result = false;
  {
    base::MutexLock lock(group.signal_mutex_);
    result = SendLocked(group, thread, info, from_guest, nullptr, &continued);
  }
  if (continued) group.continue_wait_.Notify(POLLIN);
  group.signal_wait_.Notify(POLLIN);
  if (!result.ok()) return result.error();
  return {};
}

bool SignalDelivery::SendFrom(ThreadGroup& group, base::Tid tid, const base::abi::Siginfo& info,
                              base::RefPtr<SignalSource> source) {
  bool continued = false;
  base::Result<bool> result = false;
  {
    base::MutexLock lock(group.signal_mutex_);
    Task* thread = nullptr;
    bool alive = false;
    for (Task* task : group.tasks) {
      if (task->leaving_) continue;
      alive = true;
      if (task->tid() == tid) thread = task;
    }
    // The end of the process takes its timers with it.
    if (!alive) return true;
    if (tid.value() != 0 && thread == nullptr) return false;
    result = SendLocked(group, thread, info, /*from_guest=*/false, std::move(source), &continued);
  }
  if (continued) group.continue_wait_.Notify(POLLIN);
  group.signal_wait_.Notify(POLLIN);
  return result.ok() && *result;
}

base::Result<bool> SignalDelivery::SendLocked(ThreadGroup& group, Task* thread, const base::abi::Siginfo& info,
                                              bool from_guest, base::RefPtr<SignalSource> source, bool* continued) {
  base::Signal signal = base::Signal::Of(info.signo);
  // The dead and the dying get nothing more.
  if (group.tasks.empty() || group.group_exiting() || (thread != nullptr && thread->leaving_)) return true;
  Task& target = thread != nullptr ? *thread : group.leader != nullptr ? *group.leader : *group.tasks.front();
  if ((kStopSignals & signal.mask()) != 0) {
    DiscardLocked(group, SignalBit(SIGCONT));
  } else if (signal.number() == SIGCONT) {
    ContinueLocked(group, continued);
  }
  if (IgnoredLocked(group, target, signal, from_guest)) return false;
  if (signal.number() == SIGKILL) {
    StartGroupExitLocked(group, SIGKILL);
    return true;
  }

  PendingSignals& queue = thread != nullptr ? thread->pending_ : group.pending_;
  if (source) {
    queue.EnqueueFrom(std::move(source), info);
    ChooseThreadLocked(group, target, signal, thread != nullptr);
    return true;
  }
  if (queue.WouldDrop(signal.number())) return true;
  // Standard signals of kill(2) and of the kernel are queued whatever the limit.
  bool unlimited = signal.number() < kFirstRealTime && info.code >= 0;
  uint64_t limit = unlimited ? UINT64_MAX : group.limits().Soft(RLIMIT_SIGPENDING);
  base::KUid user = target.SharedCredentials()->ruid;
  std::optional<SignalAccounts::Charge> charge = group.kernel().signal_accounts().Take(user, limit);
  if (charge) {
    queue.Enqueue(info, std::move(*charge));
  } else if (signal.number() >= kFirstRealTime && info.code != SI_USER) {
    return base::Errno(EAGAIN);
  } else {
    queue.EnqueueWithoutDetails(signal.number());
  }
  ChooseThreadLocked(group, target, signal, thread != nullptr);
  return true;
}

void SignalDelivery::ContinueLocked(ThreadGroup& group, bool* continued) {
  DiscardLocked(group, kStopSignals);
  for (Task* task : group.tasks) task->stop_dequeued_ = false;
  if (group.stop_signal_ == 0) return;
  // A stop that was under way counts as one that was interrupted.
  group.parent_notice_ = group.stopped_ ? CLD_CONTINUED : CLD_STOPPED;
  group.stop_signal_ = 0;
  group.stopped_ = false;
  group.stop_report_ = 0;
  group.continue_report_ = true;
  for (Task* task : group.tasks) {
    task->in_stop_ = false;
    task->attention_.store(true);
  }
  *continued = true;
}

bool SignalDelivery::IgnoredLocked(ThreadGroup& group, const Task& target, base::Signal signal, bool from_guest) {
  // A blocked signal stays pending: its action may change before it is unblocked.
  if ((target.mask_ & signal.mask()) != 0) return false;
  if (from_guest && group.protected_init.load(std::memory_order_relaxed) &&
      group.handlers_->Get(signal).handler == base::abi::kSigDfl) {
    return true;
  }
  return group.handlers_->Ignored(signal);
}

bool SignalDelivery::WantsLocked(const Task& task, base::Signal signal) {
  base::abi::SignalSet blocked = task.mask_ & ~task.awaited_;
  return (blocked & signal.mask()) == 0 && !task.leaving_ && !task.exiting() && !task.in_stop_;
}

void SignalDelivery::ChooseThreadLocked(ThreadGroup& group, Task& first, base::Signal signal, bool thread_directed) {
  Task* chosen = WantsLocked(first, signal) ? &first : nullptr;
  if (chosen == nullptr) {
    if (thread_directed) return;
    // A thread that has nothing to look at yet is better than one that is on its way to others.
    for (size_t i = 0; i < group.tasks.size(); ++i) {
      size_t index = (group.next_target_ + i) % group.tasks.size();
      Task* task = group.tasks[index];
      if (!WantsLocked(*task, signal)) continue;
      bool busy = task->attention_.load(std::memory_order_relaxed);
      if (chosen == nullptr || !busy) chosen = task;
      if (busy) continue;
      group.next_target_ = index;
      break;
    }
    if (chosen == nullptr) return;
  }
  // What kills does so at once, however busy the chosen thread is; but for the signals a sigtimedwait takes.
  if ((chosen->mask_ & signal.mask()) == 0 && group.handlers_->Get(signal).handler == base::abi::kSigDfl &&
      DefaultActionOf(signal) == DefaultAction::kTerminate && !group.protected_init.load(std::memory_order_relaxed)) {
    StartGroupExitLocked(group, signal.number());
    return;
  }
  chosen->Interrupt();
}

void SignalDelivery::StartGroupExitLocked(ThreadGroup& group, int status) {
  if (group.group_exiting()) return;
  group.group_exit_status_ = status;
  group.group_exiting_.store(true, std::memory_order_release);
  group.stop_signal_ = 0;
  group.stopped_ = false;
  group.stop_report_ = 0;
  group.continue_report_ = false;
  group.parent_notice_ = 0;
  for (Task* task : group.tasks) {
    task->in_stop_ = false;
    task->Interrupt();
  }
}

void SignalDelivery::DiscardLocked(ThreadGroup& group, base::abi::SignalSet mask) {
  group.pending_.Discard(mask);
  for (Task* task : group.tasks) task->pending_.Discard(mask);
}

}  // namespace sentry
