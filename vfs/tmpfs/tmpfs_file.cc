// SPDX-License-Identifier: Apache-2.0
#include "vfs/tmpfs/tmpfs_file.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <new>
#include <utility>

#include "base/types.h"
#include "vfs/tmpfs/tmpfs_mapping.h"

namespace vfs {
namespace {

// Copies go through a buffer: on the stack for small ones, else as large as this.
constexpr size_t kStackBuffer = 4096;
constexpr size_t kHeapBuffer = 64 * 1024;
constexpr int64_t kMaxSize = INT64_MAX;
constexpr uint64_t kBlocksPerPage = base::kPageSize / 512;

uint64_t PagesUpTo(uint64_t bytes) { return bytes / base::kPageSize + (bytes % base::kPageSize != 0 ? 1 : 0); }

class CopyBuffer {
 public:
  explicit CopyBuffer(size_t wanted) {
    if (wanted > kStackBuffer) heap_.reset(new (std::nothrow) std::byte[kHeapBuffer]);
  }
  std::span<std::byte> span() {
    return heap_ != nullptr ? std::span<std::byte>(heap_.get(), kHeapBuffer) : std::span<std::byte>(stack_);
  }

 private:
  std::byte stack_[kStackBuffer];
  std::unique_ptr<std::byte[]> heap_;
};

}  // namespace

TmpfsFile::TmpfsFile(base::RefPtr<Tmpfs> tmpfs, const CreateOptions& options, int64_t now)
    : TmpfsInode(std::move(tmpfs), options, now) {}

TmpfsFile::~TmpfsFile() { tmpfs().UnchargePages(charged_pages_); }

int64_t TmpfsFile::size() const {
  base::MutexLock lock(mutex_);
  return static_cast<int64_t>(size_);
}

void TmpfsFile::FillSize(Attributes& attributes) {
  base::MutexLock lock(mutex_);
  if (mapped_) Recount();
  attributes.size = size_;
  attributes.blocks = charged_pages_ * kBlocksPerPage;
}

void TmpfsFile::Recount() {
  if (memory_ == nullptr) return;
  struct stat status;
  if (fstat(memory_->host_fd(), &status) != 0) return;
  uint64_t pages = static_cast<uint64_t>(status.st_blocks) / kBlocksPerPage;
  if (pages > charged_pages_) tmpfs().CountPages(pages - charged_pages_);
  if (pages < charged_pages_) tmpfs().UnchargePages(charged_pages_ - pages);
  charged_pages_ = pages;
}

base::Result<void> TmpfsFile::Enlarge() {
  if (memory_ != nullptr) return {};
  // The host's table of descriptors is what runs out, or its memory: to the guest both are a full filesystem.
  base::UniqueFd fd(memfd_create("tmpfs", MFD_CLOEXEC));
  if (!fd || ftruncate(fd.get(), static_cast<off_t>(size_)) != 0) return base::Errno(ENOSPC);
  if (!small_.empty() && pwrite(fd.get(), small_.data(), small_.size(), 0) != static_cast<ssize_t>(small_.size())) {
    return base::Errno(ENOSPC);
  }
  memory_ = base::MakeRef<Memory>(std::move(fd));
  small_ = {};
  return {};
}

base::Result<void> TmpfsFile::Resize(uint64_t size) {
  if (size > kSmallMax) TRY(Enlarge());
  if (memory_ != nullptr) {
    if (ftruncate(memory_->host_fd(), static_cast<off_t>(size)) != 0)
      return base::Errno(errno == EFBIG ? EFBIG : ENOSPC);
    bool sparse = charged_pages_ != dense_pages_ || mapped_;
    uint64_t pages = PagesUpTo(size);
    dense_pages_ = std::min(dense_pages_, pages);
    if (size < size_) {
      if (sparse) {
        Recount();
      } else {
        tmpfs().UnchargePages(charged_pages_ - dense_pages_);
        charged_pages_ = dense_pages_;
      }
    }
  } else {
    if (size != 0 && charged_pages_ == 0) {
      TRY(tmpfs().ChargePages(1));
      charged_pages_ = dense_pages_ = 1;
    } else if (size == 0) {
      tmpfs().UnchargePages(charged_pages_);
      charged_pages_ = dense_pages_ = 0;
    }
    small_.resize(size);
  }
  size_ = size;
  return {};
}

base::Result<void> TmpfsFile::SetSize(uint64_t size) {
  if (size > static_cast<uint64_t>(kMaxSize)) return base::Errno(EFBIG);
  base::MutexLock lock(mutex_);
  TRY(CheckSizeSeals(size));
  return Resize(size);
}

uint64_t TmpfsFile::CountMissing(uint64_t first_page, uint64_t end_page) const {
  int fd = memory_->host_fd();
  uint64_t missing = 0;
  for (uint64_t page = first_page; page < end_page;) {
    off_t data = lseek(fd, static_cast<off_t>(page * base::kPageSize), SEEK_DATA);
    uint64_t data_page = data < 0 ? end_page : std::min(static_cast<uint64_t>(data) / base::kPageSize, end_page);
    missing += data_page - page;
    if (data_page == end_page) break;
    off_t hole = lseek(fd, static_cast<off_t>(data_page * base::kPageSize), SEEK_HOLE);
    page = hole < 0 ? end_page : PagesUpTo(static_cast<uint64_t>(hole));
  }
  return missing;
}

base::Result<void> TmpfsFile::ChargeRange(uint64_t begin, uint64_t end) {
  uint64_t first = std::max(begin / base::kPageSize, dense_pages_);
  uint64_t last = PagesUpTo(end);
  if (last <= first) return {};
  bool dense = charged_pages_ == dense_pages_ && !mapped_;
  uint64_t missing = dense ? last - first : CountMissing(first, last);
  TRY(tmpfs().ChargePages(missing));
  charged_pages_ += missing;
  if (first == dense_pages_) dense_pages_ = last;
  return {};
}

base::Result<size_t> TmpfsFile::Store(std::span<const std::byte> bytes, uint64_t offset) {
  uint64_t end = offset + bytes.size();
  if (end > kSmallMax) TRY(Enlarge());
  if (memory_ == nullptr) {
    if (end > size_) TRY(Resize(end));
    std::copy(bytes.begin(), bytes.end(), small_.begin() + static_cast<ptrdiff_t>(offset));
    return bytes.size();
  }
  base::Result<void> charged = ChargeRange(offset, end);
  if (!charged.ok()) {
    // Not room for all: perhaps for what lies on the first page.
    uint64_t on_page = base::kPageSize - offset % base::kPageSize;
    if (bytes.size() <= on_page) return charged.error();
    bytes = bytes.first(on_page);
    TRY(ChargeRange(offset, offset + on_page));
  }
  ssize_t count = pwrite(memory_->host_fd(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
  if (count < static_cast<ssize_t>(bytes.size())) {
    // Fewer pages than were charged came into being.
    dense_pages_ = std::min(dense_pages_, offset / base::kPageSize);
    Recount();
  }
  if (count <= 0) return base::Errno(ENOSPC);
  size_ = std::max(size_, offset + static_cast<uint64_t>(count));
  return static_cast<size_t>(count);
}

base::Result<size_t> TmpfsFile::Read(IoSequence& to, int64_t offset) {
  if (offset < 0) return base::Errno(EINVAL);
  base::RefPtr<Memory> memory;
  {
    base::MutexLock lock(mutex_);
    if (static_cast<uint64_t>(offset) >= size_) return size_t{0};
    if (memory_ == nullptr) {
      std::span<const std::byte> rest = std::span<const std::byte>(small_).subspan(static_cast<size_t>(offset));
      return to.CopyOut(rest.first(std::min(rest.size(), to.remaining())));
    }
    memory = memory_;
  }
  // Without the lock: a truncation meanwhile only makes for fewer bytes.
  CopyBuffer buffer(to.remaining());
  size_t total = 0;
  while (to.remaining() > 0) {
    std::span<std::byte> space = buffer.span().first(std::min(buffer.span().size(), to.remaining()));
    ssize_t count = pread(memory->host_fd(), space.data(), space.size(), offset + static_cast<off_t>(total));
    if (count < 0 && total == 0) return base::Errno(EIO);
    if (count <= 0) break;
    base::Result<size_t> copied = to.CopyOut(space.first(static_cast<size_t>(count)));
    if (!copied.ok() && total == 0) return copied.error();
    if (!copied.ok()) break;
    total += *copied;
    if (*copied < space.size()) break;
  }
  return total;
}

base::Result<size_t> TmpfsFile::Write(Context& context, IoSequence& from, int64_t offset, bool append, int64_t& end) {
  if (offset < 0) return base::Errno(EINVAL);
  end = offset;
  if (from.remaining() == 0) return size_t{0};
  size_t total = 0;
  {
    CopyBuffer buffer(from.remaining());
    base::MutexLock lock(mutex_);
    auto position = append ? size_ : static_cast<uint64_t>(offset);
    uint64_t limit = std::min(context.file_size_limit(), static_cast<uint64_t>(kMaxSize));
    if (position >= limit) return base::Errno(EFBIG);
    from.Truncate(std::min<uint64_t>(from.remaining(), limit - position));
    if (HasSealLocked(F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) return base::Errno(EPERM);
    if (HasSealLocked(F_SEAL_GROW) && position + from.remaining() > size_) {
      // Whole pages that are there already may be written.
      uint64_t room = base::PageRoundDown(size_);
      if (position >= room) return base::Errno(EPERM);
      from.Truncate(room - position);
    }
    base::Result<void> failure;
    while (from.remaining() > 0 && failure.ok()) {
      std::span<std::byte> space = buffer.span().first(std::min(buffer.span().size(), from.remaining()));
      base::Result<size_t> copied = from.CopyIn(space);
      if (!copied.ok()) failure = copied.error();
      std::span<const std::byte> bytes = space.first(copied.ok() ? *copied : 0);
      bool fault = bytes.size() < space.size();
      while (!bytes.empty() && failure.ok()) {
        base::Result<size_t> stored = Store(bytes, position);
        if (!stored.ok()) {
          failure = stored.error();
          break;
        }
        position += *stored;
        total += *stored;
        bytes = bytes.subspan(*stored);
      }
      if (fault) break;
    }
    if (total == 0 && !failure.ok()) return failure.error();
    end = static_cast<int64_t>(position);
  }
  RemovePrivileges(context);
  Modified(context.RealtimeNow());
  return total;
}

base::Result<int64_t> TmpfsFile::FindExtent(int64_t offset, int whence) {
  base::MutexLock lock(mutex_);
  if (offset < 0 || static_cast<uint64_t>(offset) >= size_) return base::Errno(ENXIO);
  if (memory_ == nullptr) return whence == SEEK_DATA ? offset : static_cast<int64_t>(size_);
  off_t found = lseek(memory_->host_fd(), offset, whence);
  if (found < 0) return base::Errno(ENXIO);
  return found;
}

base::Result<void> TmpfsFile::Allocate(Context& context, int mode, int64_t offset, int64_t length) {
  if (offset < 0 || length <= 0) return base::Errno(EINVAL);
  if ((mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE)) != 0) return base::Errno(EOPNOTSUPP);
  bool punch = (mode & FALLOC_FL_PUNCH_HOLE) != 0;
  if (punch && (mode & FALLOC_FL_KEEP_SIZE) == 0) return base::Errno(EOPNOTSUPP);
  int64_t end = 0;
  if (__builtin_add_overflow(offset, length, &end)) return base::Errno(EFBIG);
  {
    base::MutexLock lock(mutex_);
    bool grows = (mode & FALLOC_FL_KEEP_SIZE) == 0 && static_cast<uint64_t>(end) > size_;
    if (punch && HasSealLocked(F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) return base::Errno(EPERM);
    if (grows && static_cast<uint64_t>(end) > context.file_size_limit()) return base::Errno(EFBIG);
    if (grows) TRY(CheckSizeSeals(static_cast<uint64_t>(end)));
    TRY(Enlarge());
    if (!punch) {
      // Charged as a whole first: all or nothing.
      uint64_t missing = CountMissing(static_cast<uint64_t>(offset) / base::kPageSize, PagesUpTo(end));
      TRY(tmpfs().ChargePages(missing));
      charged_pages_ += missing;
    }
    bool done = fallocate(memory_->host_fd(), mode, offset, length) == 0;
    dense_pages_ = std::min(dense_pages_, static_cast<uint64_t>(offset) / base::kPageSize);
    Recount();
    if (!done) return base::Errno(ENOSPC);
    if (grows) size_ = static_cast<uint64_t>(end);
  }
  Modified(context.RealtimeNow());
  return {};
}

namespace {

class TmpfsFileDescription : public FileDescription {
 public:
  TmpfsFileDescription(base::RefPtr<TmpfsFile> file, Path path, int flags)
      : FileDescription(std::move(path), flags), file_(std::move(file)) {}

  base::Result<size_t> TryReadAt(Context& context, IoSequence& to, int64_t offset) override {
    size_t count = TRY(file_->Read(to, offset));
    file_->Accessed(context, *this);
    return count;
  }
  // pwrite(2) to a description with O_APPEND appends, on Linux.
  base::Result<size_t> TryWriteAt(Context& context, IoSequence& from, int64_t offset) override {
    int64_t end = 0;
    if (offset < 0) return base::Errno(EINVAL);
    return file_->Write(context, from, offset, (flags() & O_APPEND) != 0, end);
  }
  base::Result<size_t> TryAppend(Context& context, IoSequence& from, int64_t& end) override {
    int64_t ended = 0;
    size_t count = TRY(file_->Write(context, from, 0, true, ended));
    if (count > 0) end = ended;
    return count;
  }
  base::Result<int64_t> Seek(Context&, int64_t offset, int whence) override {
    if (whence != SEEK_DATA && whence != SEEK_HOLE) return SeekWithin(offset, whence, file_->size());
    int64_t found = TRY(file_->FindExtent(offset, whence));
    base::MutexLock lock(offset_mutex_);
    offset_ = found;
    return found;
  }
  base::Result<void> Sync(Context&, bool) override { return {}; }
  base::Result<void> Allocate(Context& context, int mode, int64_t offset, int64_t length) override {
    return file_->Allocate(context, mode, offset, length);
  }
  base::Result<base::RefPtr<Mappable>> Map(Context& context, bool shared, bool writable) override {
    file_->Accessed(context, *this);
    return file_->Map(shared && writable);
  }
  base::Result<uint64_t> Control(Context& context, int command, uint64_t argument) override {
    switch (command) {
      case F_GET_SEALS:
        return uint64_t{file_->seals()};
      case F_ADD_SEALS:
        if (!writable()) return base::Errno(EPERM);
        TRY(file_->AddSeals(static_cast<uint32_t>(argument)));
        return uint64_t{0};
      default:
        return FileDescription::Control(context, command, argument);
    }
  }
  bool SupportsDirect() const override { return true; }

 private:
  const base::RefPtr<TmpfsFile> file_;
};

}  // namespace

base::Result<base::RefPtr<FileDescription>> TmpfsFile::Open(Context&, const Path& path, int flags) {
  return base::RefPtr<FileDescription>(base::MakeRef<TmpfsFileDescription>(base::RefPtr<TmpfsFile>(this), path, flags));
}

}  // namespace vfs
