// SPDX-License-Identifier: Apache-2.0
// The clocks of clock_gettime(2).
#pragma once

#include <cstdint>

#include "base/result.h"

namespace sentry {

class Task;

// A clock id of a process or thread (clock_getcpuclockid(3)): the id's complement above three bits that say which clock
// (linux/posix-timers.h).
struct CpuClockId {
  int32_t id = 0;  // 0: the caller's.
  bool per_thread = false;
  bool is_descriptor = false;  // No process's: the clock of a device.

  // REQUIRES: clock < 0.
  static CpuClockId Decode(int32_t clock);
};

// The time of a clock, nanoseconds. `id` as the guest gives it, CPU clocks of processes and threads included.
// EINVAL: no such clock, or one of a process that is not there. Own fiber.
base::Result<int64_t> ReadClock(Task& task, int32_t id);
// clock_getres(2). EINVAL.
base::Result<int64_t> ClockResolution(Task& task, int32_t id);

// CLOCK_MONOTONIC's time for a point in time of `id`, kForever if beyond its range. EOPNOTSUPP: nobody can sleep on
// that clock; EINVAL.
base::Result<int64_t> ToMonotonic(Task& task, int32_t id, int64_t time_ns);

}  // namespace sentry
