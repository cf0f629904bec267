// SPDX-License-Identifier: Apache-2.0
// sendfile(2), splice(2), tee(2), vmsplice(2), copy_file_range(2).
#pragma once

#include <cstdint>

#include "base/abi/iovec.h"
#include "base/result.h"
#include "sentry/mm/user_memory.h"
#include "sentry/task/task.h"

namespace syscalls {

using sentry::Task;
using UserOffset = sentry::UserInOut<int64_t>;

base::SysResult<uint64_t> SysSendfile(Task& task, base::Fd out, base::Fd in, UserOffset offset, uint64_t count);
base::SysResult<uint64_t> SysSplice(Task& task, base::Fd in, UserOffset in_offset, base::Fd out, UserOffset out_offset,
                                    uint64_t length, uint32_t flags);
base::SysResult<uint64_t> SysTee(Task& task, base::Fd in, base::Fd out, uint64_t length, uint32_t flags);
base::SysResult<uint64_t> SysVmsplice(Task& task, base::Fd fd, sentry::UserIn<base::abi::Iovec> vector, uint64_t count,
                                      uint32_t flags);
base::SysResult<uint64_t> SysCopyFileRange(Task& task, base::Fd in, UserOffset in_offset, base::Fd out,
                                           UserOffset out_offset, uint64_t length, uint32_t flags);

}  // namespace syscalls
