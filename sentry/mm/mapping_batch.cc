// SPDX-License-Identifier: Apache-2.0
#include "sentry/mm/mapping_batch.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "sentry/mm/donation.h"

namespace sentry {

using base::Errno;

base::Result<base::GuestAddr> MappingBatch::FindFree(uint64_t length, uint64_t alignment) {
  const MemoryLayout& layout = memory_.layout_;
  base::MutexLock lock(memory_.mutex_);
  auto found = memory_.tree_.FindGapTopDown({layout.min_address, layout.mmap_base}, length, alignment);
  if (!found) found = memory_.tree_.FindGapBottomUp({layout.mmap_low, layout.max_address}, length, alignment);
  if (!found) return Errno(ENOMEM);
  return *found;
}

bool MappingBatch::IsFree(base::GuestRange range) const {
  base::MutexLock lock(memory_.mutex_);
  return memory_.tree_.FirstIn(range) == nullptr;
}

base::Result<void> MappingBatch::Add(Vma vma, platform::DonatedFile* donated) {
  const MemoryLayout& layout = memory_.layout_;
  if (vma.range.begin < layout.min_address || vma.range.end > layout.max_address) return Errno(ENOMEM);
  platform::AddressSpace::Operation operation{};
  operation.kind = donated != nullptr ? platform::AddressSpace::Operation::Kind::kMapFile
                                      : platform::AddressSpace::Operation::Kind::kMapAnonymous;
  operation.range = vma.range;
  operation.protection = vma.protection;
  operation.no_reserve = vma.has(kVmaNoReserve);
  operation.file = donated;
  operation.offset = vma.offset;
  operations_.push_back(operation);

  std::vector<Vma> replaced;  // Dropped after the lock: files may close.
  base::MutexLock lock(memory_.mutex_);
  if (memory_.tree_.size() >= MemoryManager::kMaxMappings) return Errno(ENOMEM);
  replaced = memory_.tree_.Remove(vma.range);
  uint64_t counted = vma.range.length();
  if (vma.has(kVmaStack)) {
    counted = std::min(counted, MemoryManager::kInitialStack);
    memory_.stack_low_ = base::GuestAddr(vma.range.end.value() - counted);
  }
  if (!memory_.MayExpandLocked(vma, counted, 0, limits_)) return Errno(ENOMEM);
  memory_.tree_.Insert(std::move(vma));
  return {};
}

base::Result<void> MappingBatch::MapAnonymous(base::GuestRange range, int protection, uint32_t flags) {
  Vma vma;
  vma.range = range;
  vma.protection = static_cast<uint8_t>(protection);
  vma.flags = flags;
  return Add(std::move(vma), nullptr);
}

base::Result<void> MappingBatch::MapFile(vfs::Context& context, base::GuestRange range, int protection,
                                         vfs::FileDescription& file, uint64_t offset) {
  Vma vma;
  vma.range = range;
  vma.protection = static_cast<uint8_t>(protection);
  vma.kind = VmaKind::kFile;
  vma.file = base::RefPtr(&file);
  vma.offset = offset;
  vma.mappable = TRY(file.Map(context, false, false));
  if (vma.mappable->host_fd() < 0) return Errno(ENODEV);
  donated_.push_back(TRY(Donated(*memory_.environment_.container, *vma.mappable)));
  return Add(std::move(vma), donated_.back().get());
}

void MappingBatch::AddSpecial(base::GuestRange range, int protection, const char* name) {
  Vma vma;
  vma.range = range;
  vma.protection = static_cast<uint8_t>(protection);
  vma.max_protection = 7;
  vma.kind = VmaKind::kSpecial;
  vma.name = name;
  base::MutexLock lock(memory_.mutex_);
  memory_.tree_.Insert(std::move(vma));
}

void MappingBatch::SetBrk(base::GuestAddr start) {
  base::MutexLock lock(memory_.mutex_);
  memory_.brk_start_ = start;
  memory_.brk_ = start;
}

base::Result<void> MappingBatch::Commit() { return memory_.space_->Apply(operations_); }

}  // namespace sentry
