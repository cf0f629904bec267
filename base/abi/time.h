// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace base::abi {

// struct timespec (time_t is 64 bits).
struct Timespec {
  int64_t seconds;
  int64_t nanoseconds;
};
static_assert(sizeof(Timespec) == 16);

// struct timeval.
struct Timeval {
  int64_t seconds;
  int64_t microseconds;
};
static_assert(sizeof(Timeval) == 16);

// struct itimerspec and struct itimerval.
struct Itimerspec {
  Timespec interval;
  Timespec value;
};
static_assert(sizeof(Itimerspec) == 32);
struct Itimerval {
  Timeval interval;
  Timeval value;
};
static_assert(sizeof(Itimerval) == 32);

}  // namespace base::abi
