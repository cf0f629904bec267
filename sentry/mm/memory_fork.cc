// SPDX-License-Identifier: Apache-2.0
// What fork(2) does to memory, and mappings that grow down.
#include <sys/mman.h>

#include <algorithm>
#include <utility>

#include "sentry/mm/memory_manager.h"

namespace sentry {

base::Result<MemoryManager::Forked> MemoryManager::Fork(const platform::Registers& registers,
                                                        const platform::ExtendedState& state) {
  MemoryLock::Guard guard(lock_);
  platform::AddressSpace::Forked copy = TRY(space_->Fork(registers, state));
  auto child = base::AdoptRef(new MemoryManager(environment_, std::move(copy.space), layout_));
  base::MutexLock lock(mutex_);
  // The child is nobody else's yet: parent before child is an order of its own.
  base::LockOrder::ScopedNested nested;
  base::MutexLock child_lock(child->mutex_);
  for (const auto& [begin, vma] : tree_.map()) {
    if (vma.has(kVmaDontFork)) continue;
    Vma inherited = vma;
    inherited.flags &= ~(kVmaLocked | kVmaLockOnFault);
    child->tree_.Insert(std::move(inherited));
  }
  child->brk_start_ = brk_start_;
  child->brk_ = brk_;
  child->stack_low_ = stack_low_;
  child->call_entries_ = call_entries_;
  child->image_ = image_;
  return Forked{std::move(child), std::move(copy.thread)};
}

bool MemoryManager::GrowDown(base::GuestAddr address, const MemoryLimits& limits) {
  MemoryLock::Guard guard(lock_);
  Vma part;
  {
    base::MutexLock lock(mutex_);
    const Vma* vma = tree_.FindOrNext(address);
    if (vma == nullptr) return false;
    if (vma->range.begin <= address) return true;  // Another thread was here first.
    base::GuestAddr begin = address.PageDown();
    if (!vma->has(kVmaGrowsDown) || vma->protection == PROT_NONE || begin < layout_.min_address) return false;
    uint64_t added = vma->range.begin - begin;
    if (vma->range.end - begin > limits.stack || !MayExpandLocked(*vma, added, 0, limits)) return false;
    if (!MayLockMoreLocked(vma->flags, added, limits) || tree_.size() >= kMaxMappings) return false;
    base::GuestAddr gap(begin.value() > VmaTree::kStackGuardGap ? begin.value() - VmaTree::kStackGuardGap : 0);
    bool crowded = false;
    tree_.ForEach({gap, begin}, [&](const Vma& below) {
      return !(crowded = !below.has(kVmaGrowsDown) && below.protection != PROT_NONE);
    });
    if (crowded) return false;
    part = vma->Slice({vma->range.begin, vma->range.begin});
    part.range.begin = begin;
  }
  if (!MapOnHost(part, nullptr).ok()) return false;
  bool stack = part.has(kVmaStack);
  Record(std::move(part));
  if (stack) NoteStackPointer(address);
  return true;
}

}  // namespace sentry
