// SPDX-License-Identifier: Apache-2.0
#include "sentry/time/clocks.h"

#include <time.h>

#include <algorithm>

#include "base/clock.h"
#include "sentry/kernel.h"
#include "sentry/task/resource_usage.h"
#include "sentry/task/task.h"
#include "sentry/task/thread_group.h"

namespace sentry {
namespace {

constexpr int64_t kNanosecondsPerSecond = 1'000'000'000;

int64_t ToNs(const timespec& time) { return time.tv_sec * kNanosecondsPerSecond + time.tv_nsec; }

bool IsSystemClock(int32_t id) {
  switch (id) {
    case CLOCK_REALTIME:
    case CLOCK_MONOTONIC:
    case CLOCK_MONOTONIC_RAW:
    case CLOCK_REALTIME_COARSE:
    case CLOCK_MONOTONIC_COARSE:
    case CLOCK_BOOTTIME:
    case CLOCK_REALTIME_ALARM:
    case CLOCK_BOOTTIME_ALARM:
    case CLOCK_TAI:
      return true;
    default:
      return false;
  }
}

base::Result<int64_t> ReadThreadClock(Task& task, base::Tid tid) {
  if (tid.value() == 0 || tid == task.tid()) return ThreadTimes(task).total();
  base::RefPtr<Task> target;
  {
    base::MutexLock lock(task.kernel().tree_mutex());
    target = task.kernel().FindTask(tid);
  }
  // Only threads of the own process have clocks one may read.
  if (!target || &target->group() != &task.group()) return base::Errno(EINVAL);
  return ThreadTimes(*target).total();
}

base::Result<int64_t> ReadProcessClock(Task& task, base::Pid pid) {
  if (pid.value() == 0 || pid == task.group().pid()) return ProcessTimes(task.group()).total();
  base::RefPtr<ThreadGroup> target;
  {
    base::MutexLock lock(task.kernel().tree_mutex());
    target = task.kernel().FindGroup(pid);
  }
  if (!target || &target->container() != &task.container()) return base::Errno(EINVAL);
  return ProcessTimes(*target).total();
}

}  // namespace

CpuClockId CpuClockId::Decode(int32_t clock) {
  constexpr int kPerThread = 4;
  constexpr int kKind = 3;
  constexpr int kDescriptor = 3;
  return {
      .id = ~(clock >> 3), .per_thread = (clock & kPerThread) != 0, .is_descriptor = (clock & kKind) == kDescriptor};
}

base::Result<int64_t> ReadClock(Task& task, int32_t id) {
  if (IsSystemClock(id)) {
    timespec now{};
    if (clock_gettime(id, &now) != 0) return base::Errno(EINVAL);
    return ToNs(now);
  }
  if (id == CLOCK_PROCESS_CPUTIME_ID) return ReadProcessClock(task, base::Pid(0));
  if (id == CLOCK_THREAD_CPUTIME_ID) return ReadThreadClock(task, base::Tid(0));
  if (id >= 0) return base::Errno(EINVAL);
  CpuClockId clock = CpuClockId::Decode(id);
  if (clock.is_descriptor) return base::Errno(EINVAL);
  if (clock.per_thread) return ReadThreadClock(task, base::Tid(clock.id));
  return ReadProcessClock(task, base::Pid(clock.id));
}

base::Result<int64_t> ClockResolution(Task& task, int32_t id) {
  if (IsSystemClock(id)) {
    timespec resolution{};
    if (clock_getres(id, &resolution) != 0) return base::Errno(EINVAL);
    return ToNs(resolution);
  }
  TRY(ReadClock(task, id));
  return int64_t{1};
}

base::Result<int64_t> ToMonotonic(Task& task, int32_t id, int64_t time_ns) {
  switch (id) {
    case CLOCK_MONOTONIC:
      return time_ns;
    case CLOCK_REALTIME:
    case CLOCK_BOOTTIME:
    case CLOCK_TAI: {
      int64_t ahead = 0, deadline = 0;
      if (__builtin_sub_overflow(time_ns, TRY(ReadClock(task, id)), &ahead)) return int64_t{0};
      if (__builtin_add_overflow(base::MonotonicNow(), ahead, &deadline)) return base::kForever;
      return std::max<int64_t>(deadline, 0);
    }
    case CLOCK_THREAD_CPUTIME_ID:
      return base::Errno(EINVAL);
    default:
      TRY(ReadClock(task, id));
      return base::Errno(EOPNOTSUPP);
  }
}

}  // namespace sentry
