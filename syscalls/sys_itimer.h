// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/abi/time.h"
#include "sentry/mm/user_memory.h"
#include "syscalls/decode.h"

namespace syscalls {

base::Result<uint32_t> SysAlarm(Task& task, uint32_t seconds);
base::Result<void> SysGetitimer(Task& task, int32_t which, sentry::UserOut<base::abi::Itimerval> value);
base::Result<void> SysSetitimer(Task& task, int32_t which, sentry::UserIn<base::abi::Itimerval> value,
                                sentry::UserOut<base::abi::Itimerval> old);

}  // namespace syscalls
