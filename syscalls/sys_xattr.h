// SPDX-License-Identifier: Apache-2.0
// setxattr(2), getxattr(2), listxattr(2), removexattr(2), by path, link and descriptor.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "syscalls/fs_common.h"

namespace syscalls {

base::Result<void> SysSetxattr(Task& task, UserCString path, UserCString name, base::GuestAddr value, uint64_t size,
                               int32_t flags);
base::Result<void> SysLsetxattr(Task& task, UserCString path, UserCString name, base::GuestAddr value, uint64_t size,
                                int32_t flags);
base::Result<void> SysFsetxattr(Task& task, base::Fd fd, UserCString name, base::GuestAddr value, uint64_t size,
                                int32_t flags);
base::Result<uint64_t> SysGetxattr(Task& task, UserCString path, UserCString name, base::GuestAddr value,
                                   uint64_t size);
base::Result<uint64_t> SysLgetxattr(Task& task, UserCString path, UserCString name, base::GuestAddr value,
                                    uint64_t size);
base::Result<uint64_t> SysFgetxattr(Task& task, base::Fd fd, UserCString name, base::GuestAddr value, uint64_t size);
base::Result<uint64_t> SysListxattr(Task& task, UserCString path, base::GuestAddr list, uint64_t size);
base::Result<uint64_t> SysLlistxattr(Task& task, UserCString path, base::GuestAddr list, uint64_t size);
base::Result<uint64_t> SysFlistxattr(Task& task, base::Fd fd, base::GuestAddr list, uint64_t size);
base::Result<void> SysRemovexattr(Task& task, UserCString path, UserCString name);
base::Result<void> SysLremovexattr(Task& task, UserCString path, UserCString name);
base::Result<void> SysFremovexattr(Task& task, base::Fd fd, UserCString name);

}  // namespace syscalls
