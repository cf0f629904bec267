// SPDX-License-Identifier: Apache-2.0
// POSIX timers.
#pragma once

#include "base/abi/signal.h"
#include "base/abi/time.h"
#include "sentry/mm/user_memory.h"
#include "syscalls/decode.h"

namespace syscalls {

base::Result<void> SysTimerCreate(Task& task, int32_t clock, sentry::UserIn<base::abi::Sigevent> event,
                                  sentry::UserOut<int32_t> id);
base::Result<void> SysTimerSettime(Task& task, int32_t id, int32_t flags, sentry::UserIn<base::abi::Itimerspec> value,
                                   sentry::UserOut<base::abi::Itimerspec> old);
base::Result<void> SysTimerGettime(Task& task, int32_t id, sentry::UserOut<base::abi::Itimerspec> value);
base::Result<int32_t> SysTimerGetoverrun(Task& task, int32_t id);
base::Result<void> SysTimerDelete(Task& task, int32_t id);

}  // namespace syscalls
