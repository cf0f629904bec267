// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace base {

// Host CLOCK_MONOTONIC, in nanoseconds. Cheap (vDSO).
int64_t MonotonicNow();
// Host CLOCK_REALTIME, in nanoseconds since the epoch.
int64_t RealtimeNow();

// No deadline.
inline constexpr int64_t kForever = INT64_MAX;

}  // namespace base
