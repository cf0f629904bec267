// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <span>
#include <thread>
#include <vector>

#include "platform/executor.h"

namespace platform::testing {

// An Executor whose fibers are threads. One more thread for each receiver, one for ticks.
class ThreadExecutor final : public Executor {
 public:
  ThreadExecutor() = default;
  // REQUIRES: all fibers joined.
  ~ThreadExecutor() override { Stop(); }

  // Starts to poll.
  void Serve(std::span<Receiver* const> receivers);
  void Stop();

  // Runs `body` as a fiber on a new thread. Join it before the executor goes.
  std::thread Spawn(std::function<void()> body);
  // The same, and waits for it.
  void Call(std::function<void()> body) { Spawn(std::move(body)).join(); }

  Fiber* Current() override;
  void Park(void (*commit)(void*), void* argument) override;
  void Wake(Fiber* fiber) override;

  void set_ticking(bool ticking) { ticking_ = ticking; }

 private:
  std::atomic<bool> stop_{false};
  std::atomic<bool> ticking_{true};
  std::vector<Receiver*> receivers_;
  std::vector<std::thread> threads_;
};

}  // namespace platform::testing
