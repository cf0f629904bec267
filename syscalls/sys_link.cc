// SPDX-License-Identifier: Apache-2.0
#include "syscalls/sys_link.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "vfs/operations.h"
#include "vfs/permission.h"

namespace syscalls {

base::Result<void> SysLink(Task& task, UserCString old_path, UserCString new_path) {
  return SysLinkat(task, base::Fd(AT_FDCWD), old_path, base::Fd(AT_FDCWD), new_path, 0);
}

base::Result<void> SysLinkat(Task& task, base::Fd old_directory, UserCString old_path, base::Fd new_directory,
                             UserCString new_path, int32_t flags) {
  if ((flags & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH)) != 0) return base::Errno(EINVAL);
  if ((flags & AT_EMPTY_PATH) != 0 && !task.credentials().HasCapability(vfs::kCapDacReadSearch)) {
    return base::Errno(ENOENT);
  }
  vfs::Path target =
      TRY(ResolveAt(task, old_directory, old_path, flags & AT_EMPTY_PATH, (flags & AT_SYMLINK_FOLLOW) != 0));
  std::string name = TRY(ReadPath(task, new_path));
  vfs::StartPoint start = TRY(StartAt(task, new_directory, name));
  return vfs::MakeLink(task, target, start, name);
}

base::Result<void> SysSymlink(Task& task, UserCString target, UserCString path) {
  return SysSymlinkat(task, target, base::Fd(AT_FDCWD), path);
}

base::Result<void> SysSymlinkat(Task& task, UserCString target, base::Fd directory, UserCString path) {
  std::string contents = TRY(ReadPath(task, target));
  if (contents.empty()) return base::Errno(ENOENT);
  std::string name = TRY(ReadPath(task, path));
  vfs::StartPoint start = TRY(StartAt(task, directory, name));
  return vfs::MakeSymlink(task, contents, start, name);
}

base::Result<void> SysUnlink(Task& task, UserCString path) { return SysUnlinkat(task, base::Fd(AT_FDCWD), path, 0); }

base::Result<void> SysUnlinkat(Task& task, base::Fd directory, UserCString path, int32_t flags) {
  if ((flags & ~AT_REMOVEDIR) != 0) return base::Errno(EINVAL);
  std::string name = TRY(ReadPath(task, path));
  vfs::StartPoint start = TRY(StartAt(task, directory, name));
  return (flags & AT_REMOVEDIR) != 0 ? vfs::RemoveDirectory(task, start, name) : vfs::Unlink(task, start, name);
}

base::Result<void> SysRename(Task& task, UserCString old_path, UserCString new_path) {
  return SysRenameat2(task, base::Fd(AT_FDCWD), old_path, base::Fd(AT_FDCWD), new_path, 0);
}

base::Result<void> SysRenameat(Task& task, base::Fd old_directory, UserCString old_path, base::Fd new_directory,
                               UserCString new_path) {
  return SysRenameat2(task, old_directory, old_path, new_directory, new_path, 0);
}

base::Result<void> SysRenameat2(Task& task, base::Fd old_directory, UserCString old_path, base::Fd new_directory,
                                UserCString new_path, uint32_t flags) {
  constexpr uint32_t kNoReplace = 1, kExchange = 2, kWhiteout = 4;
  if ((flags & ~(kNoReplace | kExchange | kWhiteout)) != 0) return base::Errno(EINVAL);
  if ((flags & kExchange) != 0 && (flags & (kNoReplace | kWhiteout)) != 0) return base::Errno(EINVAL);
  std::string old_name = TRY(ReadPath(task, old_path));
  std::string new_name = TRY(ReadPath(task, new_path));
  vfs::StartPoint old_start = TRY(StartAt(task, old_directory, old_name));
  vfs::StartPoint new_start = TRY(StartAt(task, new_directory, new_name));
  return vfs::Rename(task, old_start, old_name, new_start, new_name, flags);
}

base::Result<void> SysMknod(Task& task, UserCString path, uint32_t mode, uint32_t device) {
  return SysMknodat(task, base::Fd(AT_FDCWD), path, mode, device);
}

base::Result<void> SysMknodat(Task& task, base::Fd directory, UserCString path, uint32_t mode, uint32_t device) {
  switch (mode & S_IFMT) {
    case 0:
    case S_IFREG:
    case S_IFCHR:
    case S_IFBLK:
    case S_IFIFO:
    case S_IFSOCK:
      break;
    case S_IFDIR:
      return base::Errno(EPERM);
    default:
      return base::Errno(EINVAL);
  }
  std::string name = TRY(ReadPath(task, path));
  vfs::StartPoint start = TRY(StartAt(task, directory, name));
  // The 32-bit form of a device number: 12 bits of major, 20 of minor.
  uint32_t major = device >> 8 & 0xfff;
  uint32_t minor = (device & 0xff) | (device >> 12 & 0xfff00);
  return vfs::MakeNode(task, start, name, (mode & S_IFMT) | (mode & 07777 & ~task.fs().umask()), major, minor);
}

}  // namespace syscalls
