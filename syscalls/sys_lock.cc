// SPDX-License-Identifier: Apache-2.0
#include "syscalls/sys_lock.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/clock.h"
#include "sentry/task/thread_group.h"
#include "vfs/lock/file_lock.h"

namespace syscalls {
namespace {

using vfs::FileLock;
using vfs::FileLocks;
using vfs::LockKind;
using vfs::LockType;

constexpr int kMandatory = 32;  // LOCK_MAND: ignored since Linux 5.5.
constexpr int64_t kEndOfFile = INT64_MAX;

bool OfDescription(int command) { return command == F_OFD_GETLK || command == F_OFD_SETLK || command == F_OFD_SETLKW; }

base::Result<int64_t> Origin(Task& task, vfs::FileDescription& file, int whence) {
  switch (whence) {
    case SEEK_SET:
      return int64_t{0};
    case SEEK_CUR:
      return file.offset();
    case SEEK_END:
      return static_cast<int64_t>(TRY(file.Stat(task)).size);
    default:
      return base::Errno(EINVAL);
  }
}

// The bytes and the owner a struct flock speaks of; of a type F_UNLCK the type is not set.
base::Result<FileLock> Describe(Task& task, vfs::FileDescription& file, int command, const RecordLock& request) {
  FileLock lock;
  int64_t first = TRY(Origin(task, file, request.whence));
  if (request.start > kEndOfFile - first) return base::Errno(EOVERFLOW);
  first += request.start;
  if (first < 0) return base::Errno(EINVAL);
  int64_t last = kEndOfFile;
  if (request.length > 0) {
    if (request.length - 1 > kEndOfFile - first) return base::Errno(EOVERFLOW);
    last = first + request.length - 1;
  } else if (request.length < 0) {
    if (first + request.length < 0) return base::Errno(EINVAL);
    last = first - 1;
    first += request.length;
  }
  switch (request.type) {
    case F_RDLCK:
    case F_UNLCK:
      break;
    case F_WRLCK:
      lock.type = LockType::kWrite;
      break;
    default:
      return base::Errno(EINVAL);
  }
  lock.first = static_cast<uint64_t>(first);
  lock.last = static_cast<uint64_t>(last);
  if (OfDescription(command)) {
    lock.kind = LockKind::kDescription;
    lock.owner = &file;
    lock.process = -1;
  } else {
    lock.owner = &task.fds();
    lock.process = task.process_id();
  }
  return lock;
}

// Waits until the lock is had.
base::SysResult<void> Wait(Task& task, vfs::FileDescription& file, const FileLock& lock) {
  FileLocks::Request request(file, lock);
  sentry::WakeFlag flag(task);
  sentry::FlagWaiter waiter(flag, &request.queue(), POLLIN);
  while (true) {
    flag.Clear();
    base::Result<void> set = request.Try();
    if (set.ok() || set.error().code() != EAGAIN) return set;
    TRY(task.Sleep(flag, base::kForever));
  }
}

}  // namespace

base::Result<void> GetRecordLock(Task& task, vfs::FileDescription& file, int command, UserInOut<RecordLock> lock) {
  RecordLock request = TRY(lock.Read(task.user_memory()));
  if (request.type != F_RDLCK && request.type != F_WRLCK) return base::Errno(EINVAL);
  FileLock wanted = TRY(Describe(task, file, command, request));
  if (OfDescription(command) && request.process != 0) return base::Errno(EINVAL);
  std::optional<FileLock> found = FileLocks::FindConflict(file, wanted);
  if (!found.has_value()) {
    request.type = F_UNLCK;
  } else {
    request.type = found->type == LockType::kWrite ? F_WRLCK : F_RDLCK;
    request.whence = SEEK_SET;
    request.start = static_cast<int64_t>(found->first);
    request.length =
        found->last == static_cast<uint64_t>(kEndOfFile) ? 0 : static_cast<int64_t>(found->last - found->first + 1);
    request.process = found->process;
  }
  return lock.Write(task.user_memory(), request);
}

base::SysResult<void> SetRecordLock(Task& task, base::Fd fd, vfs::FileDescription& file, int command,
                                    UserInOut<RecordLock> lock) {
  RecordLock request = TRY(lock.Read(task.user_memory()));
  FileLock wanted = TRY(Describe(task, file, command, request));
  if (request.type == F_RDLCK && !file.readable()) return base::Errno(EBADF);
  if (request.type == F_WRLCK && !file.writable()) return base::Errno(EBADF);
  if (OfDescription(command) && request.process != 0) return base::Errno(EINVAL);
  if (request.type == F_UNLCK) {
    FileLocks::Clear(file, wanted);
    return {};
  }
  if (!OfDescription(command)) task.fds().set_owns_locks();
  base::Result<void> set = FileLocks::TrySet(file, wanted);
  if (!set.ok()) {
    bool wait = command == F_SETLKW || command == F_OFD_SETLKW;
    if (set.error().code() != EAGAIN || !wait) return set.error();
    TRY(Wait(task, file, wanted));
  }
  // Closed meanwhile by another thread, which could not release what was not there yet.
  if (OfDescription(command)) return {};
  base::Result<base::RefPtr<vfs::FileDescription>> now = task.GetFile(fd);
  if (now.ok() && now->get() == &file) return {};
  FileLocks::Clear(file, wanted);
  return base::Errno(EBADF);
}

base::SysResult<void> SysFlock(Task& task, base::Fd fd, int32_t operation) {
  if ((operation & kMandatory) != 0) return {};
  FileLock lock{.kind = LockKind::kWhole};
  bool unlock = false;
  switch (operation & ~LOCK_NB) {
    case LOCK_SH:
      break;
    case LOCK_EX:
      lock.type = LockType::kWrite;
      break;
    case LOCK_UN:
      unlock = true;
      break;
    default:
      return base::Errno(EINVAL);
  }
  base::RefPtr<vfs::FileDescription> file = TRY(task.GetFile(fd));
  if (file->is_path_only() || (!unlock && !file->readable() && !file->writable())) return base::Errno(EBADF);
  lock.owner = file.get();
  lock.process = task.process_id();
  if (unlock) {
    FileLocks::Clear(*file, lock);
    return {};
  }
  base::Result<void> set = FileLocks::TrySet(*file, lock);
  if (set.ok() || set.error().code() != EAGAIN || (operation & LOCK_NB) != 0) return set;
  return Wait(task, *file, lock);
}

}  // namespace syscalls
