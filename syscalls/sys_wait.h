// SPDX-License-Identifier: Apache-2.0
// wait4(2), waitid(2).
#pragma once

#include "base/abi/process.h"
#include "base/abi/signal.h"
#include "base/types.h"
#include "sentry/mm/user_memory.h"
#include "sentry/task/task.h"

namespace syscalls {

using sentry::Task;

base::SysResult<base::Pid> SysWait4(Task& task, base::Pid pid, sentry::UserOut<int32_t> status, int32_t options,
                                    sentry::UserOut<base::abi::Rusage> usage);
base::SysResult<void> SysWaitid(Task& task, int32_t type, int32_t id, base::GuestAddr info, int32_t options,
                                sentry::UserOut<base::abi::Rusage> usage);

}  // namespace syscalls
