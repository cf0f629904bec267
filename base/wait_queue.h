// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "base/mutex.h"

namespace base {

// Readiness of an object, as poll(2) numbers it (POLLIN, POLLOUT, POLLHUP, EPOLLRDHUP, ...).
using EventMask = uint32_t;

class WaitQueue;

// Somebody who wants to be told of events. Lives in the waiter's own frame or object; registered with at most one
// queue. `Notified` runs on whatever thread notifies, with the queue's lock held: it must not block, must not touch the
// queue, and typically wakes a fiber or marks an epoll item ready.
class Waiter {
 public:
  explicit Waiter(EventMask mask) : mask_(mask) {}
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;
  virtual ~Waiter();

  virtual void Notified(EventMask events) = 0;
  EventMask mask() const { return mask_; }
  // REQUIRES: not registered.
  void set_mask(EventMask mask) { mask_ = mask; }
  bool registered() const { return queue_ != nullptr; }

 private:
  friend class WaitQueue;
  EventMask mask_;
  WaitQueue* queue_ = nullptr;
  Waiter* next_ = nullptr;
  Waiter* previous_ = nullptr;
};

// The waiters of one object. Thread-safe. An object that is destroyed must have no waiters left.
class WaitQueue {
 public:
  WaitQueue() : mutex_(kLock) {}
  ~WaitQueue();

  void Register(Waiter& waiter);
  // After it returns `Notified` is not running and will not run any more for this waiter.
  void Unregister(Waiter& waiter);
  // Tells every waiter whose mask meets `events` (POLLERR and POLLHUP always meet).
  void Notify(EventMask events);
  // Tells at most `count` waiters, oldest first; returns how many. For exclusive wake-ups (futex, accept).
  int NotifyCount(EventMask events, int count);
  bool empty() const;

 private:
  static LockClass kLock;
  mutable Mutex mutex_;
  Waiter* head_ ABSL_GUARDED_BY(mutex_) = nullptr;
  Waiter* tail_ ABSL_GUARDED_BY(mutex_) = nullptr;
};

}  // namespace base
