// SPDX-License-Identifier: Apache-2.0
#include "sentry/time/fiber_timer.h"

#include <utility>

#include "sentry/sched/scheduler.h"

namespace sentry {

FiberTimer::FiberTimer(Scheduler& scheduler, base::RefCounted& owner, std::function<void()> expired)
    : scheduler_(scheduler),
      owner_(owner),
      expired_(std::move(expired)),
      timer_(scheduler.timers(), [this] { Expired(); }) {}

void FiberTimer::Expired() {
  // The owner may be on its way out.
  if (!owner_.TryRef()) return;
  bool spawned = scheduler_.Spawn([this] {
    base::RefCounted& owner = owner_;
    expired_();
    owner.Unref();
  });
  // Without memory for a fiber the expiry is lost. The reference is not given back: were it the last one, the timer
  // would be cancelled under the queue's lock.
  static_cast<void>(spawned);
}

}  // namespace sentry
