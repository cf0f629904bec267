// SPDX-License-Identifier: Apache-2.0
// futex(2). What a futex is and who is woken is sentry/futex's.
#pragma once

#include "base/types.h"
#include "sentry/task/task.h"

namespace syscalls {

using sentry::Task;

// `timeout` is a struct timespec or, for some operations, a number.
base::SysResult<int64_t> SysFutex(Task& task, base::GuestAddr address, uint32_t operation, uint32_t value,
                                  base::GuestAddr timeout, base::GuestAddr second, uint32_t value3);

}  // namespace syscalls
