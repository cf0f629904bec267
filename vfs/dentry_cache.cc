// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"
#include "vfs/dentry.h"

namespace vfs {
namespace {

// How many entries one addition looks at to find some to let go: the hand moves faster than the cache grows.
constexpr int kLooksPerAddition = 16;
constexpr int kVictimsPerAddition = 2;

}  // namespace

constinit base::LockClass DentryCache::kLock{"DentryCache::mutex_"};

DentryCache::DentryCache(size_t limit) : mutex_(kLock), limit_(limit) {}

DentryCache::~DentryCache() { CHECK_INVARIANT(size_ == 0); }

void DentryCache::Append(Dentry& dentry) {
  dentry.cache_next_ = nullptr;
  dentry.cache_previous_ = tail_;
  (tail_ != nullptr ? tail_->cache_next_ : head_) = &dentry;
  tail_ = &dentry;
  dentry.in_cache_ = true;
  ++size_;
}

void DentryCache::Detach(Dentry& dentry) {
  (dentry.cache_previous_ != nullptr ? dentry.cache_previous_->cache_next_ : head_) = dentry.cache_next_;
  (dentry.cache_next_ != nullptr ? dentry.cache_next_->cache_previous_ : tail_) = dentry.cache_previous_;
  dentry.in_cache_ = false;
  --size_;
}

void DentryCache::Add(Dentry& dentry) {
  Dentry* victims[kVictimsPerAddition];
  int victim_count = 0;
  {
    base::MutexLock lock(mutex_);
    if (dentry.in_cache_) return;
    dentry.Ref();
    Append(dentry);
    for (int i = 0; i < kLooksPerAddition && victim_count < kVictimsPerAddition && size_ > limit_; ++i) {
      Dentry& oldest = *head_;
      Detach(oldest);
      // In use, by a path or by a child, or used since the last look: a second chance.
      if (oldest.reference_count() > 1 || oldest.used_.exchange(false, std::memory_order_relaxed)) {
        Append(oldest);
      } else {
        victims[victim_count++] = &oldest;
      }
    }
  }
  for (int i = 0; i < victim_count; ++i) victims[i]->Unref();
}

void DentryCache::Remove(Dentry& dentry) {
  {
    base::MutexLock lock(mutex_);
    if (!dentry.in_cache_) return;
    Detach(dentry);
  }
  dentry.Unref();
}

void DentryCache::Clear() {
  for (;;) {
    Dentry* dentry = nullptr;
    {
      base::MutexLock lock(mutex_);
      if (head_ == nullptr) return;
      dentry = head_;
      Detach(*dentry);
    }
    dentry->Unref();
  }
}

size_t DentryCache::size() const {
  base::MutexLock lock(mutex_);
  return size_;
}

void DentryCache::set_limit(size_t limit) {
  base::MutexLock lock(mutex_);
  limit_ = limit;
}

}  // namespace vfs
