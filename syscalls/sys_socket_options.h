// SPDX-License-Identifier: Apache-2.0
// getsockopt(2), setsockopt(2).
#pragma once

#include <cstdint>

#include "base/result.h"
#include "base/types.h"
#include "sentry/mm/user_memory.h"
#include "sentry/task/task.h"

namespace syscalls {

using sentry::Task;

base::Result<void> SysGetsockopt(Task& task, base::Fd fd, int32_t level, int32_t name, base::GuestAddr value,
                                 sentry::UserInOut<int32_t> length);
base::Result<void> SysSetsockopt(Task& task, base::Fd fd, int32_t level, int32_t name, base::GuestAddr value,
                                 int32_t length);

}  // namespace syscalls
