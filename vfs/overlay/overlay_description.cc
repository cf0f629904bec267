// SPDX-License-Identifier: Apache-2.0
// Open files of an overlay.
#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <utility>

#include "base/mutex.h"
#include "vfs/device.h"
#include "vfs/overlay/overlay_file.h"

namespace vfs {
namespace {

// A file that was not copied up when it was opened: works on the lower layer's until it is, then on the upper one's. (A
// file that was, is opened as the upper layer's own description.)
class OverlayDescription : public FileDescription {
 public:
  OverlayDescription(base::RefPtr<OverlayFile> file, base::RefPtr<FileDescription> lower, Path path, int flags)
      : FileDescription(std::move(path), flags), file_(std::move(file)), lower_(std::move(lower)), mutex_(kLock) {}

  bool SupportsDirect() const override { return true; }

  base::Result<void> SetStatusFlags(Context& context, int flags) override {
    TRY(FileDescription::SetStatusFlags(context, flags));
    FileDescription* upper = upper_.load(std::memory_order_acquire);
    if (upper != nullptr) return upper->SetStatusFlags(context, flags & ~O_DIRECT);
    return {};
  }

  base::Result<size_t> TryReadAt(Context& context, IoSequence& to, int64_t offset) override {
    return TRY(Current(context))->TryReadAt(context, to, offset);
  }
  base::Result<size_t> TryWriteAt(Context& context, IoSequence& from, int64_t offset) override {
    return TRY(ForWriting(context))->TryWriteAt(context, from, offset);
  }
  base::Result<size_t> TryAppend(Context& context, IoSequence& from, int64_t& end) override {
    return TRY(ForWriting(context))->TryAppend(context, from, end);
  }
  base::Result<int64_t> Seek(Context& context, int64_t offset, int whence) override {
    if (whence == SEEK_SET || whence == SEEK_CUR) return SeekWithin(offset, whence, 0);
    if (whence == SEEK_END) return SeekWithin(offset, whence, static_cast<int64_t>(TRY(file_->Stat(context)).size));
    int64_t found = TRY(TRY(Current(context))->Seek(context, offset, whence));
    base::MutexLock lock(offset_mutex_);
    offset_ = found;
    return found;
  }
  base::Result<void> Sync(Context& context, bool data_only) override {
    return TRY(Current(context))->Sync(context, data_only);
  }
  base::Result<void> Allocate(Context& context, int mode, int64_t offset, int64_t length) override {
    return TRY(ForWriting(context))->Allocate(context, mode, offset, length);
  }
  base::Result<base::RefPtr<Mappable>> Map(Context& context, bool shared, bool writable) override {
    FileDescription* description = TRY(shared && writable ? ForWriting(context) : Current(context));
    return description->Map(context, shared, writable);
  }

 private:
  static base::LockClass kLock;

  base::Result<FileDescription*> Current(Context& context) {
    FileDescription* upper = upper_.load(std::memory_order_acquire);
    if (upper != nullptr) return upper;
    Inode* inode = file_->record().upper();
    if (inode == nullptr) return lower_.get();
    base::MutexLock lock(mutex_);
    if (upper_owner_ == nullptr) {
      upper_owner_ = TRY(inode->Open(context, path(), flags() & ~O_DIRECT));
      upper_.store(upper_owner_.get(), std::memory_order_release);
    }
    return upper_owner_.get();
  }
  base::Result<FileDescription*> ForWriting(Context& context) {
    TRY(file_->EnsureUpper(context, OverlayFile::kAllData));
    return Current(context);
  }

  const base::RefPtr<OverlayFile> file_;
  const base::RefPtr<FileDescription> lower_;
  std::atomic<FileDescription*> upper_{nullptr};
  base::Mutex mutex_;
  base::RefPtr<FileDescription> upper_owner_ ABSL_GUARDED_BY(mutex_);
};

constinit base::LockClass OverlayDescription::kLock{"OverlayDescription::mutex_"};

}  // namespace

base::Result<base::RefPtr<FileDescription>> OverlayFile::Open(Context& context, const Path& path, int flags) {
  if (is_symlink()) return base::Errno(ELOOP);
  if (!is_regular()) return OpenSpecial(context, path, flags);
  if (Inode* upper = record().upper(); upper != nullptr) return upper->Open(context, path, flags);
  int lower_flags = (flags & ~(O_ACCMODE | O_APPEND | O_DIRECT)) | O_RDONLY;
  base::RefPtr<FileDescription> lower = TRY(record().lowers()[0].inode->Open(context, path, lower_flags));
  return base::RefPtr<FileDescription>(
      base::MakeRef<OverlayDescription>(base::RefPtr<OverlayFile>(this), std::move(lower), path, flags));
}

}  // namespace vfs
