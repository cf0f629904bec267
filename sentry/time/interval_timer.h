// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "base/clock.h"
#include "base/mutex.h"
#include "sentry/sched/timer.h"

namespace sentry {

class Scheduler;
class ThreadGroup;

// ITIMER_REAL of a process (setitimer(2)): sends it SIGALRM. Part of its ThreadGroup. Thread-safe.
class IntervalTimer {
 public:
  IntervalTimer(ThreadGroup& group, Scheduler& scheduler);

  struct Setting {
    int64_t remaining_ns = 0;  // 0: not armed.
    int64_t interval_ns = 0;   // 0: fires once.
  };
  Setting Get() const;
  // Returns the old setting.
  Setting Set(Setting setting);

  // A shorter interval costs the kernel more than a guest can use: expirations in between are lost, as they would be
  // while SIGALRM is pending.
  static constexpr int64_t kShortestInterval = 100'000;

 private:
  // By the timer queue, with its lock.
  void Expired();
  // On a fiber of its own, where locks may be taken.
  void Deliver();
  Setting GetLocked(int64_t now_ns) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  static base::LockClass kLock;
  ThreadGroup& group_;
  Scheduler& scheduler_;
  mutable base::Mutex mutex_;
  int64_t deadline_ ABSL_GUARDED_BY(mutex_) = base::kForever;
  int64_t interval_ ABSL_GUARDED_BY(mutex_) = 0;
  Timer timer_;
};

}  // namespace sentry
