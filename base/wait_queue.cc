// SPDX-License-Identifier: Apache-2.0
#include "base/wait_queue.h"

#include <poll.h>

#include <climits>

#include "base/log.h"

namespace base {

constinit LockClass WaitQueue::kLock{"WaitQueue::mutex_"};

Waiter::~Waiter() { CHECK_INVARIANT(queue_ == nullptr); }

WaitQueue::~WaitQueue() { CHECK_INVARIANT(head_ == nullptr); }

void WaitQueue::Register(Waiter& waiter) {
  MutexLock lock(mutex_);
  CHECK_INVARIANT(waiter.queue_ == nullptr);
  waiter.queue_ = this;
  waiter.next_ = nullptr;
  waiter.previous_ = tail_;
  (tail_ != nullptr ? tail_->next_ : head_) = &waiter;
  tail_ = &waiter;
}

void WaitQueue::Unregister(Waiter& waiter) {
  MutexLock lock(mutex_);
  CHECK_INVARIANT(waiter.queue_ == this);
  (waiter.previous_ != nullptr ? waiter.previous_->next_ : head_) = waiter.next_;
  (waiter.next_ != nullptr ? waiter.next_->previous_ : tail_) = waiter.previous_;
  waiter.queue_ = nullptr;
}

void WaitQueue::Notify(EventMask events) { NotifyCount(events, INT_MAX); }

int WaitQueue::NotifyCount(EventMask events, int count) {
  MutexLock lock(mutex_);
  // An epoll notifies its own queue from within Notified: another queue of the same class, strictly nested by the
  // epoll tree, which is acyclic.
  LockOrder::ScopedNested nested;
  int told = 0;
  for (Waiter* waiter = head_; waiter != nullptr && told < count; waiter = waiter->next_) {
    EventMask wanted = waiter->mask_ | POLLERR | POLLHUP;
    if ((wanted & events) == 0) continue;
    waiter->Notified(events & wanted);
    ++told;
  }
  return told;
}

bool WaitQueue::empty() const {
  MutexLock lock(mutex_);
  return head_ == nullptr;
}

}  // namespace base
