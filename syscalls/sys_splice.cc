// SPDX-License-Identifier: Apache-2.0
// Bytes from file to file within the kernel, through a buffer. What was read and finds no place is not lost: of a pipe
// it is put back, of a file the offset does not move.
#include "syscalls/sys_splice.h"

#include <sys/inotify.h>
#include <sys/stat.h>

#include <algorithm>
#include <memory>
#include <new>
#include <optional>

#include "sentry/mm/guest_io_sequence.h"
#include "sentry/mm/memory_manager.h"
#include "syscalls/transfer.h"
#include "vfs/dentry.h"
#include "vfs/inode.h"
#include "vfs/pipe/pipe.h"

namespace syscalls {
namespace {

constexpr size_t kChunk = 64 * 1024;
constexpr uint32_t kSpliceNonblock = 0x2;
constexpr uint32_t kSpliceAll = 0xf;

class Buffer {
 public:
  static base::Result<Buffer> Create(uint64_t wanted) {
    size_t size = std::max<size_t>(1, std::min<uint64_t>(wanted, kChunk));
    std::unique_ptr<std::byte[]> bytes(new (std::nothrow) std::byte[size]);
    if (bytes == nullptr) return base::Errno(ENOMEM);
    return Buffer(std::move(bytes), size);
  }
  std::span<std::byte> first(uint64_t count) const { return {bytes_.get(), std::min<uint64_t>(count, size_)}; }

 private:
  Buffer(std::unique_ptr<std::byte[]> bytes, size_t size) : bytes_(std::move(bytes)), size_(size) {}
  std::unique_ptr<std::byte[]> bytes_;
  size_t size_;
};

// Where one side of a transfer is: at an offset of the caller's, or at the file's own.
class Position {
 public:
  // `user`: null for the file's own. EFAULT, EINVAL.
  static base::Result<Position> Create(Task& task, vfs::FileDescription& file, UserOffset user) {
    std::optional<int64_t> offset;
    if (!user.is_null()) {
      offset = TRY(user.Read(task.user_memory()));
      if (*offset < 0) return base::Errno(EINVAL);
    }
    return Position(file, user, offset);
  }
  bool own() const { return !offset_.has_value(); }
  // Asked of the file, not of what we know of it: an inherited file has its offset on the host.
  base::Result<int64_t> Now(Task& task) const { return offset_ ? *offset_ : file_.Seek(task, 0, SEEK_CUR); }
  // Reads without moving on; Advance does that once the bytes have found a place.
  base::Result<size_t> Read(Task& task, vfs::IoSequence& to) {
    if (file_.wait_queue() != nullptr) return file_.TryRead(task, to);
    return file_.TryReadAt(task, to, TRY(Now(task)));
  }
  base::Result<size_t> Write(Task& task, vfs::IoSequence& from) {
    return own() ? file_.TryWrite(task, from) : file_.TryWriteAt(task, from, *offset_);
  }
  // After `count` bytes. A write at the file's own offset has moved it.
  base::Result<void> AdvanceRead(Task& task, size_t count) {
    if (!own()) {
      *offset_ += static_cast<int64_t>(count);
    } else if (file_.wait_queue() == nullptr) {
      TRY(file_.Seek(task, static_cast<int64_t>(count), SEEK_CUR));
    }
    return {};
  }
  void AdvanceWrite(size_t count) {
    if (!own()) *offset_ += static_cast<int64_t>(count);
  }
  base::Result<void> Store(Task& task) const {
    if (own()) return {};
    return user_.Write(task.user_memory(), *offset_);
  }

