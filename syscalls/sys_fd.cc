// SPDX-License-Identifier: Apache-2.0
#include "syscalls/sys_fd.h"

#include <fcntl.h>
#include <sys/ioctl.h>

#include "sentry/fs/devpts/terminal_file.h"
#include "sentry/task/thread_group.h"
#include "syscalls/sys_lock.h"
#include "vfs/file_description.h"

namespace syscalls {
namespace {

uint64_t DescriptorLimit(Task& task) { return task.group().limits().Soft(RLIMIT_NOFILE); }

// A command of fcntl(2) that O_PATH descriptors allow.
bool AllowedOnPath(int command) {
  return command == F_DUPFD || command == F_DUPFD_CLOEXEC || command == F_GETFD || command == F_SETFD ||
         command == F_GETFL;
}

}  // namespace

base::Result<base::Fd> SysDup(Task& task, base::Fd fd) {
  base::RefPtr<vfs::FileDescription> file = TRY(task.GetFile(fd));
  return task.InstallFd(std::move(file), false);
}

base::Result<base::Fd> SysDup2(Task& task, base::Fd old_fd, base::Fd new_fd) {
  base::RefPtr<vfs::FileDescription> file = TRY(task.GetFile(old_fd));
  if (old_fd == new_fd) return new_fd;
  TRY(task.fds().InstallAt(task, new_fd, std::move(file), false, DescriptorLimit(task)));
  return new_fd;
}

base::Result<base::Fd> SysDup3(Task& task, base::Fd old_fd, base::Fd new_fd, int32_t flags) {
  if ((flags & ~O_CLOEXEC) != 0 || old_fd == new_fd) return base::Errno(EINVAL);
  if (new_fd.value() < 0 || static_cast<uint64_t>(new_fd.value()) >= DescriptorLimit(task)) return base::Errno(EBADF);
  base::RefPtr<vfs::FileDescription> file = TRY(task.GetFile(old_fd));
  TRY(task.fds().InstallAt(task, new_fd, std::move(file), (flags & O_CLOEXEC) != 0, DescriptorLimit(task)));
  return new_fd;
}

base::SysResult<uint64_t> SysFcntl(Task& task, base::Fd fd, int32_t command, uint64_t argument) {
  base::RefPtr<vfs::FileDescription> file = TRY(task.GetFile(fd));
  if (file->is_path_only() && !AllowedOnPath(command)) return base::Errno(EBADF);
  switch (command) {
    case F_DUPFD:
    case F_DUPFD_CLOEXEC: {
      base::Fd copy = TRY(task.fds().Install(std::move(file), command == F_DUPFD_CLOEXEC, DescriptorLimit(task),
                                             static_cast<int>(argument)));
      return static_cast<uint64_t>(copy.value());
    }
    case F_GETFD:
      return uint64_t{TRY(task.fds().CloseOnExec(fd)) ? FD_CLOEXEC : 0u};
    case F_SETFD:
      TRY(task.fds().SetCloseOnExec(fd, (argument & FD_CLOEXEC) != 0));
      return 0;
    case F_GETFL:
      return static_cast<uint64_t>(file->flags());
    case F_SETFL:
      TRY(file->SetStatusFlags(task, static_cast<int>(argument)));
      return 0;
    case F_GETLK:
    case F_OFD_GETLK:
      TRY(GetRecordLock(task, *file, command, UserInOut<RecordLock>(base::GuestAddr(argument))));
      return 0;
    case F_SETLK:
    case F_SETLKW:
    case F_OFD_SETLK:
    case F_OFD_SETLKW:
      TRY(SetRecordLock(task, fd, *file, command, UserInOut<RecordLock>(base::GuestAddr(argument))));
      return 0;
    default:
      return file->Control(task, command, argument);
  }
}

base::SysResult<uint64_t> SysIoctl(Task& task, base::Fd fd, uint32_t request, uint64_t argument) {
  base::RefPtr<vfs::FileDescription> file = TRY(task.GetFile(fd));
  if (file->is_path_only()) return base::Errno(EBADF);
  switch (request) {
    case FIOCLEX:
    case FIONCLEX:
      TRY(task.fds().SetCloseOnExec(fd, request == FIOCLEX));
      return 0;
    case FIONBIO: {
      int32_t on = TRY(sentry::UserIn<int32_t>(base::GuestAddr(argument)).Read(task.user_memory()));
      int flags = file->flags();
      TRY(file->SetStatusFlags(task, on != 0 ? flags | O_NONBLOCK : flags & ~O_NONBLOCK));
      return 0;
    }
    default:
      TRY(sentry::CheckTerminalIoctl(task, *file, request));
      return TRY(file->Ioctl(task, request, argument));
  }
}

}  // namespace syscalls
