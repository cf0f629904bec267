// SPDX-License-Identifier: Apache-2.0
// Data of regular files: read and written by the sentry itself, with calls that return errors (never through a mapping,
// which an outsider's truncation would turn into a fatal signal).
#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <new>

#include "vfs/gofer_client/gofer_file.h"
#include "vfs/permission.h"

namespace vfs {
namespace {

// Copies go through a buffer: on the stack for small ones, else of this size.
constexpr size_t kStackBuffer = 4096;
constexpr size_t kHeapBuffer = 128 * 1024;

class CopyBuffer {
 public:
  explicit CopyBuffer(size_t wanted) {
    if (wanted > kStackBuffer) heap_.reset(new (std::nothrow) std::byte[kHeapBuffer]);
  }
  // Room for the next piece of `remaining` bytes.
  std::span<std::byte> Room(size_t remaining) {
    std::span<std::byte> all = heap_ != nullptr ? std::span(heap_.get(), kHeapBuffer) : std::span<std::byte>(stack_);
    return all.first(std::min(all.size(), remaining));
  }

 private:
  std::byte stack_[kStackBuffer];
  std::unique_ptr<std::byte[]> heap_;
};

// errno of a failed call, read before anything else can change it.
base::Errno HostError() { return base::Errno(errno == EINTR ? EIO : errno); }

ssize_t ReadHost(int fd, std::span<std::byte> to, int64_t offset) {
  ssize_t count = 0;
  do {
    count = pread(fd, to.data(), to.size(), offset);
  } while (count < 0 && errno == EINTR);
  return count;
}

// At the end of the file when `append`; the descriptor's own offset is then behind what was written.
ssize_t WriteHost(int fd, std::span<const std::byte> from, int64_t offset, bool append) {
  iovec vector{.iov_base = const_cast<std::byte*>(from.data()), .iov_len = from.size()};
  ssize_t count = 0;
  do {
    count = append ? pwritev2(fd, &vector, 1, -1, RWF_APPEND) : pwrite(fd, from.data(), from.size(), offset);
  } while (count < 0 && errno == EINTR);
  return count;
}

}  // namespace

void GoferFile::CountRead() {
  // Once until somebody asks: then the access time may have moved.
  if (!read_.load(std::memory_order_relaxed) && !read_.exchange(true, std::memory_order_relaxed)) CountChange();
}

base::Result<size_t> GoferFile::Read(IoSequence& to, int64_t offset) {
  if (offset < 0) return base::Errno(EINVAL);
  base::RefPtr<HostFile> file = TRY(Descriptor(Use::kRead));
  CopyBuffer buffer(to.remaining());
  size_t total = 0;
  while (to.remaining() > 0) {
    std::span<std::byte> room = buffer.Room(to.remaining());
    int64_t position = 0;
    if (__builtin_add_overflow(offset, static_cast<int64_t>(total), &position)) break;
    ssize_t count = ReadHost(file->fd(), room, position);
    if (count < 0 && total == 0) return HostError();
    if (count <= 0) break;
    base::Result<size_t> copied = to.CopyOut(room.first(static_cast<size_t>(count)));
    if (!copied.ok() && total == 0) return copied.error();
    if (!copied.ok()) break;
    total += *copied;
    // Inaccessible memory, or the end of the file.
    if (*copied < room.size()) break;
  }
  CountRead();
  return total;
}

base::Result<size_t> GoferFile::WriteAll(const HostFile& file, IoSequence& from, int64_t offset, bool append) {
  CopyBuffer buffer(from.remaining());
  size_t total = 0;
  while (from.remaining() > 0) {
    std::span<std::byte> room = buffer.Room(from.remaining());
    base::Result<size_t> copied = from.CopyIn(room);
    if (!copied.ok() && total == 0) return copied.error();
    if (!copied.ok()) break;
    ssize_t count = WriteHost(file.fd(), room.first(*copied), offset + static_cast<int64_t>(total), append);
    if (count < 0 && total == 0) return HostError();
    if (count < 0) break;
    total += static_cast<size_t>(count);
    if (static_cast<size_t>(count) < room.size()) break;
  }
  return total;
}

void GoferFile::SettleMode(Context& context, const Ownership& before) {
  AttributeChange change;
  change.permissions = ModeAfterWrite(context.credentials(), before) & 07777;
  (void)GoferInode::SetAttributes(context, change);
}

base::Result<size_t> GoferFile::Write(Context& context, IoSequence& from, int64_t offset, bool append, int64_t& end) {
  if (offset < 0) return base::Errno(EINVAL);
  end = offset;
  if (from.remaining() == 0) return size_t{0};
  base::RefPtr<HostFile> file = TRY(Descriptor(Use::kWrite));
  Ownership before = ownership();
  base::Result<size_t> total = [&]() -> base::Result<size_t> {
    if (!append) {
      auto position = static_cast<uint64_t>(offset);
      uint64_t limit = std::min(context.file_size_limit(), uint64_t{INT64_MAX});
      if (position >= limit) return base::Errno(EFBIG);
      from.Truncate(std::min<uint64_t>(from.remaining(), limit - position));
      size_t count = TRY(WriteAll(*file, from, offset, false));
      end = offset + static_cast<int64_t>(count);
      return count;
    }
    base::MutexLock lock(append_mutex_);
    if (context.file_size_limit() <= uint64_t{INT64_MAX}) {
      off_t size = lseek(file->fd(), 0, SEEK_END);
      if (size < 0) return HostError();
      if (static_cast<uint64_t>(size) >= context.file_size_limit()) return base::Errno(EFBIG);
      from.Truncate(std::min<uint64_t>(from.remaining(), context.file_size_limit() - static_cast<uint64_t>(size)));
    }
    size_t count = TRY(WriteAll(*file, from, 0, true));
    end = lseek(file->fd(), 0, SEEK_CUR);
    return count;
  }();
  CountChange();
  ForgetCapabilities();
  if (total.ok() && (before.mode & (S_ISUID | S_ISGID)) != 0) SettleMode(context, before);
  return total;
}

base::Result<int64_t> GoferFile::FindExtent(int64_t offset, int whence) {
  base::RefPtr<HostFile> file = TRY(Descriptor(Use::kRead));
  base::MutexLock lock(append_mutex_);
  off_t found = lseek(file->fd(), offset, whence);
  if (found < 0) return HostError();
  return found;
}

base::Result<void> GoferFile::Allocate(int mode, int64_t offset, int64_t length) {
  base::RefPtr<HostFile> file = TRY(Descriptor(Use::kWrite));
  int result = 0;
  do {
    result = fallocate(file->fd(), mode, offset, length);
  } while (result != 0 && errno == EINTR);
  int error = errno;
  CountChange();
  ForgetCapabilities();
  if (result != 0) return base::Errno(error);
  return {};
}

base::Result<void> GoferFile::Sync(bool data_only) {
  base::RefPtr<HostFile> file = TRY(Descriptor(Use::kRead));
  if ((data_only ? fdatasync(file->fd()) : fsync(file->fd())) != 0) return HostError();
  return {};
}

namespace {

class GoferFileDescription : public FileDescription {
 public:
  GoferFileDescription(base::RefPtr<GoferFile> file, Path path, int flags)
      : FileDescription(std::move(path), flags), file_(std::move(file)) {}

