// SPDX-License-Identifier: Apache-2.0
#include "sentry/sched/scheduler.h"

#include <sys/prctl.h>

#include <algorithm>
#include <utility>

#include "base/clock.h"
#include "base/log.h"

namespace sentry {
namespace {

// What is kept for the next Spawn; more are given back to the host.
constexpr size_t kFreeStacks = 64;

platform::Executor::Fiber* Handle(Fiber* fiber) { return reinterpret_cast<platform::Executor::Fiber*>(fiber); }
Fiber* FromHandle(platform::Executor::Fiber* handle) { return reinterpret_cast<Fiber*>(handle); }

}  // namespace

constinit base::LockClass Scheduler::kLock{"Scheduler::mutex_"};

Scheduler::Scheduler(const Options& options)
    : options_(options), mutex_(kLock), timers_([this] {
        bool call = false;
        {
          base::MutexLock lock(mutex_);
          call = sleeping_ > 0;
        }
        // The timekeeper, or a worker that becomes it, looks at the new deadline; the monitor if no worker sleeps.
        if (call) {
          idle_.NotifyAll();
        } else {
          WakeMonitor();
        }
      }) {}

Scheduler::~Scheduler() {
  base::MutexLock lock(mutex_);
  CHECK_INVARIANT(threads_.empty());
}

void Scheduler::Start() {
  base::MutexLock lock(mutex_);
  for (int i = 0; i < options_.workers; ++i) StartWorkerLocked();
  threads_.emplace_back([this] { MonitorMain(); });
}

void Scheduler::StartWorkerLocked() {
  ++worker_count_;
  threads_.emplace_back([this] { WorkerMain(); });
}

void Scheduler::Stop() {
  std::vector<std::thread> threads;
  std::vector<platform::Receiver*> receivers;
  {
    base::MutexLock lock(mutex_);
    stopping_ = true;
    for (Role& role : roles_) receivers.push_back(role.receiver);
    threads.swap(threads_);
  }
  for (platform::Receiver* receiver : receivers) receiver->Interrupt();
  idle_.NotifyAll();
  monitor_wake_.NotifyAll();
  for (std::thread& thread : threads) thread.join();
}

void Scheduler::AddReceiver(platform::Receiver* receiver) {
  {
    base::MutexLock lock(mutex_);
    roles_.push_back({receiver, false});
  }
  idle_.NotifyOne();
}

bool Scheduler::Spawn(std::function<void()> body) {
  auto fiber = std::make_unique<sentry::Fiber>(std::move(body));
  {
    base::MutexLock lock(mutex_);
    if (!free_stacks_.empty()) {
      fiber->stack_ = std::move(free_stacks_.back());
      free_stacks_.pop_back();
    }
  }
  if (!fiber->stack_) fiber->stack_ = FiberStack::Allocate();
  if (!fiber->stack_) return false;
  fiber->context_.Prepare(fiber->stack_, &Scheduler::FiberEntry, fiber.get());
  fiber_count_.fetch_add(1, std::memory_order_relaxed);
  Enqueue(fiber.release());
  return true;
}

void Scheduler::RunOnFiber(std::function<void()> body) {
  CHECK_INVARIANT(ThisWorker() == nullptr);
  static constinit base::LockClass lock_class{"Scheduler::RunOnFiber"};
  base::Mutex mutex(lock_class);
  base::CondVar done;
  bool finished = false;
  bool spawned = Spawn([&] {
    body();
    base::MutexLock lock(mutex);
    finished = true;
    done.NotifyOne();
  });
  CHECK_INVARIANT(spawned);
  base::MutexLock lock(mutex);
  while (!finished) done.Wait(mutex);
}

platform::Executor::Fiber* Scheduler::Current() {
  Worker* worker = ThisWorker();
  CHECK_INVARIANT(worker != nullptr && worker->current != nullptr);
  return Handle(worker->current);
}

bool Scheduler::OnFiber() {
  Worker* worker = ThisWorker();
  return worker != nullptr && worker->current != nullptr;
}

void Scheduler::Park(void (*commit)(void*), void* argument) {
  base::LockOrder::AssertNoneHeld();
  Worker* worker = ThisWorker();
  CHECK_INVARIANT(worker != nullptr && worker->current != nullptr);
  sentry::Fiber* fiber = worker->current;
  fiber->commit_ = commit;
  fiber->commit_argument_ = argument;
  SwitchContext(fiber->context_, worker->loop);
}

void Scheduler::Wake(platform::Executor::Fiber* handle) {
  sentry::Fiber* fiber = FromHandle(handle);
  auto state = sentry::Fiber::State::kRunning;
  // A fiber that has not parked yet finds the wake-up when it does.
  if (fiber->state_.compare_exchange_strong(state, sentry::Fiber::State::kWakePending, std::memory_order_acq_rel))
    return;
  CHECK_INVARIANT(state == sentry::Fiber::State::kParked);
  fiber->state_.store(sentry::Fiber::State::kRunning, std::memory_order_relaxed);
  Enqueue(fiber);
}

void Scheduler::Yield() {
  struct Self {
    Scheduler* scheduler;
    platform::Executor::Fiber* fiber;
  } self{this, Current()};
  Park(
      [](void* argument) {
        auto* waiting = static_cast<Self*>(argument);
        waiting->scheduler->Wake(waiting->fiber);
      },
      &self);
}

void Scheduler::Enqueue(sentry::Fiber* fiber) {
  bool call = false;
  {
    base::MutexLock lock(mutex_);
    fiber->next_ = nullptr;
    (tail_ != nullptr ? tail_->next_ : head_) = fiber;
    tail_ = fiber;
    ++queued_;
    // A worker will come to it itself when it is done; others are called only for what it cannot take at once.
    bool own_worker = ThisWorker() != nullptr;
    call = sleeping_ > 0 && (!own_worker || queued_ > 1);
  }
  if (call) idle_.NotifyOne();
}

sentry::Fiber* Scheduler::PopLocked() {
  sentry::Fiber* fiber = head_;
  if (fiber == nullptr) return nullptr;
  head_ = fiber->next_;
  if (head_ == nullptr) tail_ = nullptr;
  --queued_;
  return fiber;
}

void Scheduler::FiberEntry(void* argument) {
  auto* fiber = static_cast<sentry::Fiber*>(argument);
  fiber->body_();
  fiber->body_ = nullptr;
  fiber->finished_ = true;
  Worker* worker = ThisWorker();
  SwitchContext(fiber->context_, worker->loop, /*final=*/true);
}

void Scheduler::RunFiber(Worker& worker, sentry::Fiber* fiber) {
  worker.current = fiber;
  SwitchContext(worker.loop, fiber->context_);
  worker.current = nullptr;
  if (fiber->finished_) {
    Finish(fiber);
    return;
  }
  void (*commit)(void*) = fiber->commit_;
  void* argument = fiber->commit_argument_;
  auto state = sentry::Fiber::State::kRunning;
  bool parked = fiber->state_.compare_exchange_strong(state, sentry::Fiber::State::kParked, std::memory_order_acq_rel);
  if (!parked) {
    // Woken before it had left its stack: runnable again at once.
    fiber->state_.store(sentry::Fiber::State::kRunning, std::memory_order_relaxed);
    if (commit != nullptr) commit(argument);
    Enqueue(fiber);
    return;
  }
  // From here on somebody may wake, run and even delete the fiber.
  if (commit != nullptr) commit(argument);
}

void Scheduler::Finish(sentry::Fiber* fiber) {
  fiber->context_.Release();
  {
    base::MutexLock lock(mutex_);
    if (free_stacks_.size() < kFreeStacks) free_stacks_.push_back(std::move(fiber->stack_));
  }
  delete fiber;
  fiber_count_.fetch_sub(1, std::memory_order_relaxed);
}

}  // namespace sentry
