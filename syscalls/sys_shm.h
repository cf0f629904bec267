// SPDX-License-Identifier: Apache-2.0
// System V shared memory.
#pragma once

#include <string>

#include "base/result.h"
#include "sentry/task/task.h"

namespace syscalls {

using sentry::Task;

base::Result<int32_t> SysShmget(Task& task, int32_t key, uint64_t size, int32_t flags);
base::Result<base::GuestAddr> SysShmat(Task& task, int32_t id, base::GuestAddr address, int32_t flags);
base::Result<void> SysShmdt(Task& task, base::GuestAddr address);
base::Result<int32_t> SysShmctl(Task& task, int32_t id, int32_t command, base::GuestAddr argument);

}  // namespace syscalls
