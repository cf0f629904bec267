// SPDX-License-Identifier: Apache-2.0
#include "sentry/time/timer_clock.h"

#include <time.h>

#include <algorithm>

#include "base/clock.h"
#include "sentry/task/task.h"
#include "sentry/task/thread_group.h"
#include "sentry/time/clocks.h"

namespace sentry {
namespace {

constexpr int kCapWakeAlarm = 35;
constexpr int64_t kNanosecondsPerSecond = 1'000'000'000;
// CPU time is looked at not more often than this, and while it stands still ever less often.
constexpr int64_t kShortestLook = 1'000'000;
constexpr int64_t kLongestLook = 64'000'000;

int64_t ReadSystemClock(int32_t id) {
  if (id == CLOCK_MONOTONIC) return base::MonotonicNow();
  timespec now{};
  clock_gettime(id, &now);
  return now.tv_sec * kNanosecondsPerSecond + now.tv_nsec;
}

}  // namespace

base::Result<TimerClock> TimerClock::Create(Task& task, int32_t id) {
  ThreadGroup& group = task.group();
  switch (id) {
    case CLOCK_REALTIME:
    case CLOCK_MONOTONIC:
    case CLOCK_BOOTTIME:
    case CLOCK_TAI:
      return TimerClock(Measure::kSystem, id, nullptr, {});
    case CLOCK_REALTIME_ALARM:
    case CLOCK_BOOTTIME_ALARM:
      if (!task.credentials().HasCapability(kCapWakeAlarm)) return base::Errno(EPERM);
      // Nothing in here ever wakes the machine: they are like the clocks they are named after.
      return TimerClock(Measure::kSystem, id == CLOCK_REALTIME_ALARM ? CLOCK_REALTIME : CLOCK_BOOTTIME, nullptr, {});
    case CLOCK_PROCESS_CPUTIME_ID:
      return TimerClock(Measure::kProcess, 0, &group, {});
    case CLOCK_THREAD_CPUTIME_ID:
      return TimerClock(Measure::kThread, 0, &group, task.tid());
    default:
      break;
  }
  TRY(ReadClock(task, id));
  if (id >= 0) return base::Errno(EOPNOTSUPP);
  CpuClockId cpu = CpuClockId::Decode(id);
  if (cpu.per_thread) return TimerClock(Measure::kThread, 0, &group, cpu.id == 0 ? task.tid() : base::Tid(cpu.id));
  if (cpu.id != 0 && base::Pid(cpu.id) != group.pid()) return base::Errno(EINVAL);
  return TimerClock(Measure::kProcess, 0, &group, {});
}

TimerClock TimerClock::Monotonic() { return TimerClock(Measure::kSystem, CLOCK_MONOTONIC, nullptr, {}); }
TimerClock TimerClock::GuestTimeOf(ThreadGroup& group) { return TimerClock(Measure::kGuest, 0, &group, {}); }
TimerClock TimerClock::CpuTimeOf(ThreadGroup& group) { return TimerClock(Measure::kProcess, 0, &group, {}); }

int64_t TimerClock::Now() const {
  if (group_ == nullptr) return ReadSystemClock(system_clock_);
  base::MutexLock lock(group_->signal_mutex());
  return NowLocked();
}

int64_t TimerClock::NowLocked() const {
  switch (measure_) {
    case Measure::kSystem:
      return ReadSystemClock(system_clock_);
    case Measure::kGuest:
      group_->signal_mutex().AssertHeld();
      return group_->UsageLocked().times.user_ns;
    case Measure::kProcess:
      group_->signal_mutex().AssertHeld();
      return group_->UsageLocked().times.total();
    case Measure::kThread:
      for (const Task* task : group_->tasks) {
        if (task->tid() == tid_) return ThreadTimesLocked(*task).total();
      }
      return 0;
  }
  __builtin_unreachable();
}

int64_t TimerClock::WhenToLook(int64_t now_ns, int64_t deadline_ns, int idle_looks) const {
  int64_t wait = 0, when = 0;
  if (__builtin_sub_overflow(deadline_ns, now_ns, &wait)) return base::kForever;
  if (is_cpu_time()) {
    // Several threads use up the time together; none can, faster than all CPUs.
    constexpr int64_t kCpus = 4;
    int64_t longest = std::min(kShortestLook << std::min(idle_looks, 6), kLongestLook);
    wait = std::max(measure_ == Measure::kThread ? wait : wait / kCpus, longest);
  }
  if (__builtin_add_overflow(base::MonotonicNow(), std::max<int64_t>(wait, 0), &when)) return base::kForever;
  return when;
}

}  // namespace sentry
