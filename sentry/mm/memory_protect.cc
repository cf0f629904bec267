// SPDX-License-Identifier: Apache-2.0
// mprotect(2).
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>

#include "sentry/mm/memory_manager.h"

#ifndef PROT_SEM
#define PROT_SEM 0x8
#endif

namespace sentry {
namespace {

using base::Errno;
using base::GuestAddr;
using base::GuestRange;

constexpr int kProtections = PROT_READ | PROT_WRITE | PROT_EXEC;

}  // namespace

base::Result<void> MemoryManager::Protect(GuestAddr address, uint64_t length, int protection,
                                          const MemoryLimits& limits, platform::GuestThread* caller) {
  const bool down = (protection & PROT_GROWSDOWN) != 0;
  const bool up = (protection & PROT_GROWSUP) != 0;
  if (down && up) return Errno(EINVAL);
  if (!address.page_aligned()) return Errno(EINVAL);
  if (length == 0) return {};
  length = base::PageRoundUp(length).value_or(0);
  if (address.value() + length <= address.value()) return Errno(ENOMEM);
  if ((protection & ~(kProtections | PROT_SEM | PROT_GROWSDOWN | PROT_GROWSUP)) != 0) return Errno(EINVAL);
  if ((protection & ~kProtections) != 0) caller = nullptr;
  const uint8_t wanted = protection & kProtections;
  GuestRange range{address, address + length};

  MemoryLock::Guard guard(lock_);
  std::optional<Errno> error;
  {
    base::MutexLock lock(mutex_);
    const Vma* first = tree_.FindOrNext(address);
    if (first == nullptr) return Errno(ENOMEM);
    if (down) {
      if (first->range.begin >= range.end) return Errno(ENOMEM);
      if (!first->has(kVmaGrowsDown)) return Errno(EINVAL);
      range.begin = first->range.begin;
    } else {
      if (first->range.begin > address) return Errno(ENOMEM);
      if (up) return Errno(EINVAL);
    }
    if (tree_.size() + 2 > kMaxMappings) return Errno(ENOMEM);

    // The part up to the first mapping that refuses is changed.
    GuestAddr reached = range.begin;
    uint64_t data = tree_.data_bytes();
    bool differs = false;
    tree_.ForEach(range, [&](const Vma& vma) {
      if (vma.range.begin > reached) return false;
      if ((wanted & ~vma.max_protection) != 0) {
        error = Errno(EACCES);
        return false;
      }
      GuestAddr end = std::min(vma.range.end, range.end);
      if ((wanted & PROT_WRITE) != 0 && (vma.protection & PROT_WRITE) == 0 && !vma.shared && !vma.has(kVmaGrowsDown)) {
        data += end - std::max(vma.range.begin, range.begin);
        if (limits.data != kNoLimit && data > base::PageRoundDown(limits.data)) {
          error = Errno(ENOMEM);
          return false;
        }
      }
      differs |= vma.protection != wanted;
      reached = end;
      return true;
    });
    if (!error && reached < range.end) error = Errno(ENOMEM);
    if (error || down || !OnlyPrivateAnonymousLocked(range)) caller = nullptr;
    range.end = reached;
    if (!differs) range.end = range.begin;
  }
  if (!range.empty()) {
    TRY(space_->Protect(range, wanted, caller));
    base::MutexLock lock(mutex_);
    tree_.Update(range, [&](Vma& vma) { vma.protection = wanted; });
  }
  if (error) return *error;
  return {};
}

}  // namespace sentry
