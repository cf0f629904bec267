// SPDX-License-Identifier: Apache-2.0
// munmap(2) and brk(2).
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "sentry/mm/memory_manager.h"

namespace sentry {
namespace {

using base::Errno;
using base::GuestAddr;
using base::GuestRange;

// REQUIRES: a guest address, so that rounding up cannot overflow.
uint64_t PageEnd(GuestAddr address) { return base::PageRoundDown(address.value() + base::kPageMask); }

}  // namespace

base::Result<void> MemoryManager::UnmapRange(GuestRange range, platform::GuestThread* caller) {
  if (range.begin >= layout_.max_address) return {};
  if (range.end > layout_.max_address) {
    range.end = layout_.max_address;
    caller = nullptr;
  }
  {
    base::MutexLock lock(mutex_);
    if (tree_.FirstIn(range) == nullptr) return {};
    if (tree_.size() + tree_.ExtraAfterRemove(range) > kMaxMappings) return Errno(ENOMEM);
    if (!OnlyPrivateAnonymousLocked(range)) caller = nullptr;
  }
  TRY(space_->Unmap(range, caller));
  std::vector<Vma> removed;  // Dropped after the lock: files may close.
  base::MutexLock lock(mutex_);
  removed = tree_.Remove(range);
  return {};
}

base::Result<void> MemoryManager::Unmap(GuestAddr address, uint64_t length, platform::GuestThread* caller) {
  if (!address.page_aligned() || address.value() > kTaskSize || length > kTaskSize - address.value())
    return Errno(EINVAL);
  length = base::PageRoundUp(length).value_or(0);
  if (length == 0) return Errno(EINVAL);
  MemoryLock::Guard guard(lock_);
  return UnmapRange({address, address + length}, caller);
}

GuestAddr MemoryManager::Brk(GuestAddr address, const MemoryLimits& limits) {
  MemoryLock::Guard guard(lock_);
  GuestRange added;
  GuestRange dropped;
  Vma heap;
  heap.protection = PROT_READ | PROT_WRITE;
  GuestAddr current;
  {
    base::MutexLock lock(mutex_);
    current = brk_;
    if (brk_start_.is_null() || address < brk_start_ || address > layout_.max_address) return current;
    uint64_t data = image_.data.length();
    uint64_t wanted = address - brk_start_;
    if (wanted > limits.data || data > limits.data - wanted) return current;

    GuestAddr old_end(PageEnd(brk_));
    GuestAddr new_end(PageEnd(address));
    if (old_end == new_end) {
      brk_ = address;
      return address;
    }
    if (new_end < old_end) {
      const Vma* vma = tree_.FirstIn({new_end, old_end});
      if (vma == nullptr) return current;
      dropped = {new_end, old_end};
    } else {
      added = {old_end, new_end};
      heap.range = added;
      heap.flags = future_flags_;
      const Vma* next = tree_.FindOrNext(old_end);
      if (new_end > layout_.max_address) return current;
      if (next != nullptr && new_end.value() + base::kPageSize > VmaTree::BeginWithGap(*next)) return current;
      if (!MayLockMoreLocked(heap.flags, added.length(), limits)) return current;
      if (!MayExpandLocked(heap, added.length(), 0, limits)) return current;
      if (tree_.size() >= kMaxMappings) return current;
    }
  }
  if (!dropped.empty()) {
    if (!UnmapRange(dropped, nullptr).ok()) return current;
  } else {
    if (!MapOnHost(heap, nullptr).ok()) return current;
    bool populate = heap.has(kVmaLocked) && !heap.has(kVmaLockOnFault);
    Record(std::move(heap));
    if (populate) Populate(added);
  }
  base::MutexLock lock(mutex_);
  brk_ = address;
  return address;
}

}  // namespace sentry
