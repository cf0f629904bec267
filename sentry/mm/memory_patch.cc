// SPDX-License-Identifier: Apache-2.0
// Call sites the platform asks to rewrite: which may be, and where what they jump to lies.
#include <sys/mman.h>

#include <algorithm>

#include "sentry/mm/memory_manager.h"

namespace sentry {
namespace {

using base::GuestAddr;
using base::GuestRange;

// A jump reaches 2 GiB; what it leads to lies below the code, where neither the heap nor the next libraries come.
constexpr uint64_t kReach = uint64_t{1} << 30;
constexpr uint64_t kAreaSize = 2 * base::kPageSize;
// Bytes before `ip` that the platform looks at.
constexpr uint64_t kLongestSite = 16;
// Code that calls from more sites than that is generated, or hostile.
constexpr size_t kMaxAreas = 16;

}  // namespace

// Whether the bytes before `ip` are what a file says, nobody else's, and not going to be written.
bool MemoryManager::IsPlainCodeLocked(GuestAddr ip) const {
  const Vma* vma = tree_.Find(GuestAddr(ip.value() - 1));
  return vma != nullptr && vma->kind == VmaKind::kFile && !vma->shared && vma->protection == (PROT_READ | PROT_EXEC) &&
         ip - vma->range.begin > kLongestSite;
}

base::Result<GuestAddr> MemoryManager::TakeCallEntry(GuestAddr ip) {
  Vma area;
  {
    base::MutexLock lock(mutex_);
    if (!IsPlainCodeLocked(ip)) return base::Errno(EINVAL);
    for (CallEntries& entries : call_entries_) {
      bool near = entries.range.end <= ip && ip - entries.range.begin < kReach;
      if (!near || entries.used + platform::AddressSpace::kCallEntrySize > kAreaSize) continue;
      GuestAddr entry = entries.range.begin + entries.used;
      // The guest may have put something of its own there.
      const Vma* vma = tree_.Find(entry);
      if (vma == nullptr || vma->kind != VmaKind::kAnonymous || vma->protection != (PROT_READ | PROT_EXEC)) continue;
      entries.used += platform::AddressSpace::kCallEntrySize;
      return entry;
    }
    if (call_entries_.size() >= kMaxAreas || tree_.size() >= kMaxMappings) return base::Errno(ENOMEM);
    GuestAddr lowest = std::max(layout_.min_address, GuestAddr(ip.value() > kReach ? ip.value() - kReach : 0));
    auto found = tree_.FindGapTopDown({lowest, ip.PageDown()}, kAreaSize, base::kPageSize);
    if (!found) return base::Errno(ENOMEM);
    area.range = {*found, *found + kAreaSize};
    area.protection = PROT_READ | PROT_EXEC;
  }
  TRY(MapOnHost(area, nullptr));
  GuestRange range = area.range;
  Record(std::move(area));
  base::MutexLock lock(mutex_);
  call_entries_.push_back({range, platform::AddressSpace::kCallEntrySize});
  return range.begin;
}

void MemoryManager::PatchCallSite(platform::GuestThread& caller, GuestAddr ip, uint32_t number) {
  if (ip.value() >= layout_.max_address.value() || ip.value() < base::kPageSize) return;
  MemoryLock::Guard guard(lock_);
  auto entry = TakeCallEntry(ip);
  if (!entry.ok()) return;
  if (space_->PatchCallSite(caller, ip, number, *entry).ok()) return;
  base::MutexLock lock(mutex_);
  for (CallEntries& entries : call_entries_) {
    if (entries.range.begin + (entries.used - platform::AddressSpace::kCallEntrySize) == *entry) {
      entries.used -= platform::AddressSpace::kCallEntrySize;
    }
  }
}

}  // namespace sentry
