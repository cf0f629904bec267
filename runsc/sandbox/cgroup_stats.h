// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstdint>

#include "runsc/util/status.h"

namespace runsc {

// What a container uses, and may use, on the host.
struct CgroupStats {
  static constexpr uint64_t kUnlimited = UINT64_MAX;

  uint64_t cpu_ns = 0;
  uint64_t memory_bytes = 0;
  uint64_t memory_max_bytes = 0;  // The highest it was; 0 if the host does not tell.
  uint64_t memory_limit_bytes = kUnlimited;
  uint64_t memory_failures = 0;  // How often the limit was hit.
  uint64_t pids = 0;
  uint64_t pids_limit = kUnlimited;
};

// Of the cgroups that `pid` is in. A controller that the host does not have leaves its figures as they are.
StatusOr<CgroupStats> ReadCgroupStats(pid_t pid);

}  // namespace runsc
