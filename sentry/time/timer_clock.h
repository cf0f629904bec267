// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "base/result.h"
#include "base/types.h"

namespace sentry {

class Task;
class ThreadGroup;

// What a timer runs on: a clock of the system, or the CPU time of a process or of one of its threads. A value; the
// process outlives it.
class TimerClock {
 public:
  // The clock of timer_create(2) and timerfd_create(2). EINVAL: no such clock, or one of another process; EOPNOTSUPP:
  // nobody can wait for it; EPERM: an alarm clock without CAP_WAKE_ALARM.
  static base::Result<TimerClock> Create(Task& task, int32_t id);
  static TimerClock Monotonic();
  // ITIMER_VIRTUAL and ITIMER_PROF.
  static TimerClock GuestTimeOf(ThreadGroup& group);
  static TimerClock CpuTimeOf(ThreadGroup& group);

  bool is_cpu_time() const { return group_ != nullptr; }
  // Nanoseconds. A thread that has ended stands still.
  int64_t Now() const;
  // With the process's signal lock.
  int64_t NowLocked() const;
  // CLOCK_MONOTONIC's time at which to look whether the clock, which says `now_ns`, has reached `deadline_ns`: it may
  // not have, and the wait goes on then. `idle_looks`: how often in a row CPU time had not moved.
  int64_t WhenToLook(int64_t now_ns, int64_t deadline_ns, int idle_looks) const;

 private:
  enum class Measure : uint8_t { kSystem, kGuest, kProcess, kThread };
  TimerClock(Measure measure, int32_t system_clock, ThreadGroup* group, base::Tid tid)
      : measure_(measure), system_clock_(system_clock), group_(group), tid_(tid) {}

  Measure measure_;
  int32_t system_clock_;
  ThreadGroup* group_;  // Null: a clock of the system.
  base::Tid tid_;       // Of kThread.
};

}  // namespace sentry
