// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"

#include <ctime>

namespace base {
namespace {

int64_t Now(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

}  // namespace

int64_t MonotonicNow() { return Now(CLOCK_MONOTONIC); }
int64_t RealtimeNow() { return Now(CLOCK_REALTIME); }

}  // namespace base
