// SPDX-License-Identifier: Apache-2.0
// Record locks of fcntl(2), flock(2).
#pragma once

#include <cstdint>

#include "base/result.h"
#include "sentry/mm/user_memory.h"
#include "sentry/task/task.h"
#include "vfs/file_description.h"

namespace syscalls {

using sentry::Task;
using sentry::UserInOut;

// struct flock.
struct RecordLock {
  int16_t type = 0;
  int16_t whence = 0;
  int32_t unused1 = 0;
  int64_t start = 0;
  int64_t length = 0;
  int32_t process = 0;
  int32_t unused2 = 0;
};
static_assert(sizeof(RecordLock) == 32);

// F_GETLK, F_OFD_GETLK.
base::Result<void> GetRecordLock(Task& task, vfs::FileDescription& file, int command, UserInOut<RecordLock> lock);
// F_SETLK, F_SETLKW, F_OFD_SETLK, F_OFD_SETLKW; `fd` is where `file` was found.
base::SysResult<void> SetRecordLock(Task& task, base::Fd fd, vfs::FileDescription& file, int command,
                                    UserInOut<RecordLock> lock);
base::SysResult<void> SysFlock(Task& task, base::Fd fd, int32_t operation);

}  // namespace syscalls
