// SPDX-License-Identifier: Apache-2.0
#include "sentry/task/memory_limits.h"

#include "sentry/task/task.h"
#include "sentry/task/thread_group.h"

namespace sentry {

MemoryLimits MakeMemoryLimits(const Limits& limits, const vfs::Credentials& credentials) {
  constexpr int kCapIpcLock = 14;
  Limits::Values values = limits.All();
  return MemoryLimits{.address_space = values[RLIMIT_AS].soft,
                      .data = values[RLIMIT_DATA].soft,
                      .stack = values[RLIMIT_STACK].soft,
                      .locked = values[RLIMIT_MEMLOCK].soft,
                      .may_lock = credentials.HasCapability(kCapIpcLock)};
}

MemoryLimits MemoryLimitsOf(Task& task) { return MakeMemoryLimits(task.group().limits(), task.credentials()); }

}  // namespace sentry
