// SPDX-License-Identifier: Apache-2.0
#include "platform/memory_file.h"

#include <linux/memfd.h>
#include <sys/syscall.h>

#include <cerrno>

#include "platform/syscall_unsafe.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x10U
#endif

namespace platform {

base::Result<base::UniqueFd> MakeMemoryFile(const char* name, uint64_t size, bool executable) {
  unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  long fd = -EINVAL;
  if (executable) fd = RawSyscall(SYS_memfd_create, name, flags | MFD_EXEC);
  if (fd == -EINVAL) fd = RawSyscall(SYS_memfd_create, name, flags);
  if (fd < 0) return base::Errno(static_cast<int>(-fd));
  base::UniqueFd file(static_cast<int>(fd));
  long result = RawSyscall(SYS_ftruncate, file.get(), size);
  if (result < 0) return base::Errno(static_cast<int>(-result));
  return file;
}

}  // namespace platform
