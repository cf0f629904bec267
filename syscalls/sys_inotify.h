// SPDX-License-Identifier: Apache-2.0
// inotify(7).
#pragma once

#include <cstdint>

#include "base/result.h"
#include "syscalls/fs_common.h"

namespace syscalls {

base::Result<base::Fd> SysInotifyInit(Task& task);
base::Result<base::Fd> SysInotifyInit1(Task& task, int32_t flags);
base::Result<int32_t> SysInotifyAddWatch(Task& task, base::Fd fd, UserCString path, uint32_t mask);
base::Result<void> SysInotifyRmWatch(Task& task, base::Fd fd, int32_t descriptor);

}  // namespace syscalls
