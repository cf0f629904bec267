// SPDX-License-Identifier: Apache-2.0
#include "syscalls/sys_memfd.h"

#include <fcntl.h>
#include <sys/mman.h>

#include "sentry/mm/memory_manager.h"
#include "vfs/tmpfs/memfd.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x8u
#define MFD_EXEC 0x10u
#endif
#ifndef F_SEAL_EXEC
#define F_SEAL_EXEC 0x20
#endif

namespace syscalls {
namespace {

constexpr size_t kNameMax = 249;  // NAME_MAX without "memfd:".

}  // namespace

base::Result<base::Fd> SysMemfdCreate(Task& task, UserCString name, uint32_t flags) {
  constexpr uint32_t kKnown = MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL | MFD_EXEC;
  // As a kernel without hugetlbfs.
  if ((flags & MFD_HUGETLB) != 0) return base::Errno(ENOSYS);
  if ((flags & ~kKnown) != 0) return base::Errno(EINVAL);
  if ((flags & MFD_EXEC) != 0 && (flags & MFD_NOEXEC_SEAL) != 0) return base::Errno(EINVAL);
  base::Result<std::string> text = name.Read(task.memory().memory(), kNameMax + 1);
  if (!text.ok()) return text.error().code() == ENAMETOOLONG ? base::Errno(EINVAL) : text.error();
  uint32_t mode = 0777;
  uint32_t seals = (flags & MFD_ALLOW_SEALING) != 0 ? 0 : F_SEAL_SEAL;
  if ((flags & MFD_NOEXEC_SEAL) != 0) {
    mode = 0666;
    seals = F_SEAL_EXEC;
  }
  return task.InstallFd(TRY(vfs::CreateMemfd(task, *text, mode, seals)), (flags & MFD_CLOEXEC) != 0);
}

}  // namespace syscalls
