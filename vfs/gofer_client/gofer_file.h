// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <span>

#include "base/mutex.h"
#include "base/ref.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "vfs/file_description.h"
#include "vfs/gofer_client/descriptor_cache.h"
#include "vfs/gofer_client/gofer_inode.h"
#include "vfs/io_sequence.h"

namespace vfs {

// A regular file. Its data is read and written on donated descriptors, one to read and one to write at most, which
// all open descriptions share and which are asked for when first needed: an open description holds none.
class GoferFile : public GoferInode {
 public:
  GoferFile(base::RefPtr<GoferFilesystem> filesystem, HostIdentity identity, uint64_t node,
            const Attributes& attributes);

  base::Result<Attributes> Stat(Context& context) override;
  base::Result<void> SetAttributes(Context& context, const AttributeChange& change) override;
  base::Result<base::RefPtr<FileDescription>> Open(Context& context, const Path& path, int flags) override;

  // What a descriptor is for. kReadOnly: it must not be writable (it is given to a stub for a mapping).
  enum class Use { kRead, kReadOnly, kWrite };
  base::Result<base::RefPtr<HostFile>> Descriptor(Use use);
  // The descriptor that came with the file's creation.
  void SetWriteDescriptor(base::UniqueFd fd);

  base::Result<size_t> Read(IoSequence& to, int64_t offset);
  // At `offset`, or at the end when `append`. `end`: where the write ended. EFBIG.
  base::Result<size_t> Write(Context& context, IoSequence& from, int64_t offset, bool append, int64_t& end);
  base::Result<int64_t> FindExtent(int64_t offset, int whence);
  base::Result<void> Allocate(int mode, int64_t offset, int64_t length);
  base::Result<void> Sync(bool data_only);
  base::Result<base::RefPtr<Mappable>> Map(bool writable);

 protected:
  ~GoferFile() override;
  void LastReferenceGone() override;
  base::Result<Fetched> FetchAttributes(bool owner) override;

 private:
  friend class DescriptorCache;
  class Mapping;
  static base::LockClass kDescriptorsLock;

  // For the cache: closes what nobody uses.
  void DropDescriptors();
  base::RefPtr<HostFile> KnownDescriptor(Use use);
  base::RefPtr<HostFile> Keep(base::RefPtr<HostFile> file);
  base::Result<size_t> WriteAll(const HostFile& file, IoSequence& from, int64_t offset, bool append);
  // After a write by the guest's rules, which the host does not know: set-id bits go, or stay though the host took
  // them.
  void SettleMode(Context& context, const Ownership& before);
  void CountRead();

  // Whether access_time may be older than the last read.
  std::atomic<bool> read_{false};
  // Who uses the offset of write_file_: appending, which leaves the end there, and looking for extents.
  base::Mutex append_mutex_;
  base::Mutex descriptors_mutex_;
  base::RefPtr<HostFile> read_file_ ABSL_GUARDED_BY(descriptors_mutex_);
  base::RefPtr<HostFile> write_file_ ABSL_GUARDED_BY(descriptors_mutex_);
  // Plain pointers: a mapping leaves before it goes.
  Mapping* read_mapping_ ABSL_GUARDED_BY(descriptors_mutex_) = nullptr;
  Mapping* write_mapping_ ABSL_GUARDED_BY(descriptors_mutex_) = nullptr;

  std::atomic<bool> used_{false};  // Since the cache last looked.
  // Guarded by DescriptorCache::mutex_.
  bool in_cache_ = false;
  GoferFile* cache_next_ = nullptr;
  GoferFile* cache_previous_ = nullptr;
};

}  // namespace vfs
