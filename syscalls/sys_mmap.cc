// SPDX-License-Identifier: Apache-2.0
#include "syscalls/sys_mmap.h"

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "sentry/mm/memory_manager.h"
#include "sentry/task/memory_limits.h"
#include "vfs/mount.h"

namespace syscalls {

using base::Errno;
using sentry::MemoryLimitsOf;
using sentry::MemoryManager;

base::Result<base::GuestAddr> SysMmap(Task& task, base::GuestAddr address, uint64_t length, int32_t protection,
                                      int32_t flags, base::Fd fd, uint64_t offset) {
  if ((offset & base::kPageMask) != 0) return Errno(EINVAL);
  MemoryManager::MapRequest request{
      .address = address, .length = length, .protection = protection, .flags = flags, .offset = offset};
  base::RefPtr<vfs::FileDescription> file;
  if ((flags & MAP_ANONYMOUS) == 0) {
    file = TRY(task.GetFile(fd));
    if (file->is_path_only()) return Errno(EBADF);
    if (file->MapsAsAnonymous()) {
      request.flags |= MAP_ANONYMOUS;
    } else {
      request.file = file.get();
    }
    request.mount_noexec = file->path() && (file->path().mount->flags() & vfs::kMountNoExec) != 0;
  }
  return task.memory().Map(task, request, MemoryLimitsOf(task), &task.guest());
}

base::Result<void> SysMunmap(Task& task, base::GuestAddr address, uint64_t length) {
  return task.memory().Unmap(address, length, &task.guest());
}

base::Result<void> SysMprotect(Task& task, base::GuestAddr address, uint64_t length, int32_t protection) {
  return task.memory().Protect(address, length, protection, MemoryLimitsOf(task), &task.guest());
}

base::Result<base::GuestAddr> SysMremap(Task& task, base::GuestAddr old_address, uint64_t old_length,
                                        uint64_t new_length, int32_t flags, base::GuestAddr new_address) {
  return task.memory().Remap(old_address, old_length, new_length, flags, new_address, MemoryLimitsOf(task));
}

base::Result<void> SysMadvise(Task& task, base::GuestAddr address, uint64_t length, int32_t advice) {
  return task.memory().Advise(address, length, advice, &task.guest());
}

base::Result<base::GuestAddr> SysBrk(Task& task, base::GuestAddr address) {
  return task.memory().Brk(address, MemoryLimitsOf(task));
}

base::Result<void> SysMsync(Task& task, base::GuestAddr address, uint64_t length, int32_t flags) {
  return task.memory().Sync(address, length, flags);
}

base::Result<void> SysMincore(Task& task, base::GuestAddr address, uint64_t length, base::GuestAddr vector) {
  static constexpr std::array<uint8_t, base::kPageSize> kResident = [] {
    std::array<uint8_t, base::kPageSize> all{};
    all.fill(1);
    return all;
  }();
  uint64_t pages = TRY(task.memory().Mincore(address, length));
  for (uint64_t done = 0; done < pages;) {
    uint64_t count = std::min<uint64_t>(pages - done, kResident.size());
    TRY(task.user_memory().CopyOut(vector + done, std::as_bytes(std::span(kResident).first(count))));
    done += count;
  }
  return {};
}

base::Result<void> SysMlock(Task& task, base::GuestAddr address, uint64_t length) {
  return task.memory().LockPages(address, length, 0, MemoryLimitsOf(task));
}

base::Result<void> SysMlock2(Task& task, base::GuestAddr address, uint64_t length, int32_t flags) {
  return task.memory().LockPages(address, length, flags, MemoryLimitsOf(task));
}

base::Result<void> SysMunlock(Task& task, base::GuestAddr address, uint64_t length) {
  return task.memory().UnlockPages(address, length);
}

base::Result<void> SysMlockall(Task& task, int32_t flags) { return task.memory().LockAll(flags, MemoryLimitsOf(task)); }

base::Result<void> SysMunlockall(Task& task) { return task.memory().UnlockAll(); }

base::Result<void> SysPkeyMprotect(Task& task, base::GuestAddr address, uint64_t length, int32_t protection,
                                   int32_t key) {
  if (key != -1) return Errno(EINVAL);
  // The call in the guest's registers is not mprotect(2): no caller.
  return task.memory().Protect(address, length, protection, MemoryLimitsOf(task));
}

base::Result<int32_t> SysPkeyAlloc(Task&, uint64_t flags, uint64_t rights) {
  constexpr uint64_t kRights = 3;  // PKEY_DISABLE_ACCESS | PKEY_DISABLE_WRITE
  if (flags != 0 || (rights & ~kRights) != 0) return Errno(EINVAL);
  return Errno(ENOSPC);
}

base::Result<void> SysPkeyFree(Task&, int32_t) { return Errno(EINVAL); }

}  // namespace syscalls
