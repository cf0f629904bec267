// SPDX-License-Identifier: Apache-2.0
// POSIX timers (timer_create(2)).
//
// A timer that sends signals has at most one queued. As on Linux it stands still while that signal waits to be taken;
// then the expirations that were missed are counted (timer_getoverrun(2)) and the timer goes on.
//
// Lock order: ThreadGroup::signal_mutex_ < PosixTimer::mutex_ < the timer queue's.
#pragma once

#include <cstdint>
#include <map>

#include "base/abi/signal.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "base/ref.h"
#include "base/result.h"
#include "base/types.h"
#include "sentry/signals/pending_signals.h"
#include "sentry/signals/signal_accounts.h"
#include "sentry/time/fiber_timer.h"
#include "sentry/time/timer_clock.h"

namespace sentry {

class Scheduler;
class ThreadGroup;

// What a timer does when it expires.
struct TimerNotice {
  int signal = 0;         // 0: nothing (SIGEV_NONE).
  base::Tid thread;       // SIGEV_THREAD_ID; 0: the process.
  uint64_t value = 0;     // sigev_value.
  bool own_value = true;  // `value` is not given: it is the timer's id.
};

// One timer. Thread-safe.
class PosixTimer : public SignalSource {
 public:
  PosixTimer(ThreadGroup& group, Scheduler& scheduler, int id, TimerClock clock, const TimerNotice& notice,
             SignalAccounts::Charge charge);

  struct Setting {
    int64_t value_ns = 0;  // What is left; 0: not armed.
    int64_t interval_ns = 0;
  };
  Setting Get();
  // A value of 0 disarms. `absolute`: it is a time of the clock. Returns the old setting. A signal that is queued and
  // not taken yet will not be.
  Setting Set(const Setting& setting, bool absolute);
  void Disarm() { Set({}, false); }
  int overrun() const;

  bool Taken(base::abi::Siginfo* info) override;

 private:
  // On a fiber of its own.
  void Look();
  Setting GetLocked(int64_t now_ns) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ArmLocked(int64_t now_ns) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Moves the deadline beyond now; returns how many intervals fit in between.
  int64_t ForwardLocked(int64_t now_ns) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // False: it is ignored.
  bool Send(uint32_t generation);

  static base::LockClass kLock;
  const base::RefPtr<ThreadGroup> group_;  // Until the timer is deleted, which the end of the process does.
  const int id_;
  const TimerClock clock_;
  const TimerNotice notice_;
  const SignalAccounts::Charge charge_;  // Its place in the queue.
  mutable base::Mutex mutex_;
  int64_t deadline_ ABSL_GUARDED_BY(mutex_) = base::kForever;  // On clock_.
  int64_t interval_ ABSL_GUARDED_BY(mutex_) = 0;
  bool queued_ ABSL_GUARDED_BY(mutex_) = false;      // Its signal was sent and not taken.
  uint32_t generation_ ABSL_GUARDED_BY(mutex_) = 0;  // Counts settings: a signal of an older one is void.
  int overrun_ ABSL_GUARDED_BY(mutex_) = 0;          // Of the signal taken last.
  int64_t missed_ ABSL_GUARDED_BY(mutex_) = 0;       // While the signal was ignored.
  int64_t last_look_ ABSL_GUARDED_BY(mutex_) = 0;
  int idle_looks_ ABSL_GUARDED_BY(mutex_) = 0;
  FiberTimer timer_;
};

// The timers of a process. Part of its ThreadGroup. Thread-safe; not to be called with the signal lock held.
class PosixTimers {
 public:
  explicit PosixTimers(ThreadGroup& group) : group_(group), mutex_(kLock) {}

  // The new timer's id. EAGAIN: RLIMIT_SIGPENDING.
  base::Result<int> Create(TimerClock clock, const TimerNotice& notice, base::KUid user);
  // EINVAL: no such timer.
  base::Result<base::RefPtr<PosixTimer>> Find(int id) const;
  base::Result<void> Delete(int id);
  // execve(2), or the end of the process.
  void DeleteAll();

 private:
  static base::LockClass kLock;
  ThreadGroup& group_;
  mutable base::Mutex mutex_;
  std::map<int, base::RefPtr<PosixTimer>> timers_ ABSL_GUARDED_BY(mutex_);
  int next_id_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace sentry
