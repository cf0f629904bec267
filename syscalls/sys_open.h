// SPDX-License-Identifier: Apache-2.0
// open(2), openat2(2), creat(2), close(2), close_range(2).
#pragma once

#include "syscalls/fs_common.h"

namespace syscalls {

base::SysResult<base::Fd> SysOpen(Task& task, UserCString path, int32_t flags, uint32_t mode);
base::SysResult<base::Fd> SysOpenat(Task& task, base::Fd directory, UserCString path, int32_t flags, uint32_t mode);
base::SysResult<base::Fd> SysOpenat2(Task& task, base::Fd directory, UserCString path, base::GuestAddr how,
                                     uint64_t size);
base::SysResult<base::Fd> SysCreat(Task& task, UserCString path, uint32_t mode);
base::Result<void> SysClose(Task& task, base::Fd fd);
base::Result<void> SysCloseRange(Task& task, uint32_t first, uint32_t last, uint32_t flags);

}  // namespace syscalls
