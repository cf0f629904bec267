// SPDX-License-Identifier: Apache-2.0
#include "syscalls/transfer.h"

#include <signal.h>

#include "sentry/task/thread_group.h"
#include "vfs/inotify/notify.h"

namespace syscalls {

base::Result<File> ReadableFile(Task& task, base::Fd fd) {
  File file = TRY(task.GetFile(fd));
  if (!file->readable()) return base::Errno(EBADF);
  return file;
}

base::Result<File> WritableFile(Task& task, base::Fd fd) {
  File file = TRY(task.GetFile(fd));
  if (!file->writable()) return base::Errno(EBADF);
  return file;
}

void RaiseForWrite(Task& task, base::Errno error) {
  base::abi::Siginfo info;
  if (error.code() == EPIPE) {
    info.signo = SIGPIPE;
  } else if (error.code() == EFBIG) {
    info.signo = SIGXFSZ;
  } else {
    return;
  }
  info.code = SI_USER;
  info.kill.pid = task.group().pid().value();
  info.kill.uid = task.credentials().ruid.value();
  task.SendSignal(info);
}

uint64_t Told(const vfs::FileDescription& file, uint64_t count, uint32_t event) {
  if (count > 0) vfs::NotifyPath(file.path(), event);
  return count;
}

}  // namespace syscalls
