// SPDX-License-Identifier: Apache-2.0
// read(2), write(2) and their relatives, lseek(2).
#pragma once

#include "base/abi/iovec.h"
#include "syscalls/fs_common.h"

namespace syscalls {

using Iovecs = sentry::UserIn<base::abi::Iovec>;

base::SysResult<uint64_t> SysRead(Task& task, base::Fd fd, base::GuestAddr buffer, uint64_t count);
base::SysResult<uint64_t> SysWrite(Task& task, base::Fd fd, base::GuestAddr buffer, uint64_t count);
base::SysResult<uint64_t> SysPread64(Task& task, base::Fd fd, base::GuestAddr buffer, uint64_t count, int64_t offset);
base::SysResult<uint64_t> SysPwrite64(Task& task, base::Fd fd, base::GuestAddr buffer, uint64_t count, int64_t offset);
base::SysResult<uint64_t> SysReadv(Task& task, base::Fd fd, Iovecs vector, uint64_t count);
base::SysResult<uint64_t> SysWritev(Task& task, base::Fd fd, Iovecs vector, uint64_t count);
base::SysResult<uint64_t> SysPreadv(Task& task, base::Fd fd, Iovecs vector, uint64_t count, int64_t offset);
base::SysResult<uint64_t> SysPwritev(Task& task, base::Fd fd, Iovecs vector, uint64_t count, int64_t offset);
base::SysResult<uint64_t> SysPreadv2(Task& task, base::Fd fd, Iovecs vector, uint64_t count, int64_t offset,
                                     uint64_t offset_high, int32_t flags);
base::SysResult<uint64_t> SysPwritev2(Task& task, base::Fd fd, Iovecs vector, uint64_t count, int64_t offset,
                                      uint64_t offset_high, int32_t flags);
base::Result<int64_t> SysLseek(Task& task, base::Fd fd, int64_t offset, int32_t whence);

}  // namespace syscalls
