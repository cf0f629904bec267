// SPDX-License-Identifier: Apache-2.0
#include "platform/testing/thread_executor.h"

#include <chrono>
#include <semaphore>

#include "base/clock.h"
#include "base/lock_order.h"
#include "base/log.h"

namespace platform::testing {

namespace {

struct ThreadFiber {
  std::counting_semaphore<> woken{0};
};

thread_local ThreadFiber* current = nullptr;

}  // namespace

Executor::Fiber* ThreadExecutor::Current() {
  CHECK_INVARIANT(current != nullptr);
  return reinterpret_cast<Fiber*>(current);
}

void ThreadExecutor::Park(void (*commit)(void*), void* argument) {
  base::LockOrder::AssertNoneHeld();
  ThreadFiber* self = current;
  commit(argument);
  self->woken.acquire();
}

void ThreadExecutor::Wake(Fiber* fiber) { reinterpret_cast<ThreadFiber*>(fiber)->woken.release(); }

std::thread ThreadExecutor::Spawn(std::function<void()> body) {
  return std::thread([body = std::move(body)] {
    // Lives until the thread ends: a waker may still be inside release() when acquire() has returned.
    static thread_local ThreadFiber fiber;
    current = &fiber;
    body();
  });
}

void ThreadExecutor::Serve(std::span<Receiver* const> receivers) {
  receivers_.assign(receivers.begin(), receivers.end());
  for (Receiver* receiver : receivers_) {
    threads_.emplace_back([this, receiver] {
      while (!stop_ && receiver->Receive() != Receiver::Outcome::kGone) {
      }
    });
  }
  threads_.emplace_back([this] {
    while (!stop_) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      if (!ticking_) continue;
      for (Receiver* receiver : receivers_) receiver->Tick(base::MonotonicNow());
    }
  });
}

void ThreadExecutor::Stop() {
  stop_ = true;
  for (Receiver* receiver : receivers_) receiver->Interrupt();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
  receivers_.clear();
}

}  // namespace platform::testing
