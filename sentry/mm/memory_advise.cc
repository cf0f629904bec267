// SPDX-License-Identifier: Apache-2.0
// madvise(2).
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <optional>

#include "sentry/mm/memory_manager.h"

#ifndef MADV_DONTNEED_LOCKED
#define MADV_DONTNEED_LOCKED 24
#endif
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

namespace sentry {
namespace {

using base::Errno;
using base::GuestAddr;
using base::GuestRange;

// What an advice does.
struct Rule {
  bool on_host;  // The host must hear it: it changes what the guest finds in memory, or after fork.
  uint32_t set = 0;
  uint32_t clear = 0;
};

std::optional<Rule> RuleOf(int advice) {
  switch (advice) {
    case MADV_NORMAL:
      return Rule{false, 0, kVmaRandom | kVmaSequential};
    case MADV_RANDOM:
      return Rule{false, kVmaRandom, kVmaSequential};
    case MADV_SEQUENTIAL:
      return Rule{false, kVmaSequential, kVmaRandom};
    case MADV_WILLNEED:
      return Rule{false};
    case MADV_DONTNEED:
    case MADV_DONTNEED_LOCKED:
    case MADV_FREE:
    case MADV_REMOVE:
    case MADV_COLD:
    case MADV_PAGEOUT:
    case MADV_POPULATE_READ:
    case MADV_POPULATE_WRITE:
    case MADV_COLLAPSE:
      return Rule{true};
    case MADV_DONTFORK:
      return Rule{true, kVmaDontFork, 0};
    case MADV_DOFORK:
      return Rule{true, 0, kVmaDontFork};
    case MADV_WIPEONFORK:
      return Rule{true, kVmaWipeOnFork, 0};
    case MADV_KEEPONFORK:
      return Rule{true, 0, kVmaWipeOnFork};
    case MADV_HUGEPAGE:
      return Rule{true, kVmaHugePage, kVmaNoHugePage};
    case MADV_NOHUGEPAGE:
      return Rule{true, kVmaNoHugePage, kVmaHugePage};
    case MADV_MERGEABLE:
      return Rule{false, kVmaMergeable, 0};
    case MADV_UNMERGEABLE:
      return Rule{false, 0, kVmaMergeable};
    case MADV_DONTDUMP:
      return Rule{false, kVmaDontDump, 0};
    case MADV_DODUMP:
      return Rule{false, 0, kVmaDontDump};
    default:
      return std::nullopt;
  }
}

// Why a mapping does not take an advice.
std::optional<Errno> Refusal(const Vma& vma, int advice) {
  const bool special = vma.kind == VmaKind::kSpecial;
  switch (advice) {
    case MADV_DONTNEED:
    case MADV_COLD:
    case MADV_PAGEOUT:
      if (vma.has(kVmaLocked)) return Errno(EINVAL);
      [[fallthrough]];
    case MADV_DONTNEED_LOCKED:
    case MADV_DOFORK:
      if (special) return Errno(EINVAL);
      break;
    case MADV_FREE:
      if (vma.has(kVmaLocked) || !vma.private_anonymous()) return Errno(EINVAL);
      break;
    case MADV_REMOVE:
      if (vma.has(kVmaLocked) || !vma.mappable) return Errno(EINVAL);
      if (!vma.shared || (vma.max_protection & PROT_WRITE) == 0) return Errno(EACCES);
      break;
    case MADV_WIPEONFORK:
      if (!vma.private_anonymous()) return Errno(EINVAL);
      break;
    case MADV_HUGEPAGE:
    case MADV_NOHUGEPAGE:
      if (special) return Errno(EINVAL);
      break;
    default:
      break;
  }
  return std::nullopt;
}

}  // namespace

base::Result<void> MemoryManager::Advise(GuestAddr address, uint64_t length, int advice,
                                         platform::GuestThread* caller) {
  const std::optional<Rule> rule = RuleOf(advice);
  if (!rule || !address.page_aligned()) return Errno(EINVAL);
  const uint64_t rounded = base::PageRoundUp(length).value_or(0);
  if (length != 0 && rounded == 0) return Errno(EINVAL);
  if (!address.Add(rounded)) return Errno(EINVAL);
  const GuestRange range{address, address + rounded};
  if (range.empty()) return {};

  MemoryLock::Guard guard(lock_);
  std::vector<GuestRange> pieces;  // Without holes in them.
  std::optional<Errno> refused;
  bool hole = false;
  {
    base::MutexLock lock(mutex_);
    if (tree_.size() + 2 > kMaxMappings && (rule->set | rule->clear) != 0) return Errno(ENOMEM);
    GuestAddr reached = range.begin;
    tree_.ForEach(range, [&](const Vma& vma) {
      hole |= vma.range.begin > reached;
      refused = Refusal(vma, advice);
      if (refused) return false;
      GuestRange part{std::max(vma.range.begin, range.begin), std::min(vma.range.end, range.end)};
      if (!pieces.empty() && pieces.back().end == part.begin) {
        pieces.back().end = part.end;
      } else {
        pieces.push_back(part);
      }
      reached = part.end;
      return true;
    });
    hole |= !refused && reached < range.end;
    if (hole || refused || !OnlyPrivateAnonymousLocked(range)) caller = nullptr;
  }
  for (const GuestRange& piece : pieces) {
    if (rule->on_host) TRY(space_->Advise(piece, advice, caller));
    if ((rule->set | rule->clear) == 0) continue;
    base::MutexLock lock(mutex_);
    tree_.Update(piece, [&](Vma& vma) { vma.flags = (vma.flags & ~rule->clear) | rule->set; });
  }
  if (refused) return *refused;
  if (hole) return Errno(ENOMEM);
  return {};
}

}  // namespace sentry
