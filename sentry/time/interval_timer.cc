// SPDX-License-Identifier: Apache-2.0
#include "sentry/time/interval_timer.h"

#include <signal.h>

#include <algorithm>

#include "sentry/sched/scheduler.h"
#include "sentry/task/thread_group.h"

namespace sentry {

constinit base::LockClass IntervalTimer::kLock{"IntervalTimer::mutex_"};

IntervalTimer::IntervalTimer(ThreadGroup& group, Scheduler& scheduler)
    : group_(group), scheduler_(scheduler), mutex_(kLock), timer_(scheduler.timers(), [this] { Expired(); }) {}

IntervalTimer::Setting IntervalTimer::Get() const {
  base::MutexLock lock(mutex_);
  return GetLocked(base::MonotonicNow());
}

IntervalTimer::Setting IntervalTimer::GetLocked(int64_t now_ns) const {
  if (deadline_ == base::kForever) return {.remaining_ns = 0, .interval_ns = interval_};
  // An armed timer never shows 0.
  return {.remaining_ns = std::max<int64_t>(deadline_ - now_ns, 1), .interval_ns = interval_};
}

IntervalTimer::Setting IntervalTimer::Set(Setting setting) {
  base::MutexLock lock(mutex_);
  int64_t now = base::MonotonicNow();
  Setting old = GetLocked(now);
  interval_ = setting.interval_ns;
  if (setting.remaining_ns == 0 || __builtin_add_overflow(now, setting.remaining_ns, &deadline_)) {
    deadline_ = base::kForever;
  }
  timer_.Set(deadline_);
  return old;
}

void IntervalTimer::Expired() {
  // The process may be on its way out.
  if (!group_.TryRef()) return;
  bool spawned = scheduler_.Spawn([this] {
    Deliver();
    group_.Unref();
  });
  // Without memory for a fiber the signal is lost. The reference is not given back: were it the last one, the timer
  // would be cancelled under the queue's lock.
  static_cast<void>(spawned);
}

void IntervalTimer::Deliver() {
  {
    base::MutexLock lock(mutex_);
    int64_t now = base::MonotonicNow();
    if (deadline_ > now) return;  // Set anew meanwhile.
    if (interval_ == 0) {
      deadline_ = base::kForever;
    } else {
      int64_t interval = std::max(interval_, kShortestInterval);
      int64_t missed = (now - deadline_) / interval;
      if (__builtin_add_overflow(deadline_, (missed + 1) * interval, &deadline_)) deadline_ = base::kForever;
      timer_.Set(deadline_);
    }
  }
  base::abi::Siginfo info;
  info.signo = SIGALRM;
  info.code = SI_KERNEL;
  group_.SendSignal(info);
}

}  // namespace sentry
