// SPDX-License-Identifier: Apache-2.0
// Seals of files in memory (fcntl(2), "File Sealing"), and the mappings they are about.
#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <utility>

#include "vfs/tmpfs/tmpfs_file.h"
#include "vfs/tmpfs/tmpfs_mapping.h"

#ifndef F_SEAL_EXEC
#define F_SEAL_EXEC 0x20
#endif

namespace vfs {
namespace {

constexpr uint32_t kAllSeals =
    F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE | F_SEAL_EXEC;
constexpr uint32_t kExecuteBits = 0111;

}  // namespace

void TmpfsFile::WritableMapping::LastReferenceGone() {
  {
    base::MutexLock lock(file_->mutex_);
    if (file_->writable_mapping_ == this) file_->writable_mapping_ = nullptr;
  }
  delete this;
}

base::Result<base::RefPtr<Mappable>> TmpfsFile::Map(bool writable) {
  base::MutexLock lock(mutex_);
  TRY(Enlarge());
  mapped_ = true;
  if (!writable || HasSealLocked(F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) return base::RefPtr<Mappable>(memory_);
  if (writable_mapping_ != nullptr && writable_mapping_->TryRef()) {
    return base::RefPtr<Mappable>(base::RefPtr<WritableMapping>::Adopt(writable_mapping_));
  }
  auto made = base::MakeRef<WritableMapping>(base::RefPtr<TmpfsFile>(this), memory_);
  writable_mapping_ = made.get();
  return base::RefPtr<Mappable>(std::move(made));
}

uint32_t TmpfsFile::seals() const {
  base::MutexLock lock(mutex_);
  return seals_;
}

void TmpfsFile::ReplaceSeals(uint32_t seals) {
  base::MutexLock lock(mutex_);
  seals_ = seals;
}

base::Result<void> TmpfsFile::AddSeals(uint32_t seals) {
  if ((seals & ~kAllSeals) != 0) return base::Errno(EINVAL);
  base::MutexLock lock(mutex_);
  if (HasSealLocked(F_SEAL_SEAL)) return base::Errno(EPERM);
  if ((seals & F_SEAL_WRITE) != 0 && !HasSealLocked(F_SEAL_WRITE) && writable_mapping_ != nullptr) {
    return base::Errno(EBUSY);
  }
  // A program that can no more be changed in what it may do shall not be changed in what it does.
  if ((seals & F_SEAL_EXEC) != 0 && (ownership().mode & kExecuteBits) != 0) {
    seals |= F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE;
  }
  seals_ |= seals;
  return {};
}

base::Result<void> TmpfsFile::CheckSizeSeals(uint64_t size) const {
  if (size < size_ && HasSealLocked(F_SEAL_SHRINK)) return base::Errno(EPERM);
  if (size > size_ && HasSealLocked(F_SEAL_GROW)) return base::Errno(EPERM);
  return {};
}

base::Result<void> TmpfsFile::SetAttributes(Context& context, const AttributeChange& change) {
  if (change.permissions.has_value() && ((*change.permissions ^ ownership().mode) & kExecuteBits) != 0 &&
      (seals() & F_SEAL_EXEC) != 0) {
    return base::Errno(EPERM);
  }
  return TmpfsInode::SetAttributes(context, change);
}

}  // namespace vfs
