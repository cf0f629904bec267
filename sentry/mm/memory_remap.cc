// SPDX-License-Identifier: Apache-2.0
// mremap(2). The host may keep as two mappings what is one in our tree and the other way round, so a mapping grows by
// mapping its new part, and moves piecewise when the host's mremap(2) meets a border.
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "sentry/mm/donation.h"
#include "sentry/mm/memory_manager.h"

#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

namespace sentry {
namespace {

using base::Errno;
using base::GuestAddr;
using base::GuestRange;

}  // namespace

base::Result<Vma> MemoryManager::CheckResize(GuestRange from, uint64_t new_length, const MemoryLimits& limits) const {
  base::MutexLock lock(mutex_);
  const Vma* vma = tree_.Find(from.begin);
  if (vma == nullptr) return Errno(EFAULT);
  if (from.empty() && !vma->shared) return Errno(EINVAL);
  if (from.end > vma->range.end) return Errno(EFAULT);
  if (new_length == from.length()) return *vma;
  uint64_t offset = vma->offset + (from.begin - vma->range.begin);
  if (offset + new_length < offset) return Errno(EINVAL);
  if (vma->kind == VmaKind::kSpecial) return Errno(EFAULT);
  uint64_t added = new_length - from.length();
  if (!MayLockMoreLocked(vma->flags, added, limits)) return Errno(EAGAIN);
  if (!MayExpandLocked(*vma, added, 0, limits)) return Errno(ENOMEM);
  return *vma;
}

base::Result<void> MemoryManager::AdviseNewPart(const Vma& vma, GuestRange part) {
  static constexpr std::pair<VmaFlag, int> kOnHost[] = {{kVmaDontFork, MADV_DONTFORK},
                                                        {kVmaWipeOnFork, MADV_WIPEONFORK},
                                                        {kVmaHugePage, MADV_HUGEPAGE},
                                                        {kVmaNoHugePage, MADV_NOHUGEPAGE}};
  for (const auto& [flag, advice] : kOnHost) {
    if (vma.has(flag)) TRY(space_->Advise(part, advice, nullptr));
  }
  return {};
}

base::Result<void> MemoryManager::GrowInPlace(const Vma& vma, uint64_t added) {
  Vma part = vma.Slice({vma.range.end, vma.range.end});
  part.range.end = part.range.begin + added;
  TRY(MapOnHost(part, nullptr));
  base::Result<void> advised = AdviseNewPart(vma, part.range);
  if (!advised.ok()) {
    (void)space_->Unmap(part.range, nullptr);
    return advised;
  }
  GuestRange range = part.range;
  bool populate = vma.has(kVmaLocked) && !vma.has(kVmaLockOnFault);
  Record(std::move(part));
  if (populate) Populate(range);
  return {};
}

base::Result<void> MemoryManager::MoveOnHost(GuestRange from, GuestAddr to) {
  base::Result<void> whole = space_->Remap(from, {to, to + from.length()});
  if (whole.ok() || whole.error().code() != EFAULT || from.length() == base::kPageSize) return whole;
  uint64_t half = base::PageRoundDown(from.length() / 2);
  TRY(MoveOnHost({from.begin, from.begin + half}, to));
  base::Result<void> rest = MoveOnHost({from.begin + half, from.end}, to + half);
  if (!rest.ok()) (void)MoveOnHost({to, to + half}, from.begin);
  return rest;
}

base::Result<void> MemoryManager::FillMoved(const Vma& moved, GuestRange from, bool duplicate) {
  if (duplicate) {
    TRY(MapOnHost(moved, nullptr));
    return AdviseNewPart(moved, moved.range);
  }
  if (moved.range.length() > from.length()) {
    Vma tail = moved.Slice({moved.range.begin + from.length(), moved.range.end});
    TRY(MapOnHost(tail, nullptr));
    TRY(AdviseNewPart(tail, tail.range));
  }
  return MoveOnHost(from, moved.range.begin);
}

base::Result<void> MemoryManager::Move(const Vma& vma, GuestRange from, GuestRange to, bool keep_old) {
  Vma moved = vma;
  moved.range = to;
  if (vma.mappable) moved.offset = vma.offset + (from.begin - vma.range.begin);
  const bool duplicate = from.empty() || (keep_old && vma.shared);
  base::Result<void> filled = FillMoved(moved, from, duplicate);
  if (!filled.ok()) {
    (void)space_->Unmap(to, nullptr);
    return filled;
  }
  base::Result<void> kept;
  if (keep_old && !duplicate) {
    Vma left = vma.Slice(from);
    kept = MapOnHost(left, nullptr);
    if (kept.ok()) kept = AdviseNewPart(left, from);
  }
  bool populate = vma.has(kVmaLocked) && !vma.has(kVmaLockOnFault) && to.length() > from.length();
  std::vector<Vma> removed;  // Dropped after the lock: files may close.
  {
    base::MutexLock lock(mutex_);
    if (keep_old && kept.ok()) {
      tree_.Update(from, [](Vma& old) { old.flags &= ~(kVmaLocked | kVmaLockOnFault); });
    } else if (!from.empty()) {
      removed = tree_.Remove(from);
    }
    tree_.Insert(std::move(moved));
  }
  if (populate) Populate({to.begin + from.length(), to.end});
  return kept;
}

base::Result<GuestAddr> MemoryManager::RemapTo(GuestRange from, uint64_t new_length, int flags, GuestAddr to,
                                               const MemoryLimits& limits) {
  const bool fixed = (flags & MREMAP_FIXED) != 0;
  const bool keep_old = (flags & MREMAP_DONTUNMAP) != 0;
  GuestRange target{to, to + new_length};
  GuestRange kept{from.begin, from.begin + std::min(from.length(), new_length)};
  Vma vma = TRY(CheckResize(kept, new_length, limits));
  if (vma.kind == VmaKind::kSpecial && keep_old) return Errno(EINVAL);
  if (fixed) {
    if (to < layout_.min_address) return Errno(EPERM);
    if (target.end > layout_.max_address) return Errno(ENOMEM);
    TRY(UnmapRange(target, nullptr));
  }
  if (from.end > kept.end) TRY(UnmapRange({kept.end, from.end}, nullptr));
  from = kept;
  {
    base::MutexLock lock(mutex_);
    if (keep_old && !MayExpandLocked(vma, new_length, 0, limits)) return Errno(ENOMEM);
    if (!fixed) {
      GuestAddr begin = TRY(PlaceLocked(to, new_length, 0));
      target = {begin, begin + new_length};
    }
  }
  TRY(Move(vma, from, target, keep_old));
  return target.begin;
}

base::Result<GuestAddr> MemoryManager::Remap(GuestAddr old_address, uint64_t old_length, uint64_t new_length, int flags,
                                             GuestAddr new_address, const MemoryLimits& limits) {
  if ((flags & ~(MREMAP_FIXED | MREMAP_MAYMOVE | MREMAP_DONTUNMAP)) != 0) return Errno(EINVAL);
  if (!old_address.page_aligned()) return Errno(EINVAL);
  old_length = base::PageRoundUp(old_length).value_or(0);
  new_length = base::PageRoundUp(new_length).value_or(0);
  if (new_length == 0 || new_length > kTaskSize) return Errno(EINVAL);
  std::optional<GuestAddr> old_end = old_address.Add(old_length);
  if (!old_end) return Errno(EINVAL);
  GuestRange from{old_address, *old_end};
  const bool to_address = (flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) != 0;
  if (to_address) {
    if (new_address.value() > kTaskSize - new_length || !new_address.page_aligned()) return Errno(EINVAL);
    if ((flags & MREMAP_MAYMOVE) == 0) return Errno(EINVAL);
    if ((flags & MREMAP_DONTUNMAP) != 0 && old_length != new_length) return Errno(EINVAL);
    // Not GuestRange::Overlaps: here an empty range inside the other counts.
    if (from.end > new_address && new_address + new_length > from.begin) return Errno(EINVAL);
  }

  MemoryLock::Guard guard(lock_);
  {
    base::MutexLock lock(mutex_);
    if (tree_.Find(old_address) == nullptr) return Errno(EFAULT);
    // Linux wants room for four more.
    if (tree_.size() + 4 > kMaxMappings) return Errno(ENOMEM);
  }
  if (to_address) return RemapTo(from, new_length, flags, new_address, limits);
  if (old_length >= new_length) {
    if (old_length > new_length) TRY(UnmapRange({old_address + new_length, from.end}, nullptr));
    return old_address;
  }

  Vma vma = TRY(CheckResize(from, new_length, limits));
  GuestRange target;
  {
    base::MutexLock lock(mutex_);
    uint64_t added = new_length - old_length;
    if (from.end == vma.range.end && vma.range.end.value() <= layout_.max_address.value() - added &&
        tree_.FirstIn({vma.range.end, vma.range.end + added}) == nullptr) {
      target = {old_address, old_address + new_length};
    } else if ((flags & MREMAP_MAYMOVE) != 0) {
      GuestAddr begin = TRY(PlaceLocked(GuestAddr(), new_length, 0));
      target = {begin, begin + new_length};
    } else {
      return Errno(ENOMEM);
    }
  }
  if (target.begin == old_address) {
    TRY(GrowInPlace(vma, new_length - old_length));
  } else {
    TRY(Move(vma, from, target, false));
  }
  return target.begin;
}

}  // namespace sentry
