// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/unique_fd.h"
#include "vfs/file_description.h"
#include "vfs/io_sequence.h"
#include "vfs/tmpfs/tmpfs_inode.h"

namespace vfs {

// A regular file: bytes in the heap as long as they fit kSmallMax and nobody maps them, else in a host memfd whose size
// is always the file's.
class TmpfsFile : public TmpfsInode {
 public:
  static constexpr size_t kSmallMax = 4096;

  TmpfsFile(base::RefPtr<Tmpfs> tmpfs, const CreateOptions& options, int64_t now);

  base::Result<void> SetAttributes(Context& context, const AttributeChange& change) override;
  base::Result<base::RefPtr<FileDescription>> Open(Context& context, const Path& path, int flags) override;

  base::Result<size_t> Read(IoSequence& to, int64_t offset);
  // At `offset`, or at the end when `append`. `end`: where the write ended. EFBIG, ENOSPC, EFAULT, EPERM (seals).
  base::Result<size_t> Write(Context& context, IoSequence& from, int64_t offset, bool append, int64_t& end);
  // SEEK_DATA, SEEK_HOLE: ENXIO.
  base::Result<int64_t> FindExtent(int64_t offset, int whence);
  base::Result<void> Allocate(Context& context, int mode, int64_t offset, int64_t length);
  // `writable`: for a shared mapping that may write. The caller looks at the seals afterwards.
  base::Result<base::RefPtr<Mappable>> Map(bool writable);
  int64_t size() const;

  // Seals (fcntl(2), "File Sealing"); F_SEAL_* bits. A file has F_SEAL_SEAL unless it was made otherwise.
  uint32_t seals() const;
  // EINVAL, EPERM, EBUSY.
  base::Result<void> AddSeals(uint32_t seals);
  // For memfd_create, before anybody else knows the file.
  void ReplaceSeals(uint32_t seals);

 protected:
  ~TmpfsFile() override;
  void FillSize(Attributes& attributes) override;
  base::Result<void> SetSize(uint64_t size) override;

 private:
  class Memory;
  class WritableMapping;
  static constexpr uint32_t kNoSeals = 0x1;  // F_SEAL_SEAL

  bool HasSealLocked(uint32_t seals) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return (seals_ & seals) != 0; }
  // EPERM: a change to `size` is sealed.
  base::Result<void> CheckSizeSeals(uint64_t size) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Moves the bytes to a memfd, if they are not there yet.
  base::Result<void> Enlarge() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  base::Result<void> Resize(uint64_t size) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Charges the pages of [begin, end) that do not exist yet, before they are written.
  base::Result<void> ChargeRange(uint64_t begin, uint64_t end) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  uint64_t CountMissing(uint64_t first_page, uint64_t end_page) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Makes the charge what the host says the memfd takes.
  void Recount() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Returns how many bytes found room: at least one, or ENOSPC.
  base::Result<size_t> Store(std::span<const std::byte> bytes, uint64_t offset) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  uint64_t size_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<std::byte> small_ ABSL_GUARDED_BY(mutex_);                 // All bytes while memory_ is null.
  base::RefPtr<Memory> memory_ ABSL_GUARDED_BY(mutex_);                  // Never replaced once set.
  bool mapped_ ABSL_GUARDED_BY(mutex_) = false;                          // Pages may appear without us.
  WritableMapping* writable_mapping_ ABSL_GUARDED_BY(mutex_) = nullptr;  // A plain pointer: it leaves before it goes.
  uint32_t seals_ ABSL_GUARDED_BY(mutex_) = kNoSeals;
  uint64_t charged_pages_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t dense_pages_ ABSL_GUARDED_BY(mutex_) = 0;  // So many from the start on are known to exist.
};

}  // namespace vfs
