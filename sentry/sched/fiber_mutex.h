// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/mutex.h"
#include "platform/executor.h"

namespace sentry {

// A lock that fibers may hold while they park (memory maps, exec). First come, first served; not recursive.
class FiberMutex {
 public:
  explicit FiberMutex(platform::Executor& executor) : executor_(executor), mutex_(kLock) {}

  // Parks until the lock is the caller's. REQUIRES: on a fiber, no base::Mutex held.
  void Lock();
  void Unlock();

 private:
  struct Waiting {
    platform::Executor::Fiber* fiber;
    Waiting* next = nullptr;
  };

  static inline constinit base::LockClass kLock{"FiberMutex::mutex_"};
  platform::Executor& executor_;
  base::Mutex mutex_;
  bool held_ ABSL_GUARDED_BY(mutex_) = false;
  Waiting* head_ ABSL_GUARDED_BY(mutex_) = nullptr;
  Waiting* tail_ ABSL_GUARDED_BY(mutex_) = nullptr;
};

class FiberLock {
 public:
  explicit FiberLock(FiberMutex& mutex) : mutex_(mutex) { mutex_.Lock(); }
  ~FiberLock() { mutex_.Unlock(); }
  FiberLock(const FiberLock&) = delete;
  FiberLock& operator=(const FiberLock&) = delete;

 private:
  FiberMutex& mutex_;
};

}  // namespace sentry
