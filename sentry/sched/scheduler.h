// SPDX-License-Identifier: Apache-2.0
// The kernel's scheduler: fibers (the kernel side of tasks) on a few host threads (workers).
//
// A worker runs runnable fibers, oldest first. With none left it takes the receiving role of a platform::Receiver that
// nobody serves and waits there for the next guest event; with no role free it sleeps until a timer is due or somebody
// calls it. So a fiber woken by a worker's own work is run by that worker: no idle CPU is woken on the path of a call.
// While guests make many calls that could be found by looking (platform::Receiver::Poll), another worker is the
// spinner: it looks all the time (scheduler_spin.cc). One more thread, the monitor, looks every millisecond while the
// sandbox is active: it calls a sleeping worker when fibers or a receiver wait because a fiber keeps its worker busy,
// starts another worker when none sleeps, and gives receivers their Tick. An idle sandbox has no wake-ups.
//
// Lock order: TimerQueue::mutex_ and every kernel lock < Scheduler::mutex_.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <thread>
#include <vector>

#include "base/condvar.h"
#include "base/mutex.h"
#include "platform/executor.h"
#include "sentry/sched/fiber_context_amd64.h"
#include "sentry/sched/timer.h"

namespace sentry {

class Scheduler;

// One fiber. Made by Scheduler::Spawn, deleted by the worker that saw its function return.
class Fiber {
 public:
  explicit Fiber(std::function<void()> body) : body_(std::move(body)) {}

 private:
  friend class Scheduler;
  enum class State : int { kRunning, kParked, kWakePending };

  std::function<void()> body_;
  FiberStack stack_;
  ExecutionContext context_;
  std::atomic<State> state_{State::kRunning};
  bool finished_ = false;            // Worker that runs it only.
  void (*commit_)(void*) = nullptr;  // Worker that runs it only.
  void* commit_argument_ = nullptr;  // Worker that runs it only.
  Fiber* next_ = nullptr;            // Guarded by Scheduler::mutex_.
};

class Scheduler : public platform::Executor {
 public:
  enum class Spinning {
    kNever,
    kAuto,    // When there is demand for it and a processor to spare.
    kAlways,  // Whenever the sandbox is not idle: for tests.
  };
  struct Options {
    Spinning spinning = Spinning::kNever;
    int workers = 2;       // Started at once.
    int max_workers = 64;  // The monitor may start more when workers are blocked in host calls.
  };

  explicit Scheduler(const Options& options);
  // REQUIRES: Stop was called.
  ~Scheduler() override;

  // Starts the threads. REQUIRES: host signals are blocked as the workers shall have them.
  void Start();
  // Ends all threads; fibers that have not finished stay where they are. Not from a worker.
  void Stop();

  // Adds a guest event source; kept until it says kGone or Stop.
  void AddReceiver(platform::Receiver* receiver);

  // Starts a fiber that runs `body`. False when the host has no memory for a stack.
  bool Spawn(std::function<void()> body);
  // Runs `body` on a fiber and waits for it. From a host thread that is not a worker.
  void RunOnFiber(std::function<void()> body);

  // platform::Executor.
  platform::Executor::Fiber* Current() override;
  void Park(void (*commit)(void*), void* argument) override;
  void Wake(platform::Executor::Fiber* fiber) override;

  // Lets other runnable fibers go first.
  void Yield();
  // Whether the calling host thread runs a fiber now.
  static bool OnFiber();

  TimerQueue& timers() { return timers_; }

  // Fibers alive, for tests and statistics.
  int64_t fiber_count() const { return fiber_count_.load(std::memory_order_relaxed); }

 private:
  struct Worker {
    Scheduler* scheduler;
    ExecutionContext loop;
    sentry::Fiber* current = nullptr;
  };
  struct Role {
    platform::Receiver* receiver;
    bool taken;
  };

  static Worker* ThisWorker();
  static void SetThisWorker(Worker* worker);
  static void FiberEntry(void* fiber);

  void WorkerMain();
  void MonitorMain();
  void RunFiber(Worker& worker, sentry::Fiber* fiber);
  void Finish(sentry::Fiber* fiber);
  void Enqueue(sentry::Fiber* fiber);
  void NoteActivity();
  void WakeMonitor();
  // Returns false when the scheduler stops.
  bool WaitForWork() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  sentry::Fiber* PopLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool TickReceivers(int64_t now);
  // The spinner (scheduler_spin.cc). Monitor only: whether a worker shall begin to spin.
  bool WantsSpinner(int64_t now, bool active);
  void Spin(Worker& worker);
  // Runs the next fiber, if there is one.
  bool RunNext(Worker& worker);
  // What the spinner saw when it stopped.
  void EndSpin(bool preempted);
  void StartWorkerLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  static base::LockClass kLock;
  const Options options_;
  base::Mutex mutex_;
  base::CondVar idle_;          // Sleeping workers.
  base::CondVar monitor_wake_;  // The monitor, in deep sleep.
  sentry::Fiber* head_ ABSL_GUARDED_BY(mutex_) = nullptr;
  sentry::Fiber* tail_ ABSL_GUARDED_BY(mutex_) = nullptr;
  std::atomic<int> queued_{0};  // Written under mutex_.
  int sleeping_ ABSL_GUARDED_BY(mutex_) = 0;
  int worker_count_ ABSL_GUARDED_BY(mutex_) = 0;
  bool spinner_wanted_ ABSL_GUARDED_BY(mutex_) = false;
  std::atomic<bool> spinning_{false};
  // Where a receiver last found an event: the host wakes the guest that gets the answer there.
  std::atomic<int> receiving_cpu_{-1};
  std::atomic<int64_t> spin_not_before_{0};
  int64_t spin_penalty_ns_ = 0;                      // The spinner's.
  bool timekeeper_ ABSL_GUARDED_BY(mutex_) = false;  // A sleeping worker watches the next timer.
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::list<Role> roles_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::thread> threads_ ABSL_GUARDED_BY(mutex_);
  std::vector<FiberStack> free_stacks_ ABSL_GUARDED_BY(mutex_);
  std::atomic<uint64_t> activity_{0};  // Counts fiber runs and receives.
  std::atomic<bool> monitor_asleep_{false};
  std::atomic<int64_t> fiber_count_{0};
  TimerQueue timers_;
};

}  // namespace sentry
