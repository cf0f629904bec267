// SPDX-License-Identifier: Apache-2.0
#include "syscalls/fs_common.h"

#include <fcntl.h>

#include "sentry/mm/memory_manager.h"

namespace syscalls {

base::Result<vfs::StartPoint> StartAt(Task& task, base::Fd directory, std::string_view name, bool allow_empty) {
  if (directory.value() == AT_FDCWD || name.starts_with('/') || (name.empty() && !allow_empty)) return StartAtCwd(task);
  return vfs::StartPoint{task.fs().root(), TRY(task.GetFile(directory))->path()};
}

base::Result<std::string> ReadPath(Task& task, UserCString path) { return path.ReadPath(task.memory().memory()); }

base::Result<vfs::Path> ResolveAt(Task& task, base::Fd directory, UserCString path, int at_flags, bool follow) {
  std::string name = TRY(ReadPath(task, path));
  vfs::StartPoint start = TRY(StartAt(task, directory, name, (at_flags & AT_EMPTY_PATH) != 0));
  return vfs::Walk(
      task, start, name,
      {.follow = follow && (at_flags & AT_SYMLINK_NOFOLLOW) == 0, .allow_empty = (at_flags & AT_EMPTY_PATH) != 0});
}

}  // namespace syscalls
