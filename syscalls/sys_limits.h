// SPDX-License-Identifier: Apache-2.0
// Resource limits and usage.
#pragma once

#include "base/abi/process.h"
#include "base/abi/resource.h"
#include "sentry/mm/user_memory.h"
#include "sentry/task/resource_usage.h"
#include "syscalls/decode.h"

namespace syscalls {

base::Result<void> SysGetrlimit(Task& task, uint32_t resource, sentry::UserOut<base::abi::Rlimit> limit);
base::Result<void> SysSetrlimit(Task& task, uint32_t resource, sentry::UserIn<base::abi::Rlimit> limit);
base::Result<void> SysPrlimit64(Task& task, base::Pid pid, uint32_t resource, sentry::UserIn<base::abi::Rlimit> limit,
                                sentry::UserOut<base::abi::Rlimit> old);
base::Result<void> SysGetrusage(Task& task, int32_t who, sentry::UserOut<base::abi::Rusage> usage);

// What getrusage(2) and wait4(2) tell.
base::abi::Rusage MakeRusage(const sentry::ResourceUsage& usage);

}  // namespace syscalls