 private:
  Position(vfs::FileDescription& file, UserOffset user, std::optional<int64_t> offset)
      : file_(file), user_(user), offset_(offset) {}
  vfs::FileDescription& file_;
  UserOffset user_;
  std::optional<int64_t> offset_;
};

// Waits until the pipe has bytes: how many; 0 at its end.
base::SysResult<size_t> WaitForBytes(Task& task, vfs::FileDescription& file, bool nonblocking) {
  return task.BlockingOp(file, POLLIN, nonblocking, base::kForever, [&]() -> base::Result<size_t> {
    bool writers = file.pipe()->has_writers();
    size_t bytes = file.pipe()->readable_bytes();
    if (bytes == 0 && writers) return base::Errno(EAGAIN);
    return bytes;
  });
}

// Waits until the pipe has room: how much. EPIPE, and SIGPIPE.
base::SysResult<size_t> WaitForRoom(Task& task, vfs::FileDescription& file, bool nonblocking) {
  auto room = task.BlockingOp(file, POLLOUT, nonblocking, base::kForever, [&]() -> base::Result<size_t> {
    if (!file.pipe()->has_readers()) return base::Errno(EPIPE);
    size_t bytes = file.pipe()->writable_bytes();
    if (bytes == 0) return base::Errno(EAGAIN);
    return bytes;
  });
  if (!room.ok() && !room.error().is_restart()) RaiseForWrite(task, room.error().error());
  return room;
}

base::SysResult<uint64_t> PipeToPipe(Task& task, vfs::FileDescription& in, vfs::FileDescription& out, uint64_t length,
                                     bool nonblocking) {
  while (true) {
    size_t room = TRY(WaitForRoom(task, out, nonblocking));
    size_t available = TRY(WaitForBytes(task, in, nonblocking));
    if (available == 0) return uint64_t{0};
    Buffer buffer = TRY(Buffer::Create(std::min<uint64_t>({length, available, room})));
    vfs::BufferSequence to(buffer.first(length));
    base::Result<size_t> taken = in.pipe()->TryRead(to);
    if (!taken.ok() && taken.error().code() == EAGAIN) continue;  // Somebody else was quicker.
    if (!taken.ok() || *taken == 0) return taken;
    base::Result<void> added = out.pipe()->Append(buffer.first(*taken));
    if (added.ok()) return *taken;
    TRY(in.pipe()->PutBack(buffer.first(*taken)));
    RaiseForWrite(task, added.error());
    return added.error();
  }
}

base::SysResult<uint64_t> PipeToFile(Task& task, vfs::FileDescription& in, vfs::FileDescription& out,
                                     Position& position, uint64_t length, bool nonblocking) {
  uint64_t moved = 0;
  while (moved < length) {
    // Once something was moved, only what is there already.
    auto available = WaitForBytes(task, in, nonblocking || IsNonblocking(in) || moved > 0);
    if (!available.ok() && moved > 0) break;
    if (!available.ok() || *available == 0) return available.ok() ? moved : available;
    Buffer buffer = TRY(Buffer::Create(std::min<uint64_t>(length - moved, *available)));
    vfs::BufferSequence to(buffer.first(length - moved));
    base::Result<size_t> taken = in.pipe()->TryRead(to);
    if (!taken.ok() && taken.error().code() == EAGAIN) continue;
    if (!taken.ok() || *taken == 0) break;
    vfs::BufferSequence from(buffer.first(*taken));
    auto put =
        WriteFully(task, out, from, nonblocking || IsNonblocking(out), [&] { return position.Write(task, from); });
    size_t done = put.ok() ? *put : 0;
    if (done < *taken) TRY(in.pipe()->PutBack(buffer.first(*taken).subspan(done)));
    position.AdvanceWrite(done);
    moved += done;
    if (!put.ok() && moved == 0) return put;
    if (done < *taken) break;
  }
  return Told(out, moved, IN_MODIFY);
}

base::SysResult<uint64_t> FileToPipe(Task& task, vfs::FileDescription& in, Position& position,
                                     vfs::FileDescription& out, uint64_t length, bool nonblocking) {
  size_t room = TRY(WaitForRoom(task, out, nonblocking || IsNonblocking(out)));
  Buffer buffer = TRY(Buffer::Create(std::min<uint64_t>(length, room)));
  vfs::BufferSequence to(buffer.first(length));
  size_t taken = TRY(task.BlockingOp(in, POLLIN, nonblocking || IsNonblocking(in), base::kForever,
                                     [&] { return position.Read(task, to); }));
  if (taken == 0) return uint64_t{0};
  base::Result<void> added = out.pipe()->Append(buffer.first(taken));
  if (!added.ok()) {
    RaiseForWrite(task, added.error());
    return added.error();
  }
  TRY(position.AdvanceRead(task, taken));
  return Told(in, taken, IN_ACCESS);
}

// From a file, at its own or another offset, to a file that is no pipe.
base::SysResult<uint64_t> FileToFile(Task& task, vfs::FileDescription& in, Position& from_position,
                                     vfs::FileDescription& out, Position& to_position, uint64_t length) {
  Buffer buffer = TRY(Buffer::Create(length));
  uint64_t moved = 0;
  base::SysResult<uint64_t> outcome = uint64_t{0};
  while (moved < length) {
    vfs::BufferSequence to(buffer.first(length - moved));
    auto taken =
        task.BlockingOp(in, POLLIN, IsNonblocking(in), base::kForever, [&] { return from_position.Read(task, to); });
    if (!taken.ok()) outcome = taken.error();
    if (!taken.ok() || *taken == 0) break;
    vfs::BufferSequence from(buffer.first(*taken));
    auto put = WriteFully(task, out, from, IsNonblocking(out), [&] { return to_position.Write(task, from); });
    if (!put.ok()) {
      outcome = put.error();
      break;
    }
    TRY(from_position.AdvanceRead(task, *put));
    to_position.AdvanceWrite(*put);
    moved += *put;
    if (*put < *taken) break;
  }
  Told(in, moved, IN_ACCESS);
  Told(out, moved, IN_MODIFY);
  if (moved == 0 && !outcome.ok()) return outcome;
  return moved;
}

// Whether reads at an offset are possible: what a pipe, a socket or a terminal does not do.
bool IsSeekable(const vfs::FileDescription& file) { return file.wait_queue() == nullptr; }

}  // namespace

base::SysResult<uint64_t> SysSendfile(Task& task, base::Fd out, base::Fd in, UserOffset offset, uint64_t count) {
  if (!offset.is_null()) TRY(offset.Read(task.user_memory()));
  File source = TRY(ReadableFile(task, in));
  if (!offset.is_null() && !IsSeekable(*source)) return base::Errno(ESPIPE);
  File target = TRY(WritableFile(task, out));
  Position from = TRY(Position::Create(task, *source, offset));
  if ((target->flags() & O_APPEND) != 0 || !IsSeekable(*source)) return base::Errno(EINVAL);
  if (source->inode().is_directory()) return base::Errno(EINVAL);
  count = std::min<uint64_t>(count, base::abi::kMaxTransfer);
  if (count == 0) return uint64_t{0};
  Position to = TRY(Position::Create(task, *target, UserOffset()));
  base::SysResult<uint64_t> sent = FileToFile(task, *source, from, *target, to, count);
  TRY(from.Store(task));
  return sent;
}

base::SysResult<uint64_t> SysSplice(Task& task, base::Fd in, UserOffset in_offset, base::Fd out, UserOffset out_offset,
                                    uint64_t length, uint32_t flags) {
  if (length == 0) return uint64_t{0};
  if ((flags & ~kSpliceAll) != 0) return base::Errno(EINVAL);
  File source = TRY(task.GetFile(in));
  File target = TRY(task.GetFile(out));
  bool from_pipe = source->pipe() != nullptr, to_pipe = target->pipe() != nullptr;
  if ((from_pipe && !in_offset.is_null()) || (to_pipe && !out_offset.is_null())) return base::Errno(ESPIPE);
  Position from = TRY(Position::Create(task, *source, in_offset));
  Position to = TRY(Position::Create(task, *target, out_offset));
  if (!source->readable() || !target->writable()) return base::Errno(EBADF);
  length = std::min<uint64_t>(length, base::abi::kMaxTransfer);
  bool nonblocking = (flags & kSpliceNonblock) != 0;
  if (from_pipe && to_pipe) {
    if (source->pipe() == target->pipe()) return base::Errno(EINVAL);
    nonblocking |= IsNonblocking(*source) || IsNonblocking(*target);
    return PipeToPipe(task, *source, *target, length, nonblocking);
  }
  base::SysResult<uint64_t> moved = base::Errno(EINVAL);
  if (from_pipe) {
    if (!to.own() && !IsSeekable(*target)) return base::Errno(EINVAL);
    if ((target->flags() & O_APPEND) != 0) return base::Errno(EINVAL);
    moved = PipeToFile(task, *source, *target, to, length, nonblocking);
  } else if (to_pipe) {
    if (!from.own() && !IsSeekable(*source)) return base::Errno(EINVAL);
    if (source->inode().is_directory()) return base::Errno(EINVAL);
    moved = FileToPipe(task, *source, from, *target, length, nonblocking);
  }
  if (moved.ok()) {
    TRY(from.Store(task));
    TRY(to.Store(task));
  }
  return moved;
}

base::SysResult<uint64_t> SysTee(Task& task, base::Fd in, base::Fd out, uint64_t length, uint32_t flags) {
  if ((flags & ~kSpliceAll) != 0) return base::Errno(EINVAL);
  if (length == 0) return uint64_t{0};
  File source = TRY(task.GetFile(in));
  File target = TRY(task.GetFile(out));
  if (!source->readable() || !target->writable()) return base::Errno(EBADF);
  if (source->pipe() == nullptr || target->pipe() == nullptr || source->pipe() == target->pipe()) {
    return base::Errno(EINVAL);
  }
  bool nonblocking = (flags & kSpliceNonblock) != 0 || IsNonblocking(*source) || IsNonblocking(*target);
  size_t available = TRY(WaitForBytes(task, *source, nonblocking));
  if (available == 0) return uint64_t{0};
  size_t room = TRY(WaitForRoom(task, *target, nonblocking));
  Buffer buffer = TRY(Buffer::Create(std::min<uint64_t>({length, available, room})));
  size_t copied = source->pipe()->Peek(buffer.first(length));
  base::Result<void> added = target->pipe()->Append(buffer.first(copied));
  if (added.ok()) return copied;
  RaiseForWrite(task, added.error());
  return added.error();
}

base::SysResult<uint64_t> SysVmsplice(Task& task, base::Fd fd, sentry::UserIn<base::abi::Iovec> vector, uint64_t count,
                                      uint32_t flags) {
  if ((flags & ~kSpliceAll) != 0) return base::Errno(EINVAL);
  File file = TRY(task.GetFile(fd));
  if (!file->readable() && !file->writable()) return base::Errno(EBADF);
  sentry::GuestIoSequence memory = TRY(sentry::GuestIoSequence::Create(task.memory().memory(), vector, count));
  if (file->pipe() == nullptr) return base::Errno(EBADF);
  if (memory.remaining() == 0) return uint64_t{0};
  // Of the pipe's own flag vmsplice knows nothing.
  bool nonblocking = (flags & kSpliceNonblock) != 0;
  if (!file->writable()) {
    TRY(WaitForBytes(task, *file, nonblocking));
    return task.BlockingOp(*file, POLLIN, nonblocking, base::kForever, [&] { return file->TryRead(task, memory); });
  }
  size_t room = TRY(WaitForRoom(task, *file, nonblocking));
  memory.Truncate(std::min(room, memory.remaining()));
  auto written =
      task.BlockingOp(*file, POLLOUT, nonblocking, base::kForever, [&] { return file->TryWrite(task, memory); });
  if (!written.ok() && !written.error().is_restart()) RaiseForWrite(task, written.error().error());
  return written;
}

base::SysResult<uint64_t> SysCopyFileRange(Task& task, base::Fd in, UserOffset in_offset, base::Fd out,
                                           UserOffset out_offset, uint64_t length, uint32_t flags) {
  File source = TRY(task.GetFile(in));
  File target = TRY(task.GetFile(out));
  Position from = TRY(Position::Create(task, *source, in_offset));
  Position to = TRY(Position::Create(task, *target, out_offset));
  if (flags != 0) return base::Errno(EINVAL);
  vfs::Inode& source_inode = source->inode();
  vfs::Inode& target_inode = target->inode();
  if (source_inode.is_directory() || target_inode.is_directory()) return base::Errno(EISDIR);
  if (!source_inode.is_regular() || !target_inode.is_regular()) return base::Errno(EINVAL);
  if (!source->readable() || !target->writable() || (target->flags() & O_APPEND) != 0) return base::Errno(EBADF);
  if (&source_inode.filesystem() != &target_inode.filesystem()) return base::Errno(EXDEV);
  length = std::min<uint64_t>(length, base::abi::kMaxTransfer);
  int64_t from_at = TRY(from.Now(task));
  int64_t to_at = TRY(to.Now(task));
  int64_t from_end = 0, to_end = 0;
  if (__builtin_add_overflow(from_at, static_cast<int64_t>(length), &from_end) ||
      __builtin_add_overflow(to_at, static_cast<int64_t>(length), &to_end)) {
    return base::Errno(EOVERFLOW);
  }
  if (&source_inode == &target_inode && from_at < to_end && to_at < from_end) {
    // Only as far as the file goes.
    auto size = static_cast<int64_t>(TRY(source->Stat(task)).size);
    int64_t real = std::max<int64_t>(0, std::min<int64_t>(static_cast<int64_t>(length), size - from_at));
    if (from_at < to_at + real && to_at < from_at + real) return base::Errno(EINVAL);
  }
  if (length == 0) return uint64_t{0};
  base::SysResult<uint64_t> copied = FileToFile(task, *source, from, *target, to, length);
  if (copied.ok()) {
    TRY(from.Store(task));
    TRY(to.Store(task));
  }
  return copied;
}

}  // namespace syscalls
