// SPDX-License-Identifier: Apache-2.0
#include "sentry/mm/layout.h"

#include <sys/random.h>

#include <algorithm>

#include "base/log.h"
#include "sentry/mm/vma_tree.h"

namespace sentry {
namespace {

// Linux's figures for 64-bit programs.
constexpr uint64_t kMmapRandomPages = uint64_t{1} << 28;   // vm.mmap_rnd_bits
constexpr uint64_t kStackRandomPages = uint64_t{1} << 22;  // STACK_RND_MASK
constexpr uint64_t kBrkRandomPages = uint64_t{1} << 18;    // 1 GiB
constexpr uint64_t kLowRandomPages = uint64_t{1} << 13;    // 32 MiB, for MAP_32BIT
constexpr uint64_t kMinGap = uint64_t{128} << 20;
constexpr uint64_t kLowBase = uint64_t{1} << 30;

}  // namespace

LayoutRandom::LayoutRandom() : state_(0) {
  CHECK_INVARIANT(getrandom(&state_, sizeof state_, 0) == static_cast<ssize_t>(sizeof state_));
}

LayoutRandom LayoutRandom::Disabled() {
  LayoutRandom none(0);
  none.enabled_ = false;
  return none;
}

// splitmix64.
uint64_t LayoutRandom::Next() {
  if (!enabled_) return 0;
  state_ += 0x9e3779b97f4a7c15;
  uint64_t z = state_;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

uint64_t LayoutRandom::Pages(uint64_t pages) { return Next() % pages * base::kPageSize; }

MemoryLayout MemoryLayout::Create(base::GuestAddr min_address, base::GuestAddr max_address, uint64_t stack_limit,
                                  LayoutRandom& random) {
  MemoryLayout layout;
  layout.min_address = min_address;
  layout.max_address = max_address;
  uint64_t task_size = max_address.value();

  layout.stack_top = base::GuestAddr(task_size - random.Pages(kStackRandomPages));
  layout.stack_size = base::PageRoundDown(std::clamp(stack_limit, 128 * base::kPageSize, kMaxStackMapping));

  uint64_t pad = VmaTree::kStackGuardGap + (random.enabled() ? kStackRandomPages * base::kPageSize : 0);
  uint64_t gap = stack_limit;
  if (gap + pad > gap) gap += pad;
  gap = std::clamp(gap, kMinGap, task_size / 6 * 5);
  layout.mmap_base = base::GuestAddr(base::PageRoundDown(task_size - gap) - random.Pages(kMmapRandomPages));
  layout.mmap_low = base::GuestAddr(base::PageRoundDown(kTaskSize / 3));

  layout.low_base = base::GuestAddr(kLowBase + random.Pages(kLowRandomPages));
  layout.pie_base = base::GuestAddr(kPieBase + random.Pages(kMmapRandomPages));
  layout.brk_gap = random.Pages(kBrkRandomPages);
  return layout;
}

}  // namespace sentry
