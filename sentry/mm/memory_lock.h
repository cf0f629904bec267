// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>

#include "absl/base/thread_annotations.h"

namespace sentry {

// Mutual exclusion that may be held while the holder's fiber parks (Linux analogue: mmap_lock held for writing). A
// waiter parks its fiber; the host thread goes on. The scheduler's fiber mutex stands behind it; tests use a plain one.
class ABSL_LOCKABLE MemoryLock {
 public:
  virtual ~MemoryLock() = default;
  virtual void Lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() = 0;
  virtual void Unlock() ABSL_UNLOCK_FUNCTION() = 0;

  class ABSL_SCOPED_LOCKABLE Guard {
   public:
    explicit Guard(MemoryLock& lock) ABSL_EXCLUSIVE_LOCK_FUNCTION(lock) : lock_(lock) { lock_.Lock(); }
    ~Guard() ABSL_UNLOCK_FUNCTION() { lock_.Unlock(); }
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;

   private:
    MemoryLock& lock_;
  };
};

// Makes the lock of a new MemoryManager.
using MemoryLockFactory = std::function<std::unique_ptr<MemoryLock>()>;

}  // namespace sentry
