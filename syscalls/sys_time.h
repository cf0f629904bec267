// SPDX-License-Identifier: Apache-2.0
// Reading and setting clocks, sleeping.
#pragma once

#include "base/abi/time.h"
#include "sentry/mm/user_memory.h"
#include "syscalls/decode.h"

namespace syscalls {

base::Result<void> SysClockGettime(Task& task, int32_t clock, sentry::UserOut<base::abi::Timespec> time);
base::Result<void> SysClockGetres(Task& task, int32_t clock, sentry::UserOut<base::abi::Timespec> resolution);
base::Result<void> SysClockSettime(Task& task, int32_t clock, sentry::UserIn<base::abi::Timespec> time);
base::Result<void> SysGettimeofday(Task& task, sentry::UserOut<base::abi::Timeval> time, base::GuestAddr zone);
base::Result<void> SysSettimeofday(Task& task, sentry::UserIn<base::abi::Timeval> time, base::GuestAddr zone);
base::Result<int64_t> SysTime(Task& task, sentry::UserOut<int64_t> time);
base::Result<int64_t> SysTimes(Task& task, base::GuestAddr times);

base::SysResult<uint64_t> SysNanosleep(Task& task, sentry::UserIn<base::abi::Timespec> duration,
                                       sentry::UserOut<base::abi::Timespec> remaining);
base::SysResult<uint64_t> SysClockNanosleep(Task& task, int32_t clock, int32_t flags,
                                            sentry::UserIn<base::abi::Timespec> time,
                                            sentry::UserOut<base::abi::Timespec> remaining);

}  // namespace syscalls
