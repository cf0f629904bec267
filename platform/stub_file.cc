// SPDX-License-Identifier: Apache-2.0
#include "platform/stub_file.h"

#include <fcntl.h>
#include <sys/syscall.h>

#include "platform/syscall_unsafe.h"

namespace platform {

base::Result<void> CheckDonation(const base::UniqueFd& fd, bool writable) {
  long flags = RawSyscall(SYS_fcntl, fd.get(), F_GETFL);
  if (flags < 0) return base::Errno(EBADF);
  long mode = flags & O_ACCMODE;
  if ((flags & O_PATH) != 0 || mode == O_WRONLY) return base::Errno(EBADF);
  if (mode != (writable ? O_RDWR : O_RDONLY)) return base::Errno(EACCES);
  return {};
}

}  // namespace platform
