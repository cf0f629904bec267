// SPDX-License-Identifier: Apache-2.0
// The scheduler's host threads: what a worker does between fibers, and the monitor.
#include <pthread.h>
#include <sched.h>
#include <sys/prctl.h>

#include <utility>

#include "base/clock.h"
#include "base/log.h"
#include "sentry/sched/scheduler.h"

namespace sentry {
namespace {

// The monitor's period while the sandbox is active, and how long it stays after the last activity.
constexpr int64_t kTickNs = 1'000'000;
constexpr int kIdleTicks = 8;

// The worker of this host thread. Only ThisWorker may touch it: a fiber that parked may continue on another thread, so
// the variable's address must never be kept across a switch.
thread_local void* this_worker = nullptr;

}  // namespace

__attribute__((noinline)) Scheduler::Worker* Scheduler::ThisWorker() {
  asm volatile("" ::: "memory");
  return static_cast<Worker*>(this_worker);
}

__attribute__((noinline)) void Scheduler::SetThisWorker(Worker* worker) {
  this_worker = worker;
  asm volatile("" ::: "memory");
}

void Scheduler::NoteActivity() {
  activity_.fetch_add(1);
  if (monitor_asleep_.load()) WakeMonitor();
}

void Scheduler::WakeMonitor() {
  // With the lock: the monitor is either before its last look at activity_, or already waiting.
  base::MutexLock lock(mutex_);
  if (monitor_asleep_.exchange(false)) monitor_wake_.NotifyOne();
}

void Scheduler::WorkerMain() {
  prctl(PR_SET_NAME, "worker");
  Worker worker{.scheduler = this};
  worker.loop.AdoptThread();
  SetThisWorker(&worker);
  while (true) {
    sentry::Fiber* fiber = nullptr;
    Role* role = nullptr;
    bool spin = false;
    {
      base::MutexLock lock(mutex_);
      if (stopping_) break;
      fiber = PopLocked();
      if (fiber == nullptr) {
        for (Role& candidate : roles_) {
          if (!candidate.taken) {
            role = &candidate;
            role->taken = true;
            break;
          }
        }
        spin = role == nullptr && std::exchange(spinner_wanted_, false);
        if (role == nullptr && !spin) {
          if (!WaitForWork()) break;
          continue;
        }
      }
    }
    if (spin) {
      Spin(worker);
      continue;
    }
    if (fiber != nullptr) {
      NoteActivity();
      RunFiber(worker, fiber);
      continue;
    }
    platform::Receiver::Outcome outcome = role->receiver->Receive();
    receiving_cpu_.store(sched_getcpu(), std::memory_order_relaxed);
    NoteActivity();
    base::MutexLock lock(mutex_);
    role->taken = false;
    if (outcome == platform::Receiver::Outcome::kGone) {
      roles_.remove_if([role](const Role& candidate) { return &candidate == role; });
    }
  }
  SetThisWorker(nullptr);
}

bool Scheduler::WaitForWork() {
  ++sleeping_;
  bool keeper = !timekeeper_;
  if (keeper) timekeeper_ = true;
  int64_t deadline = keeper ? timers_.next_deadline() : base::kForever;
  if (deadline == base::kForever) {
    idle_.Wait(mutex_);
  } else {
    idle_.WaitUntil(mutex_, deadline);
  }
  --sleeping_;
  if (keeper) timekeeper_ = false;
  if (stopping_) return false;
  if (keeper) {
    // Until a worker sleeps again the monitor looks after the timers.
    mutex_.Unlock();
    timers_.RunExpired(base::MonotonicNow());
    mutex_.Lock();
  }
  return true;
}

bool Scheduler::TickReceivers(int64_t now) {
  // Roles are only removed by workers; a receiver outlives the scheduler, so it may be used without the lock.
  std::vector<platform::Receiver*> receivers;
  {
    base::MutexLock lock(mutex_);
    for (Role& role : roles_) receivers.push_back(role.receiver);
  }
  bool more = false;
  for (platform::Receiver* receiver : receivers) more |= receiver->Tick(now);
  return more;
}

void Scheduler::MonitorMain() {
  prctl(PR_SET_NAME, "monitor");
  uint64_t seen = 0;
  int quiet = 0;
  while (true) {
    int64_t now = base::MonotonicNow();
    timers_.RunExpired(now);
    bool more = TickReceivers(now);
    uint64_t activity = activity_.load(std::memory_order_relaxed);
    bool call = false;
    bool spin = WantsSpinner(now, activity != seen);
    {
      base::MutexLock lock(mutex_);
      if (stopping_) return;
      if (spin) spinner_wanted_ = true;
      bool role_free = false;
      for (Role& role : roles_) role_free |= !role.taken;
      bool waiting = role_free || head_ != nullptr || spin;
      if (waiting) {
        if (sleeping_ > 0) {
          call = true;
        } else if (worker_count_ < options_.max_workers) {
          StartWorkerLocked();
        }
      }
      bool timer_unwatched = !timekeeper_ && timers_.next_deadline() != base::kForever;
      bool active = more || waiting || timer_unwatched || activity != seen;
      quiet = active ? 0 : quiet + 1;
      if (!call) {
        if (quiet <= kIdleTicks) {
          monitor_wake_.WaitUntil(mutex_, base::MonotonicNow() + kTickNs);
        } else {
          monitor_asleep_.store(true);
          // Activity between the check and the store is noticed here.
          if (activity_.load() == activity) monitor_wake_.Wait(mutex_);
          monitor_asleep_.store(false);
          quiet = 0;
        }
      }
    }
    seen = activity;
    if (call) {
      idle_.NotifyOne();
      base::MutexLock lock(mutex_);
      if (!stopping_) monitor_wake_.WaitUntil(mutex_, base::MonotonicNow() + kTickNs);
    }
  }
}

}  // namespace sentry
