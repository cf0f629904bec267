// SPDX-License-Identifier: Apache-2.0
#include "syscalls/sys_attr.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <optional>

#include "sentry/kernel.h"
#include "sentry/kernel_context.h"
#include "syscalls/transfer.h"
#include "vfs/inode.h"
#include "vfs/mount.h"
#include "vfs/operations.h"

namespace syscalls {
namespace {

base::Result<base::RefPtr<vfs::FileDescription>> OpenFile(Task& task, base::Fd fd) {
  base::RefPtr<vfs::FileDescription> file = TRY(task.GetFile(fd));
  if (file->is_path_only()) return base::Errno(EBADF);
  return file;
}

base::Result<void> ChangeOwner(Task& task, const vfs::Path& path, base::Uid uid, base::Gid gid) {
  constexpr uint32_t kUnchanged = UINT32_MAX;
  std::optional<base::KUid> user;
  std::optional<base::KGid> group;
  if (uid.value() != kUnchanged) user = base::KUid(uid.value());
  if (gid.value() != kUnchanged) group = base::KGid(gid.value());
  return vfs::ChangeOwner(task, path, user, group);
}

struct Times {
  vfs::TimeChange access, modify;
};

base::Result<vfs::TimeChange> FromTimeval(Task& task, sentry::UserIn<base::abi::Timeval> times, uint64_t index) {
  base::abi::Timeval time = TRY(times.ReadUnchecked(task.user_memory(), index));
  if (time.microseconds < 0 || time.microseconds >= 1'000'000) return base::Errno(EINVAL);
  return vfs::TimeChange{vfs::TimeChange::Kind::kSet, {time.seconds, static_cast<uint32_t>(time.microseconds * 1000)}};
}

base::Result<Times> FromTimevals(Task& task, sentry::UserIn<base::abi::Timeval> times) {
  if (times.is_null()) return Times{{vfs::TimeChange::Kind::kNow, {}}, {vfs::TimeChange::Kind::kNow, {}}};
  vfs::TimeChange access = TRY(FromTimeval(task, times, 0));
  vfs::TimeChange modify = TRY(FromTimeval(task, times, 1));
  return Times{access, modify};
}

base::Result<vfs::TimeChange> FromTimespec(Task& task, sentry::UserIn<base::abi::Timespec> times, uint64_t index) {
  base::abi::Timespec time = TRY(times.ReadUnchecked(task.user_memory(), index));
  if (time.nanoseconds == UTIME_NOW) return vfs::TimeChange{vfs::TimeChange::Kind::kNow, {}};
  if (time.nanoseconds == UTIME_OMIT) return vfs::TimeChange{vfs::TimeChange::Kind::kOmit, {}};
  if (time.nanoseconds < 0 || time.nanoseconds >= 1'000'000'000) return base::Errno(EINVAL);
  return vfs::TimeChange{vfs::TimeChange::Kind::kSet, {time.seconds, static_cast<uint32_t>(time.nanoseconds)}};
}

// SIGXFSZ when it was RLIMIT_FSIZE that forbade the size.
base::Result<void> Signalled(Task& task, int64_t size, base::Result<void> result) {
  if (!result.ok() && static_cast<uint64_t>(size) > task.file_size_limit()) RaiseForWrite(task, result.error());
  return result;
}

}  // namespace

base::Result<void> SysChmod(Task& task, UserCString path, uint32_t mode) {
  return SysFchmodat2(task, base::Fd(AT_FDCWD), path, mode, 0);
}

base::Result<void> SysFchmod(Task& task, base::Fd fd, uint32_t mode) {
  return vfs::ChangeMode(task, TRY(OpenFile(task, fd))->path(), mode & 07777);
}

base::Result<void> SysFchmodat(Task& task, base::Fd directory, UserCString path, uint32_t mode) {
  return SysFchmodat2(task, directory, path, mode, 0);
}

base::Result<void> SysFchmodat2(Task& task, base::Fd directory, UserCString path, uint32_t mode, int32_t flags) {
  if ((flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) != 0) return base::Errno(EINVAL);
  return vfs::ChangeMode(task, TRY(ResolveAt(task, directory, path, flags)), mode & 07777);
}

base::Result<void> SysChown(Task& task, UserCString path, base::Uid uid, base::Gid gid) {
  return SysFchownat(task, base::Fd(AT_FDCWD), path, uid, gid, 0);
}

base::Result<void> SysLchown(Task& task, UserCString path, base::Uid uid, base::Gid gid) {
  return SysFchownat(task, base::Fd(AT_FDCWD), path, uid, gid, AT_SYMLINK_NOFOLLOW);
}

base::Result<void> SysFchown(Task& task, base::Fd fd, base::Uid uid, base::Gid gid) {
  return ChangeOwner(task, TRY(OpenFile(task, fd))->path(), uid, gid);
}

base::Result<void> SysFchownat(Task& task, base::Fd directory, UserCString path, base::Uid uid, base::Gid gid,
                               int32_t flags) {
  if ((flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) != 0) return base::Errno(EINVAL);
  return ChangeOwner(task, TRY(ResolveAt(task, directory, path, flags)), uid, gid);
}

base::Result<void> SysTruncate(Task& task, UserCString path, int64_t size) {
  if (size < 0) return base::Errno(EINVAL);
  return Signalled(task, size, vfs::Truncate(task, TRY(ResolveAt(task, base::Fd(AT_FDCWD), path, 0)), size));
}

base::Result<void> SysFtruncate(Task& task, base::Fd fd, int64_t size) {
  if (size < 0) return base::Errno(EINVAL);
  return Signalled(task, size, vfs::TruncateDescription(task, *TRY(OpenFile(task, fd)), size));
}

base::Result<void> SysUtime(Task& task, UserCString path, sentry::UserIn<int64_t> times) {
  Times change{{vfs::TimeChange::Kind::kNow, {}}, {vfs::TimeChange::Kind::kNow, {}}};
  if (!times.is_null()) {
    change.access = {vfs::TimeChange::Kind::kSet, {TRY(times.Read(task.user_memory(), 0)), 0}};
    change.modify = {vfs::TimeChange::Kind::kSet, {TRY(times.Read(task.user_memory(), 1)), 0}};
  }
  return vfs::SetTimes(task, TRY(ResolveAt(task, base::Fd(AT_FDCWD), path, 0)), change.access, change.modify);
}

base::Result<void> SysUtimes(Task& task, UserCString path, sentry::UserIn<base::abi::Timeval> times) {
  return SysFutimesat(task, base::Fd(AT_FDCWD), path, times);
}

base::Result<void> SysFutimesat(Task& task, base::Fd directory, UserCString path,
                                sentry::UserIn<base::abi::Timeval> times) {
  Times change = TRY(FromTimevals(task, times));
  // A null path is the descriptor itself.
  vfs::Path target = path.is_null() ? TRY(OpenFile(task, directory))->path() : TRY(ResolveAt(task, directory, path, 0));
  return vfs::SetTimes(task, target, change.access, change.modify);
}

base::Result<void> SysUtimensat(Task& task, base::Fd directory, UserCString path,
                                sentry::UserIn<base::abi::Timespec> times, int32_t flags) {
  Times change{{vfs::TimeChange::Kind::kNow, {}}, {vfs::TimeChange::Kind::kNow, {}}};
  if (!times.is_null()) {
    change.access = TRY(FromTimespec(task, times, 0));
    change.modify = TRY(FromTimespec(task, times, 1));
    // Nothing to change: not even the path is looked at.
    if (change.access.kind == vfs::TimeChange::Kind::kOmit && change.modify.kind == vfs::TimeChange::Kind::kOmit) {
      return {};
    }
  }
  vfs::Path target;
  if (path.is_null() && directory.value() != AT_FDCWD) {
    if (flags != 0) return base::Errno(EINVAL);
    target = TRY(OpenFile(task, directory))->path();
  } else {
    if ((flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) != 0) return base::Errno(EINVAL);
    target = TRY(ResolveAt(task, directory, path, flags));
  }
  return vfs::SetTimes(task, target, change.access, change.modify);
}

base::Result<void> SysFsync(Task& task, base::Fd fd) { return TRY(OpenFile(task, fd))->Sync(task, false); }

base::Result<void> SysFdatasync(Task& task, base::Fd fd) { return TRY(OpenFile(task, fd))->Sync(task, true); }

base::Result<void> SysSync(Task& task) {
  // Errors have nowhere to go (sync(2)).
  task.container().mounts->SyncAll(task);
  return {};
}

base::Result<void> SysSyncFileRange(Task& task, base::Fd fd, int64_t offset, int64_t length, uint32_t flags) {
  constexpr uint32_t kWaits = SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WAIT_AFTER;
  base::RefPtr<vfs::FileDescription> file = TRY(task.GetFile(fd));
  if (file->is_path_only()) return base::Errno(EBADF);
  int64_t end = 0;
  if ((flags & ~(kWaits | SYNC_FILE_RANGE_WRITE)) != 0) return base::Errno(EINVAL);
  if (offset < 0 || length < 0 || __builtin_add_overflow(offset, length, &end)) return base::Errno(EINVAL);
  vfs::Inode& inode = file->inode();
  if (!inode.is_regular() && !inode.is_directory() && inode.type() != S_IFBLK) return base::Errno(ESPIPE);
  // Only to begin writing is a hint.
  if ((flags & kWaits) == 0 || !inode.is_regular()) return {};
  return file->Sync(task, true);
}

base::Result<void> SysReadahead(Task& task, base::Fd fd, int64_t, uint64_t) {
  base::RefPtr<vfs::FileDescription> file = TRY(task.GetFile(fd));
  if (!file->readable()) return base::Errno(EBADF);
  if (!file->inode().is_regular() && file->inode().type() != S_IFBLK) return base::Errno(EINVAL);
  return {};
}

base::Result<void> SysSyncfs(Task& task, base::Fd fd) {
  return TRY(OpenFile(task, fd))->inode().filesystem().Sync(task);
}

base::Result<void> SysFallocate(Task& task, base::Fd fd, int32_t mode, int64_t offset, int64_t length) {
  base::RefPtr<vfs::FileDescription> file = TRY(OpenFile(task, fd));
  if (offset < 0 || length <= 0) return base::Errno(EINVAL);
  if (!file->writable()) return base::Errno(EBADF);
  if (S_ISFIFO(file->inode().type())) return base::Errno(ESPIPE);
  if (file->inode().is_directory()) return base::Errno(EISDIR);
  if (!file->inode().is_regular()) return base::Errno(ENODEV);
  int64_t end = 0;
  if (__builtin_add_overflow(offset, length, &end)) return base::Errno(EFBIG);
  return Signalled(task, end, file->Allocate(task, mode, offset, length));
}

base::Result<void> SysFadvise64(Task& task, base::Fd fd, int64_t, int64_t length, int32_t advice) {
  base::RefPtr<vfs::FileDescription> file = TRY(OpenFile(task, fd));
  if (S_ISFIFO(file->inode().type())) return base::Errno(ESPIPE);
  if (length < 0 || advice < POSIX_FADV_NORMAL || advice > POSIX_FADV_NOREUSE) return base::Errno(EINVAL);
  // The advice is about the host's page cache; the host sees the accesses themselves.
  return {};
}

}  // namespace syscalls