  bool SupportsDirect() const override { return true; }
  base::Result<size_t> TryReadAt(Context&, IoSequence& to, int64_t offset) override { return file_->Read(to, offset); }
  // pwrite(2) to a description with O_APPEND appends, on Linux.
  base::Result<size_t> TryWriteAt(Context& context, IoSequence& from, int64_t offset) override {
    int64_t end = 0;
    return file_->Write(context, from, offset, (flags() & O_APPEND) != 0, end);
  }
  base::Result<size_t> TryAppend(Context& context, IoSequence& from, int64_t& end) override {
    int64_t ended = 0;
    size_t count = TRY(file_->Write(context, from, 0, true, ended));
    if (count > 0) end = ended;
    return count;
  }
  base::Result<int64_t> Seek(Context& context, int64_t offset, int whence) override {
    if (whence == SEEK_SET || whence == SEEK_CUR) return SeekWithin(offset, whence, 0);
    if (whence != SEEK_DATA && whence != SEEK_HOLE) {
      return SeekWithin(offset, whence, static_cast<int64_t>(TRY(file_->Stat(context)).size));
    }
    if (offset < 0) return base::Errno(ENXIO);
    int64_t found = TRY(file_->FindExtent(offset, whence));
    base::MutexLock lock(offset_mutex_);
    offset_ = found;
    return found;
  }
  base::Result<void> Sync(Context&, bool data_only) override { return file_->Sync(data_only); }
  base::Result<void> Allocate(Context& context, int mode, int64_t offset, int64_t length) override {
    int64_t end = 0;
    if (offset < 0 || length <= 0) return base::Errno(EINVAL);
    if (__builtin_add_overflow(offset, length, &end)) return base::Errno(EFBIG);
    bool grows = (mode & FALLOC_FL_KEEP_SIZE) == 0 && static_cast<uint64_t>(end) > TRY(file_->Stat(context)).size;
    if (grows && static_cast<uint64_t>(end) > context.file_size_limit()) return base::Errno(EFBIG);
    return file_->Allocate(mode, offset, length);
  }
  base::Result<base::RefPtr<Mappable>> Map(Context&, bool shared, bool writable) override {
    return file_->Map(shared && writable);
  }

 private:
  const base::RefPtr<GoferFile> file_;
};

}  // namespace

base::Result<base::RefPtr<FileDescription>> GoferFile::Open(Context&, const Path& path, int flags) {
  // Asked for now, so that what the host refuses (a file being executed, a broken disk) is refused by open(2). Reading
  // works on a descriptor for writing, so a file just created needs no second one.
  TRY(Descriptor((flags & O_ACCMODE) == O_RDONLY ? Use::kRead : Use::kWrite));
  return base::RefPtr<FileDescription>(base::MakeRef<GoferFileDescription>(base::RefPtr<GoferFile>(this), path, flags));
}

}  // namespace vfs
