// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>

#include "base/ref.h"
#include "sentry/sched/timer.h"

namespace sentry {

class Scheduler;

// A one-shot timer whose expiry runs on a fiber of its own, where locks may be taken. Part of `owner`, which is kept
// alive meanwhile. An expiry that was on its way when the timer was set anew still comes: `expired` looks at the clock.
class FiberTimer {
 public:
  FiberTimer(Scheduler& scheduler, base::RefCounted& owner, std::function<void()> expired);
  // CLOCK_MONOTONIC; kForever disarms.
  void Set(int64_t deadline_ns) { timer_.Set(deadline_ns); }

 private:
  // By the timer queue, with its lock.
  void Expired();

  Scheduler& scheduler_;
  base::RefCounted& owner_;
  const std::function<void()> expired_;
  Timer timer_;
};

}  // namespace sentry
