// SPDX-License-Identifier: Apache-2.0
// stat(2), statx(2), access(2), readlink(2), statfs(2).
#pragma once

#include "base/abi/stat.h"
#include "syscalls/fs_common.h"

namespace syscalls {

using StatOut = sentry::UserOut<base::abi::Stat>;
using StatfsOut = sentry::UserOut<base::abi::Statfs>;

base::Result<void> SysStat(Task& task, UserCString path, StatOut out);
base::Result<void> SysLstat(Task& task, UserCString path, StatOut out);
base::Result<void> SysFstat(Task& task, base::Fd fd, StatOut out);
base::Result<void> SysNewfstatat(Task& task, base::Fd directory, UserCString path, StatOut out, int32_t flags);
base::Result<void> SysStatx(Task& task, base::Fd directory, UserCString path, int32_t flags, uint32_t mask,
                            sentry::UserOut<base::abi::Statx> out);
base::Result<void> SysAccess(Task& task, UserCString path, int32_t mode);
base::Result<void> SysFaccessat(Task& task, base::Fd directory, UserCString path, int32_t mode);
base::Result<void> SysFaccessat2(Task& task, base::Fd directory, UserCString path, int32_t mode, int32_t flags);
base::Result<uint64_t> SysReadlink(Task& task, UserCString path, base::GuestAddr buffer, int32_t size);
base::Result<uint64_t> SysReadlinkat(Task& task, base::Fd directory, UserCString path, base::GuestAddr buffer,
                                     int32_t size);
base::Result<void> SysStatfs(Task& task, UserCString path, StatfsOut out);
base::Result<void> SysFstatfs(Task& task, base::Fd fd, StatfsOut out);

}  // namespace syscalls
