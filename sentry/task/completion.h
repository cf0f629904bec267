// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <poll.h>

#include <atomic>

#include "base/ref.h"
#include "base/wait_queue.h"

namespace sentry {

// Something that happens once and may be waited for (the end of a vfork). Thread-safe.
class Completion : public base::RefCounted {
 public:
  void Complete() {
    done_.store(true, std::memory_order_release);
    queue_.Notify(POLLIN);
  }
  bool done() const { return done_.load(std::memory_order_acquire); }
  base::WaitQueue& queue() { return queue_; }

 private:
  std::atomic<bool> done_{false};
  base::WaitQueue queue_;
};

}  // namespace sentry
