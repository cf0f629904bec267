// SPDX-License-Identifier: Apache-2.0
#include "syscalls/sys_pipe.h"

#include <fcntl.h>
#include <sys/eventfd.h>

#include "vfs/eventfd/eventfd.h"
#include "vfs/pipe/pipe.h"

namespace syscalls {
namespace {

// fcntl.h's since Linux 5.8; made for watch queues, which nobody has.
constexpr int kNotificationPipe = O_EXCL;

}  // namespace

base::Result<void> SysPipe(Task& task, UserOut<std::array<int32_t, 2>> fds) { return SysPipe2(task, fds, 0); }

base::Result<void> SysPipe2(Task& task, UserOut<std::array<int32_t, 2>> fds, int32_t flags) {
  if ((flags & ~(O_CLOEXEC | O_NONBLOCK | O_DIRECT | kNotificationPipe)) != 0) return base::Errno(EINVAL);
  if ((flags & kNotificationPipe) != 0) return base::Errno(ENOPKG);
  vfs::PipePair pipe = TRY(vfs::CreatePipe(task, flags & ~O_CLOEXEC));
  bool close_on_exec = (flags & O_CLOEXEC) != 0;
  base::Fd reader = TRY(task.InstallFd(std::move(pipe.reader), close_on_exec));
  base::Result<base::Fd> writer = task.InstallFd(std::move(pipe.writer), close_on_exec);
  base::Result<void> copied;
  if (writer.ok()) copied = fds.Write(task.user_memory(), {reader.value(), writer->value()});
  if (writer.ok() && copied.ok()) return {};
  (void)task.fds().Close(task, reader);
  if (!writer.ok()) return writer.error();
  (void)task.fds().Close(task, *writer);
  return copied;
}

base::Result<base::Fd> SysEventfd(Task& task, uint32_t count) { return SysEventfd2(task, count, 0); }

base::Result<base::Fd> SysEventfd2(Task& task, uint32_t count, int32_t flags) {
  if ((flags & ~(EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE)) != 0) return base::Errno(EINVAL);
  base::RefPtr<vfs::FileDescription> file =
      vfs::CreateEventFd(task, count, flags & EFD_NONBLOCK, (flags & EFD_SEMAPHORE) != 0);
  return task.InstallFd(std::move(file), (flags & EFD_CLOEXEC) != 0);
}

}  // namespace syscalls
