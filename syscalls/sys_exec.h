// SPDX-License-Identifier: Apache-2.0
// execve(2), execveat(2).
#pragma once

#include "base/types.h"
#include "sentry/mm/user_memory.h"
#include "sentry/task/task.h"

namespace syscalls {

using sentry::Task;

base::SysResult<void> SysExecve(Task& task, sentry::UserCString path, sentry::UserIn<uint64_t> argv,
                                sentry::UserIn<uint64_t> envp);
base::SysResult<void> SysExecveat(Task& task, base::Fd directory, sentry::UserCString path,
                                  sentry::UserIn<uint64_t> argv, sentry::UserIn<uint64_t> envp, int32_t flags);

}  // namespace syscalls
