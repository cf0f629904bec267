// SPDX-License-Identifier: Apache-2.0
#include "sentry/sched/timer.h"

namespace sentry {

void Timer::Set(int64_t deadline_ns) {
  bool sooner = false;
  {
    base::MutexLock lock(queue_.mutex_);
    if (deadline_ != base::kForever) queue_.timers_.erase(this);
    deadline_ = deadline_ns;
    if (deadline_ns != base::kForever) queue_.timers_.insert(this);
    int64_t next = queue_.timers_.empty() ? base::kForever : (*queue_.timers_.begin())->deadline_;
    sooner = next < queue_.next_.load(std::memory_order_relaxed);
    queue_.next_.store(next, std::memory_order_release);
  }
  if (sooner) queue_.earlier_();
}

void Timer::Cancel() { Set(base::kForever); }

bool TimerQueue::RunExpired(int64_t now_ns) {
  if (next_deadline() > now_ns) return false;
  base::MutexLock lock(mutex_);
  bool any = false;
  while (!timers_.empty() && (*timers_.begin())->deadline_ <= now_ns) {
    Timer* timer = *timers_.begin();
    timers_.erase(timers_.begin());
    timer->deadline_ = base::kForever;
    timer->expired_();
    any = true;
  }
  next_.store(timers_.empty() ? base::kForever : (*timers_.begin())->deadline_, std::memory_order_release);
  return any;
}

}  // namespace sentry
