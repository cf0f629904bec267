// SPDX-License-Identifier: Apache-2.0
#include "syscalls/sys_exec.h"

#include <fcntl.h>

#include "sentry/kernel.h"
#include "sentry/loader/arguments.h"
#include "sentry/mm/memory_manager.h"
#include "vfs/walk.h"

namespace syscalls {
namespace {

base::SysResult<void> Execute(Task& task, vfs::Path directory, sentry::UserCString path, sentry::UserIn<uint64_t> argv,
                              sentry::UserIn<uint64_t> envp, int flags) {
  sentry::GuestMemory& memory = task.memory().memory();
  Task::ExecArguments arguments;
  arguments.directory = std::move(directory);
  arguments.flags = flags;
  arguments.path = TRY(path.ReadPath(memory));
  // A name that leads nowhere comes before bad vectors.
  if (!arguments.path.empty()) {
    vfs::StartPoint start{task.fs().root(), arguments.directory ? arguments.directory : task.fs().cwd()};
    TRY(vfs::Walk(task, start, arguments.path, {.follow = (flags & AT_SYMLINK_NOFOLLOW) == 0}));
  }
  uint64_t space = sentry::ArgumentSpace(task.group().limits().Soft(RLIMIT_STACK));
  arguments.argv = TRY(sentry::ReadArguments(memory, argv, space));
  arguments.envp = TRY(sentry::ReadArguments(memory, envp, space));
  return task.Exec(std::move(arguments));
}

}  // namespace

base::SysResult<void> SysExecve(Task& task, sentry::UserCString path, sentry::UserIn<uint64_t> argv,
                                sentry::UserIn<uint64_t> envp) {
  return Execute(task, vfs::Path(), path, argv, envp, 0);
}

base::SysResult<void> SysExecveat(Task& task, base::Fd directory, sentry::UserCString path,
                                  sentry::UserIn<uint64_t> argv, sentry::UserIn<uint64_t> envp, int32_t flags) {
  if ((flags & ~(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW)) != 0) return base::Errno(EINVAL);
  vfs::Path start;
  if (directory.value() != AT_FDCWD) start = TRY(task.GetFile(directory))->path();
  return Execute(task, std::move(start), path, argv, envp, flags);
}

}  // namespace syscalls
