// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include "base/mutex.h"
#include "base/ref.h"
#include "base/result.h"
#include "base/unique_fd.h"

namespace vfs {

class GoferFile;

// A host file's descriptor, donated by the gofer. Closed when nobody uses it any more.
class HostFile : public base::RefCounted {
 public:
  HostFile(base::UniqueFd fd, bool writable) : fd_(std::move(fd)), writable_(writable) {}
  int fd() const { return fd_.get(); }
  bool writable() const { return writable_; }

 private:
  const base::UniqueFd fd_;
  const bool writable_;
};

// The files that hold descriptors, at most about `limit` of them (two descriptors each): those not used lately are
// told to drop theirs, and ask the gofer again when they need one. Thread-safe.
class DescriptorCache {
 public:
  static constexpr size_t kDefaultLimit = 2048;

  DescriptorCache();
  ~DescriptorCache();

  // The file got a descriptor.
  void Add(GoferFile& file);
  // The file is at its end.
  void Remove(GoferFile& file);
  size_t size() const;
  void set_limit(size_t limit);

 private:
  static base::LockClass kLock;
  void Append(GoferFile& file) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Detach(GoferFile& file) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable base::Mutex mutex_;
  size_t limit_ ABSL_GUARDED_BY(mutex_) = kDefaultLimit;
  size_t size_ ABSL_GUARDED_BY(mutex_) = 0;
  GoferFile* head_ ABSL_GUARDED_BY(mutex_) = nullptr;
  GoferFile* tail_ ABSL_GUARDED_BY(mutex_) = nullptr;
};

}  // namespace vfs
