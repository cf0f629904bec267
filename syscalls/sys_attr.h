// SPDX-License-Identifier: Apache-2.0
// Attributes and contents of files as a whole: chmod(2), chown(2), truncate(2), utimensat(2), fsync(2), fallocate(2).
#pragma once

#include "base/abi/time.h"
#include "syscalls/fs_common.h"

namespace syscalls {

base::Result<void> SysChmod(Task& task, UserCString path, uint32_t mode);
base::Result<void> SysFchmod(Task& task, base::Fd fd, uint32_t mode);
base::Result<void> SysFchmodat(Task& task, base::Fd directory, UserCString path, uint32_t mode);
base::Result<void> SysFchmodat2(Task& task, base::Fd directory, UserCString path, uint32_t mode, int32_t flags);
base::Result<void> SysChown(Task& task, UserCString path, base::Uid uid, base::Gid gid);
base::Result<void> SysLchown(Task& task, UserCString path, base::Uid uid, base::Gid gid);
base::Result<void> SysFchown(Task& task, base::Fd fd, base::Uid uid, base::Gid gid);
base::Result<void> SysFchownat(Task& task, base::Fd directory, UserCString path, base::Uid uid, base::Gid gid,
                               int32_t flags);
base::Result<void> SysTruncate(Task& task, UserCString path, int64_t size);
base::Result<void> SysFtruncate(Task& task, base::Fd fd, int64_t size);
base::Result<void> SysUtime(Task& task, UserCString path, sentry::UserIn<int64_t> times);
base::Result<void> SysUtimes(Task& task, UserCString path, sentry::UserIn<base::abi::Timeval> times);
base::Result<void> SysFutimesat(Task& task, base::Fd directory, UserCString path,
                                sentry::UserIn<base::abi::Timeval> times);
base::Result<void> SysUtimensat(Task& task, base::Fd directory, UserCString path,
                                sentry::UserIn<base::abi::Timespec> times, int32_t flags);
base::Result<void> SysFsync(Task& task, base::Fd fd);
base::Result<void> SysFdatasync(Task& task, base::Fd fd);
base::Result<void> SysSync(Task& task);
base::Result<void> SysSyncfs(Task& task, base::Fd fd);
base::Result<void> SysSyncFileRange(Task& task, base::Fd fd, int64_t offset, int64_t length, uint32_t flags);
base::Result<void> SysReadahead(Task& task, base::Fd fd, int64_t offset, uint64_t count);
base::Result<void> SysFallocate(Task& task, base::Fd fd, int32_t mode, int64_t offset, int64_t length);
base::Result<void> SysFadvise64(Task& task, base::Fd fd, int64_t offset, int64_t length, int32_t advice);

}  // namespace syscalls
