// SPDX-License-Identifier: Apache-2.0
#include "sentry/sched/parker.h"

namespace sentry {

void Parker::Park() {
  State token = State::kToken;
  if (state_.compare_exchange_strong(token, State::kEmpty, std::memory_order_acq_rel)) return;
  fiber_ = executor_.Current();
  executor_.Park(
      [](void* argument) {
        auto* parker = static_cast<Parker*>(argument);
        State empty = State::kEmpty;
        if (parker->state_.compare_exchange_strong(empty, State::kParked, std::memory_order_acq_rel)) return;
        // Unparked while the fiber left its stack.
        parker->state_.store(State::kEmpty, std::memory_order_relaxed);
        parker->executor_.Wake(parker->fiber_);
      },
      this);
}

void Parker::Unpark() {
  State state = state_.load(std::memory_order_relaxed);
  while (true) {
    switch (state) {
      case State::kToken:
        return;
      case State::kEmpty:
        if (state_.compare_exchange_weak(state, State::kToken, std::memory_order_acq_rel)) return;
        break;
      case State::kParked:
        if (state_.compare_exchange_weak(state, State::kEmpty, std::memory_order_acq_rel)) {
          executor_.Wake(fiber_);
          return;
        }
        break;
    }
  }
}

}  // namespace sentry
