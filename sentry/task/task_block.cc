// SPDX-License-Identifier: Apache-2.0
// How a task's fiber waits, and how others end the wait.
#include <optional>

#include "base/clock.h"
#include "sentry/kernel.h"
#include "sentry/task/task.h"

namespace sentry {

void WakeFlag::Set() {
  set_.store(true, std::memory_order_release);
  task_.parker_.Unpark();
}

FlagWaiter::FlagWaiter(WakeFlag& flag, base::WaitQueue* queue, base::EventMask mask)
    : base::Waiter(mask), flag_(flag), queue_to_leave_(queue) {
  if (queue_to_leave_ != nullptr) queue_to_leave_->Register(*this);
}

FlagWaiter::~FlagWaiter() {
  if (queue_to_leave_ != nullptr) queue_to_leave_->Unregister(*this);
}

void FlagWaiter::Notified(base::EventMask) { flag_.Set(); }

bool Task::Interrupted() const {
  if (exiting() || group_->group_exiting()) return true;
  if (!attention_.load(std::memory_order_acquire)) return false;
  base::MutexLock lock(group_->signal_mutex_);
  return RecomputeAttentionLocked();
}

BlockOutcome Task::Block(WakeFlag& flag, int64_t deadline_ns, bool interruptible) {
  std::atomic<bool> expired{false};
  std::optional<Timer> timer;
  while (true) {
    if (flag.is_set()) return BlockOutcome::kWoken;
    if (exiting() || group_->group_exiting()) return BlockOutcome::kInterrupted;
    if (interruptible && Interrupted()) return BlockOutcome::kInterrupted;
    if (expired.load(std::memory_order_acquire)) return BlockOutcome::kTimedOut;
    if (deadline_ns != base::kForever && !timer) {
      if (base::MonotonicNow() >= deadline_ns) return BlockOutcome::kTimedOut;
      timer.emplace(kernel_.scheduler().timers(), [this, &expired] {
        expired.store(true, std::memory_order_release);
        parker_.Unpark();
      });
      timer->Set(deadline_ns);
    }
    cpu_account_.Enter(CpuAccount::Place::kWaiting);
    parker_.Park();
    cpu_account_.Enter(CpuAccount::Place::kKernel);
  }
}

base::SysResult<void> Task::Sleep(WakeFlag& flag, int64_t deadline_ns) {
  switch (Block(flag, deadline_ns)) {
    case BlockOutcome::kWoken:
      return {};
    case BlockOutcome::kTimedOut:
      return base::Errno(ETIMEDOUT);
    case BlockOutcome::kInterrupted:
      return base::Restart::kSys;
  }
  __builtin_unreachable();
}

void Task::Interrupt() {
  attention_.store(true, std::memory_order_release);
  parker_.Unpark();
  base::MutexLock lock(mutex_);
  if (in_guest_) guest_->Interrupt();
}

}  // namespace sentry
