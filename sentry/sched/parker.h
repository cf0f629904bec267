// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>

#include "platform/executor.h"

namespace sentry {

// The sleeping place of one fiber, with any number of wakers. Works like a binary token: Unpark leaves it, Park takes
// it or waits for it. Wake-ups may be spurious: the fiber looks again at what it waits for.
class Parker {
 public:
  explicit Parker(platform::Executor& executor) : executor_(executor) {}

  // REQUIRES: on the owning fiber.
  void Park();
  // From any thread.
  void Unpark();

 private:
  enum class State : int { kEmpty, kParked, kToken };

  platform::Executor& executor_;
  platform::Executor::Fiber* fiber_ = nullptr;  // Set before state_ becomes kParked.
  std::atomic<State> state_{State::kEmpty};
};

}  // namespace sentry
