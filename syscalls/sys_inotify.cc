// SPDX-License-Identifier: Apache-2.0
#include "syscalls/sys_inotify.h"

#include <fcntl.h>
#include <sys/inotify.h>

#include "vfs/dentry.h"
#include "vfs/inotify/inotify.h"
#include "vfs/operations.h"
#include "vfs/permission.h"

#ifndef IN_MASK_CREATE
#define IN_MASK_CREATE 0x10000000
#endif

namespace syscalls {
namespace {

constexpr uint32_t kFlags = IN_ONLYDIR | IN_DONT_FOLLOW | IN_EXCL_UNLINK | IN_MASK_ADD | IN_MASK_CREATE | IN_ONESHOT;
// What a watcher may name though it never waits for it.
constexpr uint32_t kReported = IN_UNMOUNT | IN_Q_OVERFLOW | IN_IGNORED | IN_ISDIR;
constexpr uint32_t kKnown = IN_ALL_EVENTS | kFlags | kReported;

}  // namespace

base::Result<base::Fd> SysInotifyInit(Task& task) { return SysInotifyInit1(task, 0); }

base::Result<base::Fd> SysInotifyInit1(Task& task, int32_t flags) {
  if ((flags & ~(IN_CLOEXEC | IN_NONBLOCK)) != 0) return base::Errno(EINVAL);
  return task.InstallFd(vfs::Inotify::Create(task, flags & O_NONBLOCK), (flags & IN_CLOEXEC) != 0);
}

base::Result<int32_t> SysInotifyAddWatch(Task& task, base::Fd fd, UserCString path, uint32_t mask) {
  if ((mask & ~kKnown) != 0 || mask == 0) return base::Errno(EINVAL);
  base::RefPtr<vfs::FileDescription> file = TRY(task.GetFile(fd));
  if (file->is_path_only()) return base::Errno(EBADF);
  if ((mask & IN_MASK_ADD) != 0 && (mask & IN_MASK_CREATE) != 0) return base::Errno(EINVAL);
  if (file->kind() != vfs::FileKind::kInotify) return base::Errno(EINVAL);
  std::string name = TRY(ReadPath(task, path));
  vfs::Path found = TRY(vfs::Walk(task, StartAtCwd(task), name,
                                  {.follow = (mask & IN_DONT_FOLLOW) == 0, .directory = (mask & IN_ONLYDIR) != 0}));
  TRY(vfs::AccessPath(task, found, vfs::kMayRead));
  return static_cast<vfs::Inotify&>(*file).AddWatch(found.dentry->inode(), mask);
}

base::Result<void> SysInotifyRmWatch(Task& task, base::Fd fd, int32_t descriptor) {
  base::RefPtr<vfs::FileDescription> file = TRY(task.GetFile(fd));
  if (file->is_path_only()) return base::Errno(EBADF);
  if (file->kind() != vfs::FileKind::kInotify) return base::Errno(EINVAL);
  return static_cast<vfs::Inotify&>(*file).RemoveWatch(descriptor);
}

}  // namespace syscalls
