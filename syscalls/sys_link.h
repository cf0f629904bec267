// SPDX-License-Identifier: Apache-2.0
// Names: link(2), symlink(2), unlink(2), rename(2), mknod(2).
#pragma once

#include "syscalls/fs_common.h"

namespace syscalls {

base::Result<void> SysLink(Task& task, UserCString old_path, UserCString new_path);
base::Result<void> SysLinkat(Task& task, base::Fd old_directory, UserCString old_path, base::Fd new_directory,
                             UserCString new_path, int32_t flags);
base::Result<void> SysSymlink(Task& task, UserCString target, UserCString path);
base::Result<void> SysSymlinkat(Task& task, UserCString target, base::Fd directory, UserCString path);
base::Result<void> SysUnlink(Task& task, UserCString path);
base::Result<void> SysUnlinkat(Task& task, base::Fd directory, UserCString path, int32_t flags);
base::Result<void> SysRename(Task& task, UserCString old_path, UserCString new_path);
base::Result<void> SysRenameat(Task& task, base::Fd old_directory, UserCString old_path, base::Fd new_directory,
                               UserCString new_path);
base::Result<void> SysRenameat2(Task& task, base::Fd old_directory, UserCString old_path, base::Fd new_directory,
                                UserCString new_path, uint32_t flags);
base::Result<void> SysMknod(Task& task, UserCString path, uint32_t mode, uint32_t device);
base::Result<void> SysMknodat(Task& task, base::Fd directory, UserCString path, uint32_t mode, uint32_t device);

}  // namespace syscalls
