// SPDX-License-Identifier: Apache-2.0
// System V semaphores.
#pragma once

#include "base/result.h"
#include "sentry/task/task.h"

namespace syscalls {

using sentry::Task;

base::Result<int32_t> SysSemget(Task& task, int32_t key, int32_t count, int32_t flags);
base::Result<void> SysSemop(Task& task, int32_t id, base::GuestAddr operations, uint32_t count);
base::Result<void> SysSemtimedop(Task& task, int32_t id, base::GuestAddr operations, uint32_t count,
                                 base::GuestAddr timeout);
base::Result<int32_t> SysSemctl(Task& task, int32_t id, int32_t number, int32_t command, base::GuestAddr argument);

}  // namespace syscalls
