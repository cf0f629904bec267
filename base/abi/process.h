// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace base::abi {

// struct clone_args of clone3(2), all versions; a caller may pass fewer bytes (the rest is zero).
struct CloneArgs {
  uint64_t flags = 0;
  uint64_t pidfd = 0;
  uint64_t child_tid = 0;
  uint64_t parent_tid = 0;
  uint64_t exit_signal = 0;
  uint64_t stack = 0;
  uint64_t stack_size = 0;
  uint64_t tls = 0;
  uint64_t set_tid = 0;
  uint64_t set_tid_size = 0;
  uint64_t cgroup = 0;
};
static_assert(sizeof(CloneArgs) == 88);
inline constexpr uint64_t kCloneArgsSizeVersion0 = 64;

struct Timeval64 {
  int64_t seconds = 0;
  int64_t microseconds = 0;
};

// struct rusage (getrusage(2)).
struct Rusage {
  Timeval64 user_time, system_time;
  int64_t max_rss = 0;  // KiB.
  int64_t unused1[3] = {};
  int64_t minor_faults = 0, major_faults = 0;
  int64_t unused2 = 0;
  int64_t blocks_in = 0, blocks_out = 0;
  int64_t unused3[3] = {};
  int64_t voluntary_switches = 0, involuntary_switches = 0;
};
static_assert(sizeof(Rusage) == 144);

}  // namespace base::abi
