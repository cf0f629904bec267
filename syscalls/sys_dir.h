// SPDX-License-Identifier: Apache-2.0
// Directories: chdir(2), getcwd(2), chroot(2), mkdir(2), rmdir(2), getdents64(2), umask(2).
#pragma once

#include "syscalls/fs_common.h"

namespace syscalls {

base::Result<void> SysChdir(Task& task, UserCString path);
base::Result<void> SysFchdir(Task& task, base::Fd fd);
base::Result<void> SysChroot(Task& task, UserCString path);
base::Result<uint64_t> SysGetcwd(Task& task, base::GuestAddr buffer, uint64_t size);
base::Result<void> SysMkdir(Task& task, UserCString path, uint32_t mode);
base::Result<void> SysMkdirat(Task& task, base::Fd directory, UserCString path, uint32_t mode);
base::Result<void> SysRmdir(Task& task, UserCString path);
base::Result<uint64_t> SysGetdents(Task& task, base::Fd fd, base::GuestAddr buffer, uint32_t size);
base::Result<uint64_t> SysGetdents64(Task& task, base::Fd fd, base::GuestAddr buffer, uint32_t size);
base::Result<uint32_t> SysUmask(Task& task, uint32_t mask);

}  // namespace syscalls
