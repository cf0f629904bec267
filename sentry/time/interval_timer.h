// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "base/clock.h"
#include "base/mutex.h"
#include "sentry/time/fiber_timer.h"
#include "sentry/time/timer_clock.h"

namespace sentry {

class Scheduler;
class ThreadGroup;

// An interval timer of a process (setitimer(2)): sends it a signal. Part of its ThreadGroup. Thread-safe; not to be
// called with the process's signal lock held.
class IntervalTimer {
 public:
  IntervalTimer(ThreadGroup& group, Scheduler& scheduler, TimerClock clock, int signal);

  struct Setting {
    int64_t remaining_ns = 0;  // 0: not armed.
    int64_t interval_ns = 0;   // 0: fires once.
  };
  Setting Get() const;
  // Returns the old setting.
  Setting Set(Setting setting);

  // A shorter interval costs the kernel more than a guest can use: expirations in between are lost, as they would be
  // while the signal is pending.
  static constexpr int64_t kShortestInterval = 100'000;

 private:
  // On a fiber of its own, where locks may be taken.
  void Deliver();
  Setting GetLocked(int64_t now_ns) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ArmLocked(int64_t now_ns) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  static base::LockClass kLock;
  ThreadGroup& group_;
  const TimerClock clock_;
  const int signal_;
  mutable base::Mutex mutex_;
  int64_t deadline_ ABSL_GUARDED_BY(mutex_) = base::kForever;  // On clock_.
  int64_t interval_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t last_look_ ABSL_GUARDED_BY(mutex_) = 0;  // What clock_ said.
  int idle_looks_ ABSL_GUARDED_BY(mutex_) = 0;
  FiberTimer timer_;
};

}  // namespace sentry
