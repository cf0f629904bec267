// SPDX-License-Identifier: Apache-2.0
#include "sentry/task/scheduling.h"

#include <cstring>

namespace sentry {

Scheduling::CpuMask AvailableCpus() {
  Scheduling::CpuMask mask{};
  static_assert(sizeof(cpu_set_t) == sizeof(mask));
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof(set), &set) != 0) CPU_SET(0, &set);
  memcpy(mask.data(), &set, sizeof(mask));
  return mask;
}

}  // namespace sentry
