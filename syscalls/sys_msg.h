// SPDX-License-Identifier: Apache-2.0
// System V message queues.
#pragma once

#include "base/result.h"
#include "sentry/task/task.h"

namespace syscalls {

using sentry::Task;

base::Result<int32_t> SysMsgget(Task& task, int32_t key, int32_t flags);
base::Result<void> SysMsgsnd(Task& task, int32_t id, base::GuestAddr message, int64_t size, int32_t flags);
base::Result<int64_t> SysMsgrcv(Task& task, int32_t id, base::GuestAddr message, int64_t size, int64_t type,
                                int32_t flags);
base::Result<int32_t> SysMsgctl(Task& task, int32_t id, int32_t command, base::GuestAddr argument);

}  // namespace syscalls
