// SPDX-License-Identifier: Apache-2.0
#include "sentry/time/interval_timer.h"

#include <signal.h>

#include <algorithm>

#include "sentry/task/thread_group.h"

namespace sentry {

constinit base::LockClass IntervalTimer::kLock{"IntervalTimer::mutex_"};

IntervalTimer::IntervalTimer(ThreadGroup& group, Scheduler& scheduler, TimerClock clock, int signal)
    : group_(group), clock_(clock), signal_(signal), mutex_(kLock), timer_(scheduler, group, [this] { Deliver(); }) {}

IntervalTimer::Setting IntervalTimer::Get() const {
  int64_t now = clock_.Now();
  base::MutexLock lock(mutex_);
  return GetLocked(now);
}

IntervalTimer::Setting IntervalTimer::GetLocked(int64_t now_ns) const {
  if (deadline_ == base::kForever) return {.remaining_ns = 0, .interval_ns = interval_};
  // An armed timer never shows 0.
  return {.remaining_ns = std::max<int64_t>(deadline_ - now_ns, 1), .interval_ns = interval_};
}

void IntervalTimer::ArmLocked(int64_t now_ns) {
  idle_looks_ = now_ns == last_look_ ? idle_looks_ + 1 : 0;
  last_look_ = now_ns;
  timer_.Set(deadline_ == base::kForever ? base::kForever : clock_.WhenToLook(now_ns, deadline_, idle_looks_));
}

IntervalTimer::Setting IntervalTimer::Set(Setting setting) {
  int64_t now = clock_.Now();
  base::MutexLock lock(mutex_);
  Setting old = GetLocked(now);
  interval_ = setting.interval_ns;
  if (setting.remaining_ns == 0 || __builtin_add_overflow(now, setting.remaining_ns, &deadline_)) {
    deadline_ = base::kForever;
  }
  ArmLocked(now);
  return old;
}

void IntervalTimer::Deliver() {
  int64_t now = clock_.Now();
  {
    base::MutexLock lock(mutex_);
    if (deadline_ == base::kForever) return;
    bool due = deadline_ <= now;
    if (due && interval_ == 0) {
      deadline_ = base::kForever;
    } else if (due) {
      int64_t interval = std::max(interval_, kShortestInterval);
      int64_t missed = (now - deadline_) / interval;
      if (__builtin_add_overflow(deadline_, (missed + 1) * interval, &deadline_)) deadline_ = base::kForever;
    }
    ArmLocked(now);
    // Set anew meanwhile, or CPU time that went by slower than the wall clock's.
    if (!due) return;
  }
  base::abi::Siginfo info;
  info.signo = signal_;
  info.code = SI_KERNEL;
  group_.SendSignal(info);
}

}  // namespace sentry
