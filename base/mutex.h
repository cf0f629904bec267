// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <mutex>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "base/lock_order.h"

namespace base {

// A mutual exclusion lock for short sections on host threads. It must never be held while a fiber parks
// (Task::Block and everything that parks asserts this in debug builds).
// Every mutex belongs to a lock class: one static LockClass per (owner type, field). Debug builds record the order
// in which classes are taken and end the process, naming both classes, when two orders contradict each other.
//
//   inline constinit base::LockClass kFdTableLock{"FdTable::mutex_"};
//   base::Mutex mutex_{kFdTableLock};
class ABSL_LOCKABLE Mutex {
 public:
  explicit Mutex(LockClass& lock_class) : lock_class_(lock_class) {}
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  void Lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() {
    LockOrder::BeforeLock(lock_class_, this);
    mutex_.lock();
    LockOrder::AfterLock(lock_class_, this);
  }
  // Takes the lock if it is free.
  bool TryLock() ABSL_EXCLUSIVE_TRYLOCK_FUNCTION(true) {
    if (!mutex_.try_lock()) return false;
    LockOrder::AfterLock(lock_class_, this);
    return true;
  }
  void Unlock() ABSL_UNLOCK_FUNCTION() {
    LockOrder::BeforeUnlock(lock_class_, this);
    mutex_.unlock();
  }
  void AssertHeld() const ABSL_ASSERT_EXCLUSIVE_LOCK() { LockOrder::AssertHeld(this); }

  // For base::CondVar.
  std::mutex& native() { return mutex_; }
  LockClass& lock_class() { return lock_class_; }

 private:
  std::mutex mutex_;
  LockClass& lock_class_;
};

class ABSL_SCOPED_LOCKABLE MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) ABSL_EXCLUSIVE_LOCK_FUNCTION(mutex) : mutex_(mutex) { mutex_.Lock(); }
  ~MutexLock() ABSL_UNLOCK_FUNCTION() { mutex_.Unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

// One value behind one lock: the value cannot be reached without holding it.
template <typename T>
class Guarded {
 public:
  template <typename... Args>
  explicit Guarded(LockClass& lock_class, Args&&... args) : mutex_(lock_class), value_(std::forward<Args>(args)...) {}

  template <typename F>
  decltype(auto) With(F&& function) {
    MutexLock lock(mutex_);
    return std::forward<F>(function)(value_);
  }
  template <typename F>
  decltype(auto) With(F&& function) const {
    MutexLock lock(mutex_);
    return std::forward<F>(function)(value_);
  }

 private:
  mutable Mutex mutex_;
  T value_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace base
