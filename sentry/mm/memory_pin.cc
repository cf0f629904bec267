// SPDX-License-Identifier: Apache-2.0
// mlock(2) and its family, msync(2), mincore(2).
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>

#include "sentry/mm/memory_manager.h"

namespace sentry {
namespace {

using base::Errno;
using base::GuestAddr;
using base::GuestRange;

constexpr uint32_t kLockFlags = kVmaLocked | kVmaLockOnFault;

}  // namespace

base::Result<void> MemoryManager::SetLocked(GuestRange range, uint32_t flags) {
  bool populate = (flags & kVmaLocked) != 0 && (flags & kVmaLockOnFault) == 0;
  {
    base::MutexLock lock(mutex_);
    if (tree_.Find(range.begin) == nullptr) return Errno(ENOMEM);
    if (tree_.size() + 2 > kMaxMappings) return Errno(ENOMEM);
    GuestAddr reached = range.begin;
    tree_.ForEach(range, [&](const Vma& vma) {
      if (vma.range.begin > reached) return false;
      reached = std::min(vma.range.end, range.end);
      return true;
    });
    tree_.Update({range.begin, reached}, [&](Vma& vma) {
      if (vma.kind != VmaKind::kSpecial) vma.flags = (vma.flags & ~kLockFlags) | flags;
    });
    if (reached < range.end) return Errno(ENOMEM);
  }
  if (populate) Populate(range);
  return {};
}

base::Result<void> MemoryManager::LockPages(GuestAddr address, uint64_t length, int flags, const MemoryLimits& limits) {
  if ((flags & ~MLOCK_ONFAULT) != 0) return Errno(EINVAL);
  if (limits.locked == 0 && !limits.may_lock) return Errno(EPERM);
  GuestAddr begin = address.PageDown();
  length = base::PageRoundUp(length + (address - begin)).value_or(0);
  MemoryLock::Guard guard(lock_);
  if (!limits.may_lock) {
    base::MutexLock lock(mutex_);
    uint64_t limit = base::PageRoundDown(limits.locked);
    uint64_t wanted = tree_.locked_bytes() + length;
    if (wanted > limit && begin.Add(length)) wanted -= tree_.LockedIn({begin, begin + length});
    if (wanted > limit) return Errno(ENOMEM);
  }
  if (!begin.Add(length)) return Errno(EINVAL);
  if (length == 0) return {};
  return SetLocked({begin, begin + length}, kVmaLocked | ((flags & MLOCK_ONFAULT) != 0 ? kVmaLockOnFault : 0u));
}

base::Result<void> MemoryManager::UnlockPages(GuestAddr address, uint64_t length) {
  GuestAddr begin = address.PageDown();
  length = base::PageRoundUp(length + (address - begin)).value_or(0);
  if (!begin.Add(length)) return Errno(EINVAL);
  if (length == 0) return {};
  MemoryLock::Guard guard(lock_);
  return SetLocked({begin, begin + length}, 0);
}

base::Result<void> MemoryManager::LockAll(int flags, const MemoryLimits& limits) {
  if (flags == 0 || flags == MCL_ONFAULT || (flags & ~(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT)) != 0)
    return Errno(EINVAL);
  if (limits.locked == 0 && !limits.may_lock) return Errno(EPERM);
  const uint32_t set = kVmaLocked | ((flags & MCL_ONFAULT) != 0 ? kVmaLockOnFault : 0u);
  const GuestRange everything{GuestAddr(0), layout_.max_address};
  MemoryLock::Guard guard(lock_);
  {
    base::MutexLock lock(mutex_);
    bool current = (flags & MCL_CURRENT) != 0;
    if (current && !limits.may_lock && TotalLocked() > base::PageRoundDown(limits.locked)) return Errno(ENOMEM);
    future_flags_ = (flags & MCL_FUTURE) != 0 ? set : 0;
    if (!current) return {};
    tree_.Update(everything, [&](Vma& vma) {
      if (vma.kind != VmaKind::kSpecial) vma.flags = (vma.flags & ~kLockFlags) | set;
    });
  }
  if ((flags & MCL_ONFAULT) == 0) Populate(everything);
  return {};
}

base::Result<void> MemoryManager::UnlockAll() {
  MemoryLock::Guard guard(lock_);
  base::MutexLock lock(mutex_);
  future_flags_ = 0;
  tree_.Update({GuestAddr(0), layout_.max_address}, [](Vma& vma) { vma.flags &= ~kLockFlags; });
  return {};
}

base::Result<void> MemoryManager::Sync(GuestAddr address, uint64_t length, int flags) {
  if ((flags & ~(MS_ASYNC | MS_INVALIDATE | MS_SYNC)) != 0) return Errno(EINVAL);
  if (!address.page_aligned()) return Errno(EINVAL);
  if ((flags & MS_ASYNC) != 0 && (flags & MS_SYNC) != 0) return Errno(EINVAL);
  length = base::PageRoundDown(length + base::kPageMask);
  if (!address.Add(length)) return Errno(ENOMEM);
  const GuestRange range{address, address + length};
  if (range.empty()) return {};

  MemoryLock::Guard guard(lock_);
  std::vector<GuestRange> pieces;
  bool hole = false, busy = false;
  {
    base::MutexLock lock(mutex_);
    GuestAddr reached = range.begin;
    tree_.ForEach(range, [&](const Vma& vma) {
      hole |= vma.range.begin > reached;
      busy = (flags & MS_INVALIDATE) != 0 && vma.has(kVmaLocked);
      if (busy) return false;
      reached = std::min(vma.range.end, range.end);
      if ((flags & MS_SYNC) != 0 && vma.kind == VmaKind::kFile && vma.shared)
        pieces.push_back({std::max(vma.range.begin, range.begin), reached});
      return true;
    });
    hole |= reached < range.end;
  }
  for (const GuestRange& piece : pieces) TRY(space_->Sync(piece, MS_SYNC));
  if (busy) return Errno(EBUSY);
  if (hole) return Errno(ENOMEM);
  return {};
}

base::Result<uint64_t> MemoryManager::Mincore(GuestAddr address, uint64_t length) {
  if (!address.page_aligned()) return Errno(EINVAL);
  if (length > kTaskSize || address.value() > kTaskSize - length) return Errno(ENOMEM);
  length = base::PageRoundUp(length).value_or(0);
  if (length == 0) return uint64_t{0};
  base::MutexLock lock(mutex_);
  if (!tree_.Covers({address, address + length})) return Errno(ENOMEM);
  return length / base::kPageSize;
}

}  // namespace sentry
