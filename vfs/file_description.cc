// SPDX-License-Identifier: Apache-2.0
#include "vfs/file_description.h"

#include <fcntl.h>
#include <poll.h>

#include <utility>

#include "vfs/dentry.h"
#include "vfs/epoll/epoll.h"
#include "vfs/inotify/notify.h"
#include "vfs/lock/file_lock.h"
#include "vfs/mount.h"
#include "vfs/operations.h"
#include "vfs/permission.h"

namespace vfs {
namespace {

constexpr int kSettable = O_APPEND | O_NONBLOCK | O_DIRECT | O_NOATIME | O_ASYNC;

}  // namespace

constinit base::LockClass FileDescription::kOffsetLock{"FileDescription::offset_mutex_"};

FileDescription::FileDescription(Path path, int flags)
    : offset_mutex_(kOffsetLock), path_(std::move(path)), flags_(flags & ~O_NOCTTY) {}

FileDescription::~FileDescription() {
  if (!holds_writer_) return;
  inode().RemoveWriter();
  path_.mount->RemoveWriter();
}

void FileDescription::LastReferenceGone() {
  if (watched_.load(std::memory_order_acquire)) Epoll::Forget(*this);
  if (tells_close_) NotifyClose(*this);
  if (may_hold_locks_.load(std::memory_order_relaxed)) FileLocks::ReleaseDescription(*this);
  delete this;
}

Inode& FileDescription::inode() const { return *path_.dentry->inode(); }

int64_t FileDescription::offset() const {
  base::MutexLock lock(offset_mutex_);
  return offset_;
}

bool FileDescription::readable() const {
  int flags = this->flags();
  return (flags & O_PATH) == 0 && (flags & O_ACCMODE) != O_WRONLY;
}

bool FileDescription::writable() const {
  int flags = this->flags();
  return (flags & O_PATH) == 0 && (flags & O_ACCMODE) != O_RDONLY;
}

bool FileDescription::is_path_only() const { return (flags() & O_PATH) != 0; }

base::Result<void> FileDescription::TryFinishOpen(Context&) { return {}; }

base::Result<void> FileDescription::SetStatusFlags(Context& context, int flags) {
  if ((flags & ~this->flags() & O_NOATIME) != 0 &&
      !IsOwnerOrCapable(context.credentials(), TRY(inode().GetOwnership(context)))) {
    return base::Errno(EPERM);
  }
  if ((flags & O_DIRECT) != 0 && !SupportsDirect()) return base::Errno(EINVAL);
  ReplaceStatusFlags(flags);
  return {};
}

void FileDescription::ReplaceStatusFlags(int flags) {
  int old = flags_.load(std::memory_order_relaxed);
  while (!flags_.compare_exchange_weak(old, (old & ~kSettable) | (flags & kSettable), std::memory_order_relaxed)) {
  }
}

base::Result<size_t> FileDescription::TryRead(Context& context, IoSequence& to) {
  base::MutexLock lock(offset_mutex_);
  size_t count = TRY(TryReadAt(context, to, offset_));
  offset_ += static_cast<int64_t>(count);
  return count;
}

base::Result<size_t> FileDescription::TryWrite(Context& context, IoSequence& from) {
  base::MutexLock lock(offset_mutex_);
  if ((flags() & O_APPEND) != 0) return TryAppend(context, from, offset_);
  size_t count = TRY(TryWriteAt(context, from, offset_));
  offset_ += static_cast<int64_t>(count);
  return count;
}

base::Result<size_t> FileDescription::TryAppend(Context& context, IoSequence& from, int64_t& end) {
  auto size = static_cast<int64_t>(TRY(Stat(context)).size);
  size_t count = TRY(TryWriteAt(context, from, size));
  end = size + static_cast<int64_t>(count);
  return count;
}

base::Result<size_t> FileDescription::TryReadAt(Context&, IoSequence&, int64_t) {
  return base::Errno(inode().is_directory() ? EISDIR : ESPIPE);
}
base::Result<size_t> FileDescription::TryWriteAt(Context&, IoSequence&, int64_t) { return base::Errno(ESPIPE); }
base::Result<int64_t> FileDescription::Seek(Context&, int64_t, int) { return base::Errno(ESPIPE); }
base::Result<void> FileDescription::ReadDirectory(Context&, DirectorySink&) { return base::Errno(ENOTDIR); }

base::EventMask FileDescription::Readiness() { return POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM; }

base::Result<Attributes> FileDescription::Stat(Context& context) { return StatPath(context, path_); }

base::Result<void> FileDescription::SetAttributes(Context& context, const AttributeChange& change) {
  return inode().SetAttributes(context, change);
}

base::Result<FilesystemStatus> FileDescription::StatFilesystem(Context& context) {
  return vfs::StatFilesystem(context, path_);
}

base::Result<void> FileDescription::Sync(Context&, bool) { return base::Errno(EINVAL); }
base::Result<void> FileDescription::Allocate(Context&, int, int64_t, int64_t) {
  // fallocate(2) tells what can never be allocated from what merely is not.
  switch (inode().type()) {
    case S_IFIFO:
      return base::Errno(ESPIPE);
    case S_IFDIR:
      return base::Errno(EISDIR);
    case S_IFREG:
      return base::Errno(EOPNOTSUPP);
    default:
      return base::Errno(ENODEV);
  }
}
base::Result<uint64_t> FileDescription::Ioctl(Context&, uint32_t, uint64_t) { return base::Errno(ENOTTY); }
base::Result<uint64_t> FileDescription::Control(Context&, int command, uint64_t) {
  // Only pipes have a size.
  if (command == F_GETPIPE_SZ || command == F_SETPIPE_SZ) return base::Errno(EBADF);
  return base::Errno(EINVAL);
}

base::Result<base::RefPtr<Mappable>> FileDescription::Map(Context&, bool, bool) { return base::Errno(ENODEV); }
base::Result<void> FileDescription::Flush(Context&) { return {}; }

base::Result<int64_t> FileDescription::SeekWithin(int64_t offset, int whence, int64_t size, int64_t limit) {
  base::MutexLock lock(offset_mutex_);
  int64_t origin = 0;
  switch (whence) {
    case SEEK_SET:
      break;
    case SEEK_CUR:
      // Tells the position without moving, as Linux does.
      if (offset == 0) return offset_;
      origin = offset_;
      break;
    case SEEK_END:
      origin = size;
      break;
    // Without knowledge of holes the file is one piece of data, with a hole at its end.
    case SEEK_DATA:
    case SEEK_HOLE:
      if (offset < 0 || offset >= size) return base::Errno(ENXIO);
      offset_ = whence == SEEK_DATA ? offset : size;
      return offset_;
    default:
      return base::Errno(EINVAL);
  }
  int64_t target = 0;
  if (__builtin_add_overflow(origin, offset, &target)) return base::Errno(origin > 0 ? EOVERFLOW : EINVAL);
  if (target < 0 || target > limit) return base::Errno(EINVAL);
  offset_ = target;
  return target;
}

}  // namespace vfs
