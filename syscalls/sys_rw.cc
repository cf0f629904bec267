// SPDX-License-Identifier: Apache-2.0
#include "syscalls/sys_rw.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>

#include <algorithm>
#include <memory>
#include <new>

#include "base/clock.h"
#include "sentry/mm/guest_io_sequence.h"
#include "sentry/mm/memory_manager.h"
#include "sentry/task/thread_group.h"
#include "syscalls/socket_io.h"
#include "vfs/file_description.h"

namespace syscalls {
namespace {

using sentry::GuestIoSequence;
using File = base::RefPtr<vfs::FileDescription>;

// Flags of preadv2(2): hints, and what must be honoured.
constexpr int kRwfHipri = 0x1;
constexpr int kRwfDsync = 0x2;
constexpr int kRwfSync = 0x4;
constexpr int kRwfNowait = 0x8;

// One step of sendfile(2).
constexpr size_t kSendfileChunk = 64 * 1024;

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

bool Nonblocking(const vfs::FileDescription& file, int rwf_flags = 0) {
  return (file.flags() & O_NONBLOCK) != 0 || (rwf_flags & kRwfNowait) != 0;
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

// A blocking write to a stream goes on until everything is written or something ends it (pipe(7)).
template <typename Step>
base::SysResult<uint64_t> WriteFully(Task& task, vfs::FileDescription& file, vfs::IoSequence& from, bool nonblocking,
                                     Step step) {
  uint64_t written = 0;
  bool stream = file.wait_queue() != nullptr;
  while (true) {
    auto result = task.BlockingOp(file, POLLOUT, nonblocking, base::kForever, step);
    if (!result.ok()) {
      if (!result.error().is_restart()) RaiseForWrite(task, result.error().error());
      if (written > 0) return written;
      return result.error();
    }
    written += *result;
    if (!stream || nonblocking || *result == 0 || from.remaining() == 0) return written;
  }
}

base::SysResult<uint64_t> Read(Task& task, const File& file, GuestIoSequence to) {
  if (file->kind() == vfs::FileKind::kSocket) return ReadSocket(task, *file, to);
  return TRY(
      task.BlockingOp(*file, POLLIN, Nonblocking(*file), base::kForever, [&] { return file->TryRead(task, to); }));
}

base::SysResult<uint64_t> Write(Task& task, const File& file, GuestIoSequence from) {
  if (file->kind() == vfs::FileKind::kSocket) return WriteSocket(task, *file, from);
  return WriteFully(task, *file, from, Nonblocking(*file), [&] { return file->TryWrite(task, from); });
}

base::SysResult<uint64_t> ReadAt(Task& task, const File& file, GuestIoSequence to, int64_t offset) {
  return TRY(task.BlockingOp(*file, POLLIN, Nonblocking(*file), base::kForever,
                             [&] { return file->TryReadAt(task, to, offset); }));
}

base::SysResult<uint64_t> WriteAt(Task& task, const File& file, GuestIoSequence from, int64_t offset) {
  return WriteFully(task, *file, from, Nonblocking(*file), [&] { return file->TryWriteAt(task, from, offset); });
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

base::SysResult<uint64_t> SysSendfile(Task& task, base::Fd out, base::Fd in, sentry::UserInOut<int64_t> offset,
                                      uint64_t count) {
  int64_t position = 0;
  if (!offset.is_null()) position = TRY(offset.Read(task.user_memory()));
  File source = TRY(ReadableFile(task, in));
  File target = TRY(WritableFile(task, out));
  if (!offset.is_null() && position < 0) return base::Errno(EINVAL);
  if ((target->flags() & O_APPEND) != 0) return base::Errno(EINVAL);
  count = std::min<uint64_t>(count, base::abi::kMaxTransfer);
  std::unique_ptr<std::byte[]> buffer(new (std::nothrow) std::byte[kSendfileChunk]);
  if (!buffer) return base::Errno(ENOMEM);
  uint64_t sent = 0;
  base::SysResult<uint64_t> outcome = uint64_t{0};
  while (sent < count) {
    size_t want = std::min<uint64_t>(kSendfileChunk, count - sent);
    int64_t at = offset.is_null() ? source->offset() : position;
    vfs::BufferSequence to(std::span(buffer.get(), want));
    auto got = task.BlockingOp(*source, POLLIN, Nonblocking(*source), base::kForever, [&] {
      return source->wait_queue() != nullptr ? source->TryRead(task, to) : source->TryReadAt(task, to, at);
    });
    if (!got.ok()) {
      outcome = got.error();
      break;
    }
    if (*got == 0) break;
    vfs::BufferSequence from(std::span(buffer.get(), *got));
    auto put = WriteFully(task, *target, from, Nonblocking(*target), [&] { return target->TryWrite(task, from); });
    if (!put.ok()) {
      outcome = put.error();
      break;
    }
    sent += *put;
    if (offset.is_null()) {
      if (source->wait_queue() == nullptr) TRY(source->Seek(task, at + static_cast<int64_t>(*put), SEEK_SET));
    } else {
      position += static_cast<int64_t>(*put);
    }
    if (*put < *got) break;
  }
  if (!offset.is_null()) TRY(offset.Write(task.user_memory(), position));
  if (sent == 0 && !outcome.ok()) return outcome;
  return sent;
}

}  // namespace syscalls
