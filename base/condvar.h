// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

#include "base/mutex.h"

namespace base {

// A condition variable for host threads (never for fibers, which wait through Task::Block).
class CondVar {
 public:
  void Wait(Mutex& mutex) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    LockOrder::BeforeUnlock(mutex.lock_class(), &mutex);
    std::unique_lock<std::mutex> lock(mutex.native(), std::adopt_lock);
    condition_.wait(lock);
    lock.release();
    LockOrder::AfterLock(mutex.lock_class(), &mutex);
  }
  // Waits at most until `deadline_ns` of CLOCK_MONOTONIC. Returns false on timeout.
  bool WaitUntil(Mutex& mutex, int64_t deadline_ns) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    LockOrder::BeforeUnlock(mutex.lock_class(), &mutex);
    std::unique_lock<std::mutex> lock(mutex.native(), std::adopt_lock);
    auto deadline = std::chrono::steady_clock::time_point(std::chrono::nanoseconds(deadline_ns));
    bool notified = condition_.wait_until(lock, deadline) == std::cv_status::no_timeout;
    lock.release();
    LockOrder::AfterLock(mutex.lock_class(), &mutex);
    return notified;
  }
  void NotifyOne() { condition_.notify_one(); }
  void NotifyAll() { condition_.notify_all(); }

 private:
  std::condition_variable condition_;
};

}  // namespace base
