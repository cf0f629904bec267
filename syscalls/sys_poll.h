// SPDX-License-Identifier: Apache-2.0
// poll(2), ppoll(2), select(2), pselect6(2).
#pragma once

#include "base/abi/signal.h"
#include "base/abi/time.h"
#include "base/types.h"
#include "sentry/mm/user_memory.h"
#include "sentry/task/task.h"

namespace syscalls {

using sentry::Task;

base::SysResult<uint64_t> SysPoll(Task& task, base::GuestAddr fds, uint32_t count, int32_t timeout_ms);
base::SysResult<uint64_t> SysPpoll(Task& task, base::GuestAddr fds, uint32_t count,
                                   sentry::UserIn<base::abi::Timespec> timeout, sentry::UserIn<uint64_t> mask,
                                   uint64_t mask_size);
base::SysResult<uint64_t> SysSelect(Task& task, int32_t count, base::GuestAddr read_set, base::GuestAddr write_set,
                                    base::GuestAddr except_set, sentry::UserIn<base::abi::Timeval> timeout);
base::SysResult<uint64_t> SysPselect6(Task& task, int32_t count, base::GuestAddr read_set, base::GuestAddr write_set,
                                      base::GuestAddr except_set, sentry::UserIn<base::abi::Timespec> timeout,
                                      sentry::UserIn<uint64_t> mask_pointer);

}  // namespace syscalls
