// SPDX-License-Identifier: Apache-2.0
// The clocks of clock_gettime(2).
#pragma once

#include <cstdint>

#include "base/result.h"

namespace sentry {

class Task;
class ThreadGroup;

struct CpuTimes {
  int64_t user_ns = 0;
  int64_t system_ns = 0;
  int64_t total() const { return user_ns + system_ns; }
};
// As the kernel side measured them (CpuAccount). Any thread.
CpuTimes ThreadTimes(const Task& task);
// Of all threads, past ones included. No lock held.
CpuTimes ProcessTimes(ThreadGroup& group);

// The time of a clock, nanoseconds. `id` as the guest gives it, CPU clocks of processes and threads included.
// EINVAL: no such clock, or one of a process that is not there. Own fiber.
base::Result<int64_t> ReadClock(Task& task, int32_t id);
// clock_getres(2). EINVAL.
base::Result<int64_t> ClockResolution(Task& task, int32_t id);

// CLOCK_MONOTONIC's time for a point in time of `id`, kForever if beyond its range. EOPNOTSUPP: nobody can sleep on
// that clock; EINVAL.
base::Result<int64_t> ToMonotonic(Task& task, int32_t id, int64_t time_ns);

}  // namespace sentry
