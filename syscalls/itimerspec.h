// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/abi/time.h"
#include "base/result.h"
#include "sentry/mm/user_memory.h"

namespace syscalls {

// struct itimerspec in nanoseconds. A point in time, or a duration.
struct TimerValue {
  int64_t value_ns = 0;
  int64_t interval_ns = 0;
};

// EFAULT, EINVAL.
inline base::Result<TimerValue> ReadItimerspec(vfs::UserMemory& memory, sentry::UserIn<base::abi::Itimerspec> from) {
  base::abi::Itimerspec read = TRY(from.Read(memory));
  int64_t value = TRY(sentry::ToNanoseconds(read.value));
  return TimerValue{value, TRY(sentry::ToNanoseconds(read.interval))};
}

inline base::abi::Itimerspec ToItimerspec(const TimerValue& value) {
  constexpr int64_t kNanosecondsPerSecond = 1'000'000'000;
  return {{value.interval_ns / kNanosecondsPerSecond, value.interval_ns % kNanosecondsPerSecond},
          {value.value_ns / kNanosecondsPerSecond, value.value_ns % kNanosecondsPerSecond}};
}

}  // namespace syscalls
