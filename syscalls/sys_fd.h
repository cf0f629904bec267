// SPDX-License-Identifier: Apache-2.0
// dup(2), fcntl(2), ioctl(2).
#pragma once

#include "syscalls/fs_common.h"

namespace syscalls {

base::Result<base::Fd> SysDup(Task& task, base::Fd fd);
base::Result<base::Fd> SysDup2(Task& task, base::Fd old_fd, base::Fd new_fd);
base::Result<base::Fd> SysDup3(Task& task, base::Fd old_fd, base::Fd new_fd, int32_t flags);
base::SysResult<uint64_t> SysFcntl(Task& task, base::Fd fd, int32_t command, uint64_t argument);
base::SysResult<uint64_t> SysIoctl(Task& task, base::Fd fd, uint32_t request, uint64_t argument);

}  // namespace syscalls
