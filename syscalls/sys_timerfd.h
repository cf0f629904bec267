// SPDX-License-Identifier: Apache-2.0
// Timers and signals as files.
#pragma once

#include "base/abi/time.h"
#include "base/types.h"
#include "sentry/mm/user_memory.h"
#include "syscalls/decode.h"

namespace syscalls {

base::Result<base::Fd> SysTimerfdCreate(Task& task, int32_t clock, int32_t flags);
base::Result<void> SysTimerfdSettime(Task& task, base::Fd fd, int32_t flags,
                                     sentry::UserIn<base::abi::Itimerspec> value,
                                     sentry::UserOut<base::abi::Itimerspec> old);
base::Result<void> SysTimerfdGettime(Task& task, base::Fd fd, sentry::UserOut<base::abi::Itimerspec> value);

base::Result<base::Fd> SysSignalfd(Task& task, base::Fd fd, sentry::UserIn<uint64_t> mask, uint64_t mask_size);
base::Result<base::Fd> SysSignalfd4(Task& task, base::Fd fd, sentry::UserIn<uint64_t> mask, uint64_t mask_size,
                                    int32_t flags);

}  // namespace syscalls
