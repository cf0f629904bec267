// SPDX-License-Identifier: Apache-2.0
#include <cstdint>

#include "base/clock.h"
#include "platform/testing/loop_executor.h"

namespace platform::testing {

namespace {

constexpr size_t kStackSize = 256 << 10;
constexpr int64_t kTickNs = 1000000;

}  // namespace

void LoopExecutor::Enter(unsigned low, unsigned high) {
  auto* self = reinterpret_cast<LoopExecutor*>(uint64_t{high} << 32 | low);
  LoopFiber* fiber = self->current_;
  fiber->body();
  fiber->ended = true;
  swapcontext(&fiber->context, &self->loop_);
}

void LoopExecutor::Spawn(std::function<void()> body) {
  auto* fiber = new LoopFiber;
  fiber->stack.reset(new char[kStackSize]);
  fiber->body = std::move(body);
  getcontext(&fiber->context);
  fiber->context.uc_stack.ss_sp = fiber->stack.get();
  fiber->context.uc_stack.ss_size = kStackSize;
  auto self = reinterpret_cast<uint64_t>(this);
  makecontext(&fiber->context, reinterpret_cast<void (*)()>(Enter), 2, static_cast<unsigned>(self),
              static_cast<unsigned>(self >> 32));
  live_++;
  Wake(reinterpret_cast<Fiber*>(fiber));
}

LoopExecutor::LoopFiber* LoopExecutor::TakeReady() {
  std::lock_guard<std::mutex> lock(mutex_);
  if (ready_.empty()) return nullptr;
  LoopFiber* fiber = ready_.front();
  ready_.pop_front();
  return fiber;
}

void LoopExecutor::Run(Receiver& receiver, std::function<void()> body) {
  receiver_ = &receiver;
  thread_ = std::this_thread::get_id();
  Spawn(std::move(body));
  int64_t ticked = base::MonotonicNow();
  while (live_ > 0) {
    LoopFiber* fiber = TakeReady();
    if (fiber == nullptr) {
      receiver.Receive();
      int64_t now = base::MonotonicNow();
      if (now - ticked > kTickNs) {
        ticked = now;
        receiver.Tick(now);
      }
      continue;
    }
    current_ = fiber;
    swapcontext(&loop_, &fiber->context);
    current_ = nullptr;
    if (fiber->ended) {
      delete fiber;
      live_--;
    } else {
      commit_(commit_argument_);
    }
  }
}

Executor::Fiber* LoopExecutor::Current() { return reinterpret_cast<Fiber*>(current_); }

void LoopExecutor::Park(void (*commit)(void*), void* argument) {
  commit_ = commit;
  commit_argument_ = argument;
  LoopFiber* self = current_;
  swapcontext(&self->context, &loop_);
}

void LoopExecutor::Wake(Fiber* fiber) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    ready_.push_back(reinterpret_cast<LoopFiber*>(fiber));
  }
  if (std::this_thread::get_id() != thread_) receiver_->Interrupt();
}

}  // namespace platform::testing
