// SPDX-License-Identifier: Apache-2.0
#include "sentry/mm/memory_manager.h"

#include <sys/mman.h>

#include <algorithm>
#include <utility>

namespace sentry {

constinit base::LockClass MemoryManager::kMutex{"MemoryManager::mutex_"};

MemoryManager::MemoryManager(const Environment& environment, base::RefPtr<platform::AddressSpace> space,
                             const MemoryLayout& layout)
    : environment_(environment),
      space_(std::move(space)),
      layout_(layout),
      memory_(*space_, layout.max_address),
      lock_storage_(environment.make_lock()),
      lock_(*lock_storage_),
      stack_low_(layout.stack_top) {}

MemoryManager::~MemoryManager() = default;

base::RefPtr<MemoryManager> MemoryManager::Create(const Environment& environment,
                                                  base::RefPtr<platform::AddressSpace> space,
                                                  const MemoryLayout& layout) {
  return base::AdoptRef(new MemoryManager(environment, std::move(space), layout));
}

std::optional<Vma> MemoryManager::Find(base::GuestAddr address) const {
  base::MutexLock lock(mutex_);
  const Vma* vma = tree_.Find(address);
  if (vma == nullptr) return std::nullopt;
  return *vma;
}

uint64_t MemoryManager::StackTouchedLocked(const Vma& stack) const {
  base::GuestAddr low = stack_low_.PageDown();
  if (low <= stack.range.begin || low >= stack.range.end) return stack.range.length();
  return stack.range.end - low;
}

uint64_t MemoryManager::TotalLocked() const {
  uint64_t total = tree_.total_bytes();
  if (const Vma* vma = tree_.Find(stack_low_); vma != nullptr && vma->has(kVmaStack))
    total -= vma->range.length() - StackTouchedLocked(*vma);
  return total;
}

bool MemoryManager::OnlyPrivateAnonymousLocked(base::GuestRange range) const {
  bool only = true;
  tree_.ForEach(range, [&](const Vma& vma) { return only = vma.private_anonymous(); });
  return only;
}

bool MemoryManager::MayExpandLocked(const Vma& like, uint64_t length, uint64_t replaced,
                                    const MemoryLimits& limits) const {
  auto exceeds = [&](uint64_t used, uint64_t limit) {
    uint64_t wanted = 0;
    if (__builtin_add_overflow(used - std::min(used, replaced), length, &wanted)) return true;
    return wanted > base::PageRoundDown(limit);
  };
  if (exceeds(TotalLocked(), limits.address_space)) return false;
  return !like.counts_as_data() || !exceeds(tree_.data_bytes(), limits.data);
}

bool MemoryManager::MayLockMoreLocked(uint32_t flags, uint64_t length, const MemoryLimits& limits) const {
  if ((flags & kVmaLocked) == 0 || limits.may_lock) return true;
  uint64_t wanted = 0;
  if (__builtin_add_overflow(tree_.locked_bytes(), length, &wanted)) return false;
  return wanted <= base::PageRoundDown(limits.locked);
}

void MemoryManager::Record(Vma vma) {
  std::vector<Vma> replaced;  // Dropped after the lock: files may close.
  base::MutexLock lock(mutex_);
  replaced = tree_.Remove(vma.range);
  tree_.Insert(std::move(vma));
}

void MemoryManager::NoteStackPointer(base::GuestAddr stack_pointer) {
  base::MutexLock lock(mutex_);
  const Vma* vma = tree_.Find(stack_pointer);
  if (vma != nullptr && vma->has(kVmaStack)) stack_low_ = std::min(stack_low_, stack_pointer);
}

std::vector<MapEntry> MemoryManager::Entries(base::GuestAddr from, size_t limit) const {
  std::vector<MapEntry> entries;
  base::MutexLock lock(mutex_);
  tree_.ForEach({from, base::GuestAddr(UINT64_MAX)}, [&](const Vma& vma) {
    mutex_.AssertHeld();
    if (entries.size() == limit) return false;
    MapEntry entry{.range = vma.range,
                   .protection = vma.protection,
                   .shared = vma.shared,
                   .offset = vma.offset,
                   .flags = vma.flags,
                   .name = vma.name,
                   .file = vma.file};
    if (vma.has(kVmaStack)) {
      entry.name = "[stack]";
      entry.range.begin = base::GuestAddr(vma.range.end.value() - StackTouchedLocked(vma));
    } else if (vma.kind == VmaKind::kSharedAnonymous && !vma.file) {
      entry.name = "/dev/zero (deleted)";
    } else if (vma.kind == VmaKind::kAnonymous && !vma.file && vma.range.Overlaps({brk_start_, brk_})) {
      entry.name = "[heap]";
    }
    entries.push_back(std::move(entry));
    return true;
  });
  return entries;
}

MemoryUsage MemoryManager::Usage() const {
  MemoryUsage usage;
  base::MutexLock lock(mutex_);
  usage.total = TotalLocked();
  usage.data = tree_.data_bytes();
  usage.locked = tree_.locked_bytes();
  usage.count = tree_.size();
  if (const Vma* vma = tree_.Find(stack_low_); vma != nullptr && vma->has(kVmaStack))
    usage.stack = StackTouchedLocked(*vma);
  return usage;
}

base::GuestRange MemoryManager::HeapRange() const {
  base::MutexLock lock(mutex_);
  return {brk_start_, brk_};
}

ImageInfo MemoryManager::image() const {
  base::MutexLock lock(mutex_);
  return image_;
}

void MemoryManager::set_image(ImageInfo image) {
  ImageInfo old;
  base::MutexLock lock(mutex_);
  old = std::exchange(image_, std::move(image));
}

}  // namespace sentry
