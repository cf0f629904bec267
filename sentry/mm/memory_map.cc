// SPDX-License-Identifier: Apache-2.0
// mmap(2). The order of checks is Linux's: ksys_mmap_pgoff, do_mmap, get_unmapped_area, mmap_region.
#include <fcntl.h>
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "sentry/mm/donation.h"
#include "sentry/mm/memory_manager.h"

#ifndef MAP_UNINITIALIZED
#define MAP_UNINITIALIZED 0x4000000
#endif
#ifndef MAP_ABOVE4G
#define MAP_ABOVE4G 0x80
#endif

namespace sentry {
namespace {

using base::Errno;
using base::GuestAddr;
using base::GuestRange;

// What MAP_SHARED_VALIDATE accepts (Linux: LEGACY_MAP_MASK).
constexpr int kKnownFlags = MAP_SHARED | MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS | MAP_DENYWRITE | MAP_EXECUTABLE |
                            MAP_UNINITIALIZED | MAP_GROWSDOWN | MAP_LOCKED | MAP_NORESERVE | MAP_POPULATE |
                            MAP_NONBLOCK | MAP_STACK | MAP_HUGETLB | MAP_32BIT | MAP_ABOVE4G;
constexpr int kProtections = PROT_READ | PROT_WRITE | PROT_EXEC;
constexpr uint64_t kLowEnd = uint64_t{1} << 31;

// Whether the guest's own mmap call, as it stands in its registers, does what was decided.
bool SameCallNatively(const MemoryManager::MapRequest& request) {
  return (request.flags & ~MAP_NORESERVE) == (MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED) &&
         (request.protection & ~kProtections) == 0;
}

// Against writing through new mappings (fcntl(2), "File Sealing"). Asked after the file knows of the mapping.
bool IsSealed(vfs::Context& context, vfs::FileDescription& file) {
  base::Result<uint64_t> seals = file.Control(context, F_GET_SEALS, 0);
  return seals.ok() && (*seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) != 0;
}

}  // namespace

base::Result<GuestAddr> MemoryManager::PlaceLocked(GuestAddr hint, uint64_t length, int flags) const {
  if (length > kTaskSize) return Errno(ENOMEM);
  if ((flags & MAP_FIXED) != 0) {
    if (hint.value() > kTaskSize - length) return Errno(ENOMEM);
    if (!hint.page_aligned()) return Errno(EINVAL);
    if (hint < layout_.min_address) return Errno(EPERM);
    if (hint + length > layout_.max_address) return Errno(ENOMEM);
    return hint;
  }
  auto free_at = [&](GuestAddr address, GuestAddr end) {
    mutex_.AssertHeld();
    if (end.value() < length || address.value() > end.value() - length) return false;
    const Vma* next = tree_.FindOrNext(address);
    return next == nullptr || address.value() + length <= VmaTree::BeginWithGap(*next);
  };
  std::optional<GuestAddr> found;
  if ((flags & MAP_32BIT) != 0) {
    if (!hint.is_null() && free_at(hint, GuestAddr(kLowEnd))) return hint;
    found = tree_.FindGapBottomUp({layout_.low_base, GuestAddr(kLowEnd)}, length, base::kPageSize);
    if (!found) return Errno(ENOMEM);
    return *found;
  }
  if (!hint.is_null() && free_at(hint, layout_.max_address)) return hint;
  found = tree_.FindGapTopDown({layout_.min_address, layout_.mmap_base}, length, base::kPageSize);
  if (!found) found = tree_.FindGapBottomUp({layout_.mmap_low, layout_.max_address}, length, base::kPageSize);
  if (!found) return Errno(ENOMEM);
  return *found;
}

base::Result<void> MemoryManager::DescribeFile(vfs::Context& context, const MapRequest& request, Vma& vma) {
  vfs::FileDescription& file = *request.file;
  if (request.offset > INT64_MAX - vma.range.length()) return Errno(EOVERFLOW);
  switch (request.flags & MAP_TYPE) {
    case MAP_SHARED_VALIDATE:
      if ((request.flags & ~(kKnownFlags | MAP_TYPE)) != 0) return Errno(EOPNOTSUPP);
      [[fallthrough]];
    case MAP_SHARED:
      if ((request.protection & PROT_WRITE) != 0 && !file.writable()) return Errno(EACCES);
      vma.shared = true;
      break;
    case MAP_PRIVATE:
      break;
    default:
      return Errno(EINVAL);
  }
  if (!file.readable()) return Errno(EACCES);
  if (request.mount_noexec) {
    if ((request.protection & PROT_EXEC) != 0) return Errno(EPERM);
    vma.max_protection &= ~PROT_EXEC;
  }
  vma.mappable = TRY(file.Map(context, vma.shared, vma.shared && file.writable()));
  if ((request.flags & MAP_GROWSDOWN) != 0) return Errno(EINVAL);
  vma.file = base::RefPtr(&file);
  if (vma.mappable->host_fd() < 0) {  // /dev/zero.
    vma.kind = vma.shared ? VmaKind::kSharedAnonymous : VmaKind::kAnonymous;
    vma.mappable = vma.shared ? TRY(NewSharedMemory(vma.range.length())) : nullptr;
    return {};
  }
  vma.kind = VmaKind::kFile;
  vma.offset = request.offset;
  if (vma.shared && !(file.writable() && vma.mappable->writable() && !IsSealed(context, file))) {
    vma.max_protection &= ~PROT_WRITE;
    // Open for writing, but sealed.
    if ((request.protection & PROT_WRITE) != 0) return Errno(EPERM);
  }
  return {};
}

base::Result<void> MemoryManager::DescribeAnonymous(const MapRequest& request, Vma& vma) {
  switch (request.flags & MAP_TYPE) {
    case MAP_SHARED:
      if ((request.flags & MAP_GROWSDOWN) != 0) return Errno(EINVAL);
      vma.shared = true;
      vma.kind = VmaKind::kSharedAnonymous;
      return {};
    case MAP_PRIVATE:
      if ((request.flags & MAP_GROWSDOWN) != 0) vma.flags |= kVmaGrowsDown;
      return {};
    default:
      return Errno(EINVAL);
  }
}

base::Result<void> MemoryManager::MapOnHost(const Vma& vma, platform::GuestThread* caller) {
  if (!vma.mappable) return space_->MapAnonymous(vma.range, vma.protection, false, vma.has(kVmaNoReserve), caller);
  base::RefPtr<platform::DonatedFile> donated = TRY(Donated(*environment_.container, *vma.mappable));
  return space_->MapFile(vma.range, vma.protection, vma.shared, *donated, vma.offset);
}

void MemoryManager::Populate(GuestRange range) {
  std::vector<std::pair<GuestRange, int>> pieces;
  {
    base::MutexLock lock(mutex_);
    tree_.ForEach(range, [&](const Vma& vma) {
      GuestRange part{std::max(range.begin, vma.range.begin), std::min(range.end, vma.range.end)};
      bool write = (vma.protection & PROT_WRITE) != 0 && !vma.shared;
      if (vma.protection != PROT_NONE && vma.kind != VmaKind::kSpecial)
        pieces.emplace_back(part, write ? MADV_POPULATE_WRITE : MADV_POPULATE_READ);
      return true;
    });
  }
  for (const auto& [part, advice] : pieces) (void)space_->Advise(part, advice, nullptr);
}

base::Result<GuestAddr> MemoryManager::Map(vfs::Context& context, const MapRequest& request, const MemoryLimits& limits,
                                           platform::GuestThread* caller) {
  if ((request.offset & base::kPageMask) != 0) return Errno(EINVAL);
  // No huge page is ever reserved here.
  if ((request.flags & MAP_HUGETLB) != 0) return Errno(request.file != nullptr ? EINVAL : ENOMEM);
  if (request.length == 0) return Errno(EINVAL);
  int flags = request.flags;
  if ((flags & MAP_FIXED_NOREPLACE) != 0) flags |= MAP_FIXED;
  GuestAddr hint = request.address;
  if ((flags & MAP_FIXED) == 0) {
    hint = hint.PageDown();
    if (!hint.is_null() && hint < layout_.min_address) hint = layout_.min_address;
  }
  uint64_t length = base::PageRoundUp(request.length).value_or(0);
  if (length == 0) return Errno(ENOMEM);
  if (request.offset + length < request.offset) return Errno(EOVERFLOW);

  Vma vma;
  vma.protection = static_cast<uint8_t>(request.protection & kProtections);
  if ((flags & MAP_NORESERVE) != 0) vma.flags |= kVmaNoReserve;

  MemoryLock::Guard guard(lock_);
  {
    base::MutexLock lock(mutex_);
    if (tree_.size() >= kMaxMappings) return Errno(ENOMEM);
    GuestAddr begin = TRY(PlaceLocked(hint, length, flags));
    vma.range = {begin, begin + length};
    if ((flags & MAP_FIXED_NOREPLACE) != 0 && tree_.FirstIn(vma.range) != nullptr) return Errno(EEXIST);
    vma.flags |= future_flags_;
    if ((flags & MAP_LOCKED) != 0) {
      if (limits.locked == 0 && !limits.may_lock) return Errno(EPERM);
      vma.flags |= kVmaLocked;
    }
    if (!MayLockMoreLocked(vma.flags, length, limits)) return Errno(EAGAIN);
  }
  TRY(request.file != nullptr ? DescribeFile(context, request, vma) : DescribeAnonymous(request, vma));
  {
    base::MutexLock lock(mutex_);
    if (!MayExpandLocked(vma, length, 0, limits) && !MayExpandLocked(vma, length, tree_.MappedIn(vma.range), limits)) {
      return Errno(ENOMEM);
    }
    if (!SameCallNatively(request) || !OnlyPrivateAnonymousLocked(vma.range)) caller = nullptr;
  }
  if (vma.kind == VmaKind::kSharedAnonymous && !vma.mappable) vma.mappable = TRY(NewSharedMemory(length));
  GuestRange range = vma.range;
  bool populate = vma.has(kVmaLocked) && !vma.has(kVmaLockOnFault);
  populate |= (flags & (MAP_POPULATE | MAP_NONBLOCK)) == MAP_POPULATE;
  // What the caller maps itself is there only when it runs again: too late for that.
  TRY(MapOnHost(vma, populate ? nullptr : caller));
  Record(std::move(vma));
  if (populate) Populate(range);
  return range.begin;
}

}  // namespace sentry
