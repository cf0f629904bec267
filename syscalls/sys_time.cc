// SPDX-License-Identifier: Apache-2.0
#include "syscalls/sys_time.h"

#include <time.h>

#include <algorithm>

#include "base/clock.h"
#include "sentry/kernel.h"
#include "sentry/task/resource_usage.h"
#include "sentry/time/clocks.h"
#include "sentry/time/timer_clock.h"

namespace syscalls {
namespace {

using base::abi::Timespec;
using base::abi::Timeval;

constexpr int64_t kNanosecondsPerSecond = 1'000'000'000;
constexpr int64_t kNanosecondsPerMicrosecond = 1000;
constexpr int64_t kNanosecondsPerTick = 10'000'000;  // USER_HZ is 100.

// struct tms.
struct Tms {
  int64_t user, system, children_user, children_system;
};

Timespec ToTimespec(int64_t ns) { return {ns / kNanosecondsPerSecond, ns % kNanosecondsPerSecond}; }

// Until a CPU clock says so: it is looked at as long as it takes.
base::SysResult<uint64_t> SleepOnCpuClock(Task& task, const sentry::TimerClock& clock, int64_t deadline_ns,
                                          sentry::UserOut<Timespec> remaining) {
  sentry::WakeFlag never(task);
  int64_t last = -1;
  int idle_looks = 0;
  while (true) {
    int64_t now = clock.Now();
    if (now >= deadline_ns) return uint64_t{0};
    idle_looks = now == last ? idle_looks + 1 : 0;
    last = now;
    if (task.Block(never, clock.WhenToLook(now, deadline_ns, idle_looks)) != sentry::BlockOutcome::kInterrupted)
      continue;
    if (!remaining.is_null()) TRY(remaining.Write(task.user_memory(), ToTimespec(deadline_ns - now)));
    return base::Restart::kRestartBlock;
  }
}

base::SysResult<uint64_t> SleepUntil(Task& task, int64_t deadline_ns) {
  sentry::WakeFlag never(task);
  switch (task.Block(never, deadline_ns)) {
    case sentry::BlockOutcome::kTimedOut:
    case sentry::BlockOutcome::kWoken:
      return uint64_t{0};
    case sentry::BlockOutcome::kInterrupted:
      return base::Restart::kRestartBlock;
  }
  __builtin_unreachable();
}

// One leg of a relative sleep. Interrupted, it tells what is left; the restart block that makes it go on stays the
// same.
base::SysResult<uint64_t> SleepLeg(Task& task, int64_t deadline_ns, sentry::UserOut<Timespec> remaining) {
  base::SysResult<uint64_t> result = SleepUntil(task, deadline_ns);
  if (result.ok() || remaining.is_null()) return result;
  int64_t left = std::max<int64_t>(deadline_ns - base::MonotonicNow(), 0);
  if (left == 0) return uint64_t{0};
  TRY(remaining.Write(task.user_memory(), ToTimespec(left)));
  return result;
}

base::SysResult<uint64_t> SleepFor(Task& task, int64_t duration_ns, sentry::UserOut<Timespec> remaining) {
  int64_t deadline = 0;
  if (__builtin_add_overflow(base::MonotonicNow(), duration_ns, &deadline)) deadline = base::kForever;
  base::SysResult<uint64_t> result = SleepLeg(task, deadline, remaining);
  if (!result.ok() && result.error().is_restart()) {
    task.restart_block = [deadline, remaining](Task& restarted) { return SleepLeg(restarted, deadline, remaining); };
  }
  return result;
}

base::SysResult<uint64_t> SleepForCpuTime(Task& task, const sentry::TimerClock& clock, int64_t ns, bool absolute,
                                          sentry::UserOut<Timespec> remaining) {
  int64_t deadline = ns;
  if (absolute) {
    remaining = sentry::UserOut<Timespec>();
  } else if (__builtin_add_overflow(clock.Now(), ns, &deadline)) {
    deadline = base::kForever;
  }
  base::SysResult<uint64_t> result = SleepOnCpuClock(task, clock, deadline, remaining);
  if (!result.ok() && result.error().is_restart()) {
    task.restart_block = [clock, deadline, remaining](Task& restarted) {
      return SleepOnCpuClock(restarted, clock, deadline, remaining);
    };
  }
  return result;
}

// A thread cannot wait for its own CPU time.
base::Result<sentry::TimerClock> SleepingClock(Task& task, int32_t clock) {
  if (clock == CLOCK_THREAD_CPUTIME_ID) return base::Errno(EOPNOTSUPP);
  return sentry::TimerClock::Create(task, clock);
}

}  // namespace

base::Result<void> SysClockGettime(Task& task, int32_t clock, sentry::UserOut<Timespec> time) {
  return time.Write(task.user_memory(), ToTimespec(TRY(sentry::ReadClock(task, clock))));
}

base::Result<void> SysClockGetres(Task& task, int32_t clock, sentry::UserOut<Timespec> resolution) {
  int64_t ns = TRY(sentry::ClockResolution(task, clock));
  if (resolution.is_null()) return {};
  return resolution.Write(task.user_memory(), ToTimespec(ns));
}

base::Result<void> SysClockSettime(Task& task, int32_t clock, sentry::UserIn<Timespec> time) {
  // Only the real-time clock can be set at all, and not from in here.
  if (clock != CLOCK_REALTIME) return base::Errno(EINVAL);
  TRY(sentry::ReadTimespec(task.user_memory(), time));
  return base::Errno(EPERM);
}

base::Result<void> SysGettimeofday(Task& task, sentry::UserOut<Timeval> time, base::GuestAddr zone) {
  if (!time.is_null()) {
    int64_t now = base::RealtimeNow();
    TRY(time.Write(task.user_memory(),
                   {now / kNanosecondsPerSecond, now % kNanosecondsPerSecond / kNanosecondsPerMicrosecond}));
  }
  if (!zone.is_null()) {
    constexpr std::byte kNoZone[8] = {};  // struct timezone.
    TRY(task.user_memory().CopyOut(zone, kNoZone));
  }
  return {};
}

base::Result<void> SysSettimeofday(Task& task, sentry::UserIn<Timeval> time, base::GuestAddr zone) {
  if (!time.is_null()) TRY(sentry::ReadTimeval(task.user_memory(), time));
  if (!zone.is_null()) {
    std::byte bytes[8];
    TRY(task.user_memory().CopyIn(zone, bytes));
  }
  return base::Errno(EPERM);
}

base::Result<int64_t> SysTime(Task& task, sentry::UserOut<int64_t> time) {
  int64_t seconds = base::RealtimeNow() / kNanosecondsPerSecond;
  if (!time.is_null()) TRY(time.Write(task.user_memory(), seconds));
  return seconds;
}

base::Result<int64_t> SysTimes(Task& task, base::GuestAddr times) {
  if (!times.is_null()) {
    sentry::CpuTimes own = sentry::ProcessTimes(task.group());
    Tms tms{own.user_ns, own.system_ns, 0, 0};
    {
      base::MutexLock lock(task.kernel().tree_mutex());
      const sentry::CpuTimes& children = task.group().children_usage.times;
      tms.children_user = children.user_ns;
      tms.children_system = children.system_ns;
    }
    for (int64_t* time : {&tms.user, &tms.system, &tms.children_user, &tms.children_system}) {
      *time /= kNanosecondsPerTick;
    }
    TRY(sentry::UserOut<Tms>(times).Write(task.user_memory(), tms));
  }
  return base::MonotonicNow() / kNanosecondsPerTick;
}

base::SysResult<uint64_t> SysNanosleep(Task& task, sentry::UserIn<Timespec> duration,
                                       sentry::UserOut<Timespec> remaining) {
  return SleepFor(task, TRY(sentry::ReadTimespec(task.user_memory(), duration)), remaining);
}

base::SysResult<uint64_t> SysClockNanosleep(Task& task, int32_t clock, int32_t flags, sentry::UserIn<Timespec> time,
                                            sentry::UserOut<Timespec> remaining) {
  // The clock first: it is an error even when the time is one.
  sentry::TimerClock on = TRY(SleepingClock(task, clock));
  int64_t ns = TRY(sentry::ReadTimespec(task.user_memory(), time));
  if (on.is_cpu_time()) return SleepForCpuTime(task, on, ns, (flags & TIMER_ABSTIME) != 0, remaining);
  if (clock == CLOCK_REALTIME_ALARM) clock = CLOCK_REALTIME;
  if (clock == CLOCK_BOOTTIME_ALARM) clock = CLOCK_BOOTTIME;
  if ((flags & TIMER_ABSTIME) == 0) return SleepFor(task, ns, remaining);
  base::SysResult<uint64_t> result = SleepUntil(task, TRY(sentry::ToMonotonic(task, clock, ns)));
  // The point in time stays the same: the call itself can be made again.
  if (!result.ok()) return base::Restart::kNoHand;
  return result;
}

}  // namespace syscalls
