// SPDX-License-Identifier: Apache-2.0
// arch_prctl(2).
#pragma once

#include "base/types.h"
#include "sentry/mm/user_memory.h"
#include "sentry/task/task.h"

namespace syscalls {

using sentry::Task;

base::Result<void> SysArchPrctl(Task& task, int32_t code, uint64_t argument);

}  // namespace syscalls
