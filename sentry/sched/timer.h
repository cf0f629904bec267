// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <set>

#include "base/clock.h"
#include "base/mutex.h"

namespace sentry {

class TimerQueue;

// A one-shot timer on the host's monotonic clock. The owner keeps it alive while it is set; the destructor cancels.
class Timer {
 public:
  // `expired` runs on some kernel thread with the timer queue's lock held: it only marks and wakes.
  Timer(TimerQueue& queue, std::function<void()> expired) : queue_(queue), expired_(std::move(expired)) {}
  ~Timer() { Cancel(); }
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  // Arms it for `deadline_ns` (CLOCK_MONOTONIC), replacing an earlier deadline. kForever disarms.
  void Set(int64_t deadline_ns);
  // After it returns `expired` is not running and will not run.
  void Cancel();

 private:
  friend class TimerQueue;
  TimerQueue& queue_;
  const std::function<void()> expired_;
  int64_t deadline_ = base::kForever;  // Guarded by the queue's lock.
};

// All armed timers. Thread-safe.
class TimerQueue {
 public:
  // `earlier` is called (without locks) when the next deadline moved forward.
  explicit TimerQueue(std::function<void()> earlier) : mutex_(kLock), earlier_(std::move(earlier)) {}

  // kForever when no timer is armed. Lock-free; may be a moment old.
  int64_t next_deadline() const { return next_.load(std::memory_order_acquire); }
  // Runs what is due. Returns whether anything was.
  bool RunExpired(int64_t now_ns);

 private:
  friend class Timer;
  struct Earlier {
    bool operator()(const Timer* a, const Timer* b) const {
      return a->deadline_ != b->deadline_ ? a->deadline_ < b->deadline_ : a < b;
    }
  };

  static inline constinit base::LockClass kLock{"TimerQueue::mutex_"};
  base::Mutex mutex_;
  std::set<Timer*, Earlier> timers_ ABSL_GUARDED_BY(mutex_);
  std::atomic<int64_t> next_{base::kForever};
  const std::function<void()> earlier_;
};

}  // namespace sentry
