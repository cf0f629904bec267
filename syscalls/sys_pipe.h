// SPDX-License-Identifier: Apache-2.0
// pipe(2), eventfd(2).
#pragma once

#include <array>
#include <cstdint>

#include "base/result.h"
#include "sentry/mm/user_memory.h"
#include "sentry/task/task.h"

namespace syscalls {

using sentry::Task;
using sentry::UserOut;

base::Result<void> SysPipe(Task& task, UserOut<std::array<int32_t, 2>> fds);
base::Result<void> SysPipe2(Task& task, UserOut<std::array<int32_t, 2>> fds, int32_t flags);
base::Result<base::Fd> SysEventfd(Task& task, uint32_t count);
base::Result<base::Fd> SysEventfd2(Task& task, uint32_t count, int32_t flags);

}  // namespace syscalls
