// SPDX-License-Identifier: Apache-2.0
#include "sentry/sched/fiber_mutex.h"

namespace sentry {

void FiberMutex::Lock() {
  Waiting self{};
  {
    base::MutexLock lock(mutex_);
    if (!held_) {
      held_ = true;
      return;
    }
    self.fiber = executor_.Current();
    (tail_ != nullptr ? tail_->next : head_) = &self;
    tail_ = &self;
  }
  // Unlock hands the ownership over before it wakes.
  executor_.Park(nullptr, nullptr);
}

void FiberMutex::Unlock() {
  platform::Executor::Fiber* next = nullptr;
  {
    base::MutexLock lock(mutex_);
    if (head_ == nullptr) {
      held_ = false;
      return;
    }
    next = head_->fiber;
    head_ = head_->next;
    if (head_ == nullptr) tail_ = nullptr;
  }
  executor_.Wake(next);
}

}  // namespace sentry
