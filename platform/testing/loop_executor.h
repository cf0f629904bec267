// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ucontext.h>

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "platform/executor.h"

namespace platform::testing {

// An Executor with one host thread, which runs fibers and receives for one receiver in turn, as a worker of the sentry
// does: for measurements.
class LoopExecutor final : public Executor {
 public:
  LoopExecutor() = default;

  // Runs `body` as a fiber, and whatever it spawns, until all fibers have ended.
  void Run(Receiver& receiver, std::function<void()> body);
  void Spawn(std::function<void()> body);

  Fiber* Current() override;
  void Park(void (*commit)(void*), void* argument) override;
  void Wake(Fiber* fiber) override;

 private:
  struct LoopFiber {
    ucontext_t context;
    std::unique_ptr<char[]> stack;
    std::function<void()> body;
    bool ended = false;
  };
  static void Enter(unsigned low, unsigned high);
  LoopFiber* TakeReady();

  ucontext_t loop_{};
  LoopFiber* current_ = nullptr;
  void (*commit_)(void*) = nullptr;
  void* commit_argument_ = nullptr;
  Receiver* receiver_ = nullptr;
  std::thread::id thread_;
  std::mutex mutex_;
  std::deque<LoopFiber*> ready_;
  size_t live_ = 0;
};

}  // namespace platform::testing
