// SPDX-License-Identifier: Apache-2.0
// Process identity and life: getpid and friends, clone, fork, exit, wait, process groups and sessions.
#pragma once

#include "base/types.h"
#include "sentry/task/task.h"

namespace syscalls {

using sentry::Task;

base::Result<base::Pid> SysGetpid(Task& task);
base::Result<base::Tid> SysGettid(Task& task);
base::Result<base::Pid> SysGetppid(Task& task);

}  // namespace syscalls
