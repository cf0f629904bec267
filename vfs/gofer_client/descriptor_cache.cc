// SPDX-License-Identifier: Apache-2.0
#include "vfs/gofer_client/descriptor_cache.h"

#include "base/log.h"
#include "vfs/gofer_client/gofer_file.h"

namespace vfs {
namespace {

// How many files one addition looks at to find some to let go.
constexpr int kLooksPerAddition = 16;
constexpr int kVictimsPerAddition = 2;

}  // namespace

constinit base::LockClass DescriptorCache::kLock{"DescriptorCache::mutex_"};

DescriptorCache::DescriptorCache() : mutex_(kLock) {}
DescriptorCache::~DescriptorCache() { CHECK_INVARIANT(size_ == 0); }

void DescriptorCache::Append(GoferFile& file) {
  file.cache_next_ = nullptr;
  file.cache_previous_ = tail_;
  (tail_ != nullptr ? tail_->cache_next_ : head_) = &file;
  tail_ = &file;
  file.in_cache_ = true;
  ++size_;
}

void DescriptorCache::Detach(GoferFile& file) {
  (file.cache_previous_ != nullptr ? file.cache_previous_->cache_next_ : head_) = file.cache_next_;
  (file.cache_next_ != nullptr ? file.cache_next_->cache_previous_ : tail_) = file.cache_previous_;
  file.in_cache_ = false;
  --size_;
}

void DescriptorCache::Add(GoferFile& file) {
  base::RefPtr<GoferFile> victims[kVictimsPerAddition];
  int victim_count = 0;
  {
    base::MutexLock lock(mutex_);
    if (!file.in_cache_) Append(file);
    for (int i = 0; i < kLooksPerAddition && victim_count < kVictimsPerAddition && size_ > limit_; ++i) {
      GoferFile& oldest = *head_;
      Detach(oldest);
      // Used since the last look: a second chance. On its way out: it has no use for the list any more.
      if (&oldest == &file || oldest.used_.exchange(false, std::memory_order_relaxed)) {
        Append(oldest);
      } else if (oldest.TryRef()) {
        victims[victim_count++] = base::RefPtr<GoferFile>::Adopt(&oldest);
      }
    }
  }
  for (int i = 0; i < victim_count; ++i) victims[i]->DropDescriptors();
}

void DescriptorCache::Remove(GoferFile& file) {
  base::MutexLock lock(mutex_);
  if (file.in_cache_) Detach(file);
}

size_t DescriptorCache::size() const {
  base::MutexLock lock(mutex_);
  return size_;
}

void DescriptorCache::set_limit(size_t limit) {
  base::MutexLock lock(mutex_);
  limit_ = limit;
}

}  // namespace vfs
