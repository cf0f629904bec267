// SPDX-License-Identifier: Apache-2.0
#include "syscalls/sys_rw.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>

#include "base/clock.h"
#include "sentry/mm/guest_io_sequence.h"
#include "sentry/mm/memory_manager.h"
#include "syscalls/socket_io.h"
#include "syscalls/transfer.h"
#include "vfs/file_description.h"

namespace syscalls {
namespace {

using sentry::GuestIoSequence;

// Flags of preadv2(2): hints, and what must be honoured.
constexpr int kRwfHipri = 0x1;
constexpr int kRwfDsync = 0x2;
constexpr int kRwfSync = 0x4;
constexpr int kRwfNowait = 0x8;

bool Nonblocking(const vfs::FileDescription& file, int rwf_flags = 0) {
  return (file.flags() & O_NONBLOCK) != 0 || (rwf_flags & kRwfNowait) != 0;
}

base::SysResult<uint64_t> Read(Task& task, const File& file, GuestIoSequence to) {
  if (file->kind() == vfs::FileKind::kSocket) return ReadSocket(task, *file, to);
  uint64_t count =
      TRY(task.BlockingOp(*file, POLLIN, Nonblocking(*file), base::kForever, [&] { return file->TryRead(task, to); }));
  return Told(*file, count, IN_ACCESS);
}

base::SysResult<uint64_t> Write(Task& task, const File& file, GuestIoSequence from) {
  if (file->kind() == vfs::FileKind::kSocket) return WriteSocket(task, *file, from);
  uint64_t count = TRY(WriteFully(task, *file, from, Nonblocking(*file), [&] { return file->TryWrite(task, from); }));
  return Told(*file, count, IN_MODIFY);
}

base::SysResult<uint64_t> ReadAt(Task& task, const File& file, GuestIoSequence to, int64_t offset) {
  uint64_t count = TRY(task.BlockingOp(*file, POLLIN, Nonblocking(*file), base::kForever,
                                       [&] { return file->TryReadAt(task, to, offset); }));
  return Told(*file, count, IN_ACCESS);
}

base::SysResult<uint64_t> WriteAt(Task& task, const File& file, GuestIoSequence from, int64_t offset) {
  uint64_t count =
      TRY(WriteFully(task, *file, from, Nonblocking(*file), [&] { return file->TryWriteAt(task, from, offset); }));
  return Told(*file, count, IN_MODIFY);
}

base::Result<GuestIoSequence> Buffer(Task& task, base::GuestAddr buffer, uint64_t count) {
  // No buffer of that size lies in the address space.
  if (static_cast<int64_t>(count) < 0) return base::Errno(EFAULT);
  return GuestIoSequence::Create(task.memory().memory(), {buffer, count});
}

base::Result<GuestIoSequence> Vector(Task& task, Iovecs vector, uint64_t count) {
  return GuestIoSequence::Create(task.memory().memory(), vector, count);
}

}  // namespace

base::SysResult<uint64_t> SysRead(Task& task, base::Fd fd, base::GuestAddr buffer, uint64_t count) {
  File file = TRY(ReadableFile(task, fd));
  return Read(task, file, TRY(Buffer(task, buffer, count)));
}

base::SysResult<uint64_t> SysWrite(Task& task, base::Fd fd, base::GuestAddr buffer, uint64_t count) {
  File file = TRY(WritableFile(task, fd));
  return Write(task, file, TRY(Buffer(task, buffer, count)));
}

base::SysResult<uint64_t> SysPread64(Task& task, base::Fd fd, base::GuestAddr buffer, uint64_t count, int64_t offset) {
  if (offset < 0) return base::Errno(EINVAL);
  File file = TRY(ReadableFile(task, fd));
  return ReadAt(task, file, TRY(Buffer(task, buffer, count)), offset);
}

base::SysResult<uint64_t> SysPwrite64(Task& task, base::Fd fd, base::GuestAddr buffer, uint64_t count, int64_t offset) {
  if (offset < 0) return base::Errno(EINVAL);
  File file = TRY(WritableFile(task, fd));
  return WriteAt(task, file, TRY(Buffer(task, buffer, count)), offset);
}

base::SysResult<uint64_t> SysReadv(Task& task, base::Fd fd, Iovecs vector, uint64_t count) {
  File file = TRY(ReadableFile(task, fd));
  return Read(task, file, TRY(Vector(task, vector, count)));
}

base::SysResult<uint64_t> SysWritev(Task& task, base::Fd fd, Iovecs vector, uint64_t count) {
  File file = TRY(WritableFile(task, fd));
  return Write(task, file, TRY(Vector(task, vector, count)));
}

base::SysResult<uint64_t> SysPreadv(Task& task, base::Fd fd, Iovecs vector, uint64_t count, int64_t offset) {
  if (offset < 0) return base::Errno(EINVAL);
  File file = TRY(ReadableFile(task, fd));
  return ReadAt(task, file, TRY(Vector(task, vector, count)), offset);
}

base::SysResult<uint64_t> SysPwritev(Task& task, base::Fd fd, Iovecs vector, uint64_t count, int64_t offset) {
  if (offset < 0) return base::Errno(EINVAL);
  File file = TRY(WritableFile(task, fd));
  return WriteAt(task, file, TRY(Vector(task, vector, count)), offset);
}

base::SysResult<uint64_t> SysPreadv2(Task& task, base::Fd fd, Iovecs vector, uint64_t count, int64_t offset, uint64_t,
                                     int32_t flags) {
  if (offset < -1) return base::Errno(EINVAL);
  File file = TRY(ReadableFile(task, fd));
  GuestIoSequence to = TRY(Vector(task, vector, count));
  if ((flags & ~(kRwfHipri | kRwfDsync | kRwfSync | kRwfNowait)) != 0) return base::Errno(EOPNOTSUPP);
  bool nonblocking = Nonblocking(*file, flags);
  return TRY(task.BlockingOp(*file, POLLIN, nonblocking, base::kForever, [&] {
    return offset == -1 ? file->TryRead(task, to) : file->TryReadAt(task, to, offset);
  }));
}

base::SysResult<uint64_t> SysPwritev2(Task& task, base::Fd fd, Iovecs vector, uint64_t count, int64_t offset, uint64_t,
                                      int32_t flags) {
  if (offset < -1) return base::Errno(EINVAL);
  File file = TRY(WritableFile(task, fd));
  GuestIoSequence from = TRY(Vector(task, vector, count));
  if ((flags & ~(kRwfHipri | kRwfDsync | kRwfSync | kRwfNowait)) != 0) return base::Errno(EOPNOTSUPP);
  uint64_t written = TRY(WriteFully(task, *file, from, Nonblocking(*file, flags), [&] {
    return offset == -1 ? file->TryWrite(task, from) : file->TryWriteAt(task, from, offset);
  }));
  if ((flags & (kRwfDsync | kRwfSync)) != 0) TRY(file->Sync(task, (flags & kRwfSync) == 0));
  return written;
}

base::Result<int64_t> SysLseek(Task& task, base::Fd fd, int64_t offset, int32_t whence) {
  File file = TRY(task.GetFile(fd));
  if (file->is_path_only()) return base::Errno(EBADF);
  if (whence < SEEK_SET || whence > SEEK_HOLE) return base::Errno(EINVAL);
  return file->Seek(task, offset, whence);
}

}  // namespace syscalls
