// SPDX-License-Identifier: Apache-2.0
#include "sentry/mm/vma_tree.h"

#include <algorithm>
#include <utility>

#include "base/log.h"

namespace sentry {
namespace {

base::GuestRange Intersect(base::GuestRange a, base::GuestRange b) {
  return {std::max(a.begin, b.begin), std::min(a.end, b.end)};
}

}  // namespace

uint64_t VmaTree::BeginWithGap(const Vma& vma) {
  uint64_t begin = vma.range.begin.value();
  if (!vma.has(kVmaGrowsDown)) return begin;
  return begin > kStackGuardGap ? begin - kStackGuardGap : 0;
}

const Vma* VmaTree::FindOrNext(base::GuestAddr address) const {
  auto it = map_.upper_bound(address.value());
  if (it != map_.begin()) {
    auto before = std::prev(it);
    if (before->second.range.end > address) return &before->second;
  }
  return it == map_.end() ? nullptr : &it->second;
}

const Vma* VmaTree::Find(base::GuestAddr address) const {
  const Vma* vma = FindOrNext(address);
  return vma != nullptr && vma->range.begin <= address ? vma : nullptr;
}

const Vma* VmaTree::FirstIn(base::GuestRange range) const {
  const Vma* vma = FindOrNext(range.begin);
  return vma != nullptr && vma->range.begin < range.end ? vma : nullptr;
}

const Vma* VmaTree::Next(const Vma& vma) const {
  auto it = map_.upper_bound(vma.range.begin.value());
  return it == map_.end() ? nullptr : &it->second;
}

void VmaTree::ForEach(base::GuestRange range, const std::function<bool(const Vma&)>& visit) const {
  const Vma* first = FirstIn(range);
  if (first == nullptr) return;
  for (auto it = map_.find(first->range.begin.value()); it != map_.end() && it->second.range.begin < range.end; ++it) {
    if (!visit(it->second)) return;
  }
}

bool VmaTree::Covers(base::GuestRange range) const {
  base::GuestAddr reached = range.begin;
  ForEach(range, [&](const Vma& vma) {
    if (vma.range.begin > reached) return false;
    reached = vma.range.end;
    return true;
  });
  return reached >= range.end;
}

size_t VmaTree::ExtraAfterRemove(base::GuestRange range) const {
  const Vma* vma = FirstIn(range);
  return vma != nullptr && vma->range.begin < range.begin && vma->range.end > range.end ? 1 : 0;
}

void VmaTree::Count(const Vma& vma, int64_t sign) {
  uint64_t length = vma.range.length() * static_cast<uint64_t>(sign);
  total_bytes_ += length;
  if (vma.counts_as_data()) data_bytes_ += length;
  if (vma.has(kVmaLocked)) locked_bytes_ += length;
}

void VmaTree::Insert(Vma vma) {
  CHECK_INVARIANT(!vma.range.empty() && FirstIn(vma.range) == nullptr);
  base::GuestRange range = vma.range;
  Count(vma, 1);
  map_.emplace(range.begin.value(), std::move(vma));
  MergeAround(range);
}

void VmaTree::SplitAt(base::GuestAddr address) {
  auto it = map_.upper_bound(address.value());
  if (it == map_.begin()) return;
  Vma& vma = std::prev(it)->second;
  if (vma.range.begin == address || vma.range.end <= address) return;
  Vma tail = vma.Slice({address, vma.range.end});
  vma.range.end = address;
  map_.emplace_hint(it, address.value(), std::move(tail));
}

void VmaTree::MergeAround(base::GuestRange range) {
  // From the mapping that ends at or contains range.begin to the one that begins at range.end.
  auto it = map_.lower_bound(range.begin.value());
  if (it != map_.begin()) --it;
  while (it != map_.end()) {
    auto next = std::next(it);
    if (next == map_.end() || next->second.range.begin > range.end) return;
    if (it->second.MergesWith(next->second)) {
      it->second.range.end = next->second.range.end;
      map_.erase(next);
    } else {
      it = next;
    }
  }
}

std::vector<Vma> VmaTree::Remove(base::GuestRange range) {
  std::vector<Vma> removed;
  if (FirstIn(range) == nullptr) return removed;
  SplitAt(range.begin);
  SplitAt(range.end);
  auto it = map_.lower_bound(range.begin.value());
  while (it != map_.end() && it->second.range.begin < range.end) {
    Count(it->second, -1);
    removed.push_back(std::move(it->second));
    it = map_.erase(it);
  }
  if (range.end > search_from_) {
    // The free space may reach further up than what was removed.
    base::GuestAddr end = it == map_.end() ? search_top_ : base::GuestAddr(BeginWithGap(it->second));
    search_from_ = std::min(end, search_top_);
  }
  return removed;
}

void VmaTree::Update(base::GuestRange range, const std::function<void(Vma&)>& change) {
  if (FirstIn(range) == nullptr) return;
  SplitAt(range.begin);
  SplitAt(range.end);
  for (auto it = map_.lower_bound(range.begin.value()); it != map_.end() && it->second.range.begin < range.end; ++it) {
    Count(it->second, -1);
    change(it->second);
    Count(it->second, 1);
  }
  MergeAround(range);
}

std::optional<base::GuestAddr> VmaTree::FindGapTopDown(base::GuestRange within, uint64_t length,
                                                       uint64_t alignment) const {
  if (length == 0 || within.length() < length) return std::nullopt;
  uint64_t high = within.end.value();
  uint64_t largest_hole = 0;
  bool remember = alignment == base::kPageSize;
  if (remember && within.end == search_top_ && length > largest_hole_above_) {
    high = search_from_.value();
    largest_hole = largest_hole_above_;
  }

  auto it = map_.lower_bound(high);
  if (it != map_.end()) high = std::min(high, BeginWithGap(it->second));
  while (true) {
    uint64_t low = it == map_.begin() ? 0 : std::prev(it)->second.range.end.value();
    low = std::max(low, within.begin.value());
    if (high >= low && high - low >= length) {
      uint64_t begin = (high - length) / alignment * alignment;
      if (begin >= low) {
        if (remember) {
          search_top_ = within.end;
          search_from_ = base::GuestAddr(high);
          largest_hole_above_ = largest_hole;
        }
        return base::GuestAddr(begin);
      }
    }
    if (high > low) largest_hole = std::max(largest_hole, high - low);
    if (it == map_.begin() || low == within.begin.value()) return std::nullopt;
    --it;
    high = std::min(high, BeginWithGap(it->second));
  }
}

std::optional<base::GuestAddr> VmaTree::FindGapBottomUp(base::GuestRange within, uint64_t length,
                                                        uint64_t alignment) const {
  if (length == 0 || within.length() < length) return std::nullopt;
  uint64_t low = within.begin.value();
  const Vma* vma = FindOrNext(within.begin);
  while (true) {
    if (low > UINT64_MAX - alignment) return std::nullopt;
    uint64_t begin = (low + alignment - 1) / alignment * alignment;
    if (begin >= within.end.value() || within.end.value() - begin < length) return std::nullopt;
    if (vma == nullptr || begin + length <= BeginWithGap(*vma)) return base::GuestAddr(begin);
    low = std::max(low, vma->range.end.value());
    vma = Next(*vma);
  }
}

uint64_t VmaTree::MappedIn(base::GuestRange range) const {
  uint64_t sum = 0;
  ForEach(range, [&](const Vma& vma) {
    sum += Intersect(vma.range, range).length();
    return true;
  });
  return sum;
}

uint64_t VmaTree::LockedIn(base::GuestRange range) const {
  uint64_t sum = 0;
  ForEach(range, [&](const Vma& vma) {
    if (vma.has(kVmaLocked)) sum += Intersect(vma.range, range).length();
    return true;
  });
  return sum;
}

}  // namespace sentry
