// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "base/types.h"
#include "sentry/mm/vma.h"

namespace sentry {

// The mappings of one address space, ordered by address, disjoint; neighbours that may be one are one.
// Not thread-safe.
class VmaTree {
 public:
  using Map = std::map<uint64_t, Vma>;  // By range.begin.

  const Map& map() const { return map_; }
  size_t size() const { return map_.size(); }
  bool empty() const { return map_.empty(); }

  // The mapping that contains the address, or null.
  const Vma* Find(base::GuestAddr address) const;
  // The first mapping that ends behind the address (Linux: find_vma), or null.
  const Vma* FindOrNext(base::GuestAddr address) const;
  // The first mapping that overlaps the range, or null.
  const Vma* FirstIn(base::GuestRange range) const;
  // The mapping directly behind `vma`, or null.
  const Vma* Next(const Vma& vma) const;
  // Whether no byte of the range is unmapped.
  bool Covers(base::GuestRange range) const;
  // Calls `visit` for every mapping that overlaps the range, in order, until it returns false.
  void ForEach(base::GuestRange range, const std::function<bool(const Vma&)>& visit) const;
  // How many mappings more there would be after cutting the range out: 1 for a hole inside one mapping, else 0.
  size_t ExtraAfterRemove(base::GuestRange range) const;

  // REQUIRES: the range of `vma` is free and not empty.
  void Insert(Vma vma);
  // Cuts the range out; returns what was there, cut to the range.
  std::vector<Vma> Remove(base::GuestRange range);
  // Changes every mapping in the range (cut at its ends) by `change`, which must not touch range or kind.
  void Update(base::GuestRange range, const std::function<void(Vma&)>& change);

  // The highest (lowest) address in [low, high) of `length` free bytes, a multiple of `alignment`. Keeps the stack
  // guard gap below mappings that grow down.
  // Not safe for concurrent calls, const or not: both remember where to look next.
  std::optional<base::GuestAddr> FindGapTopDown(base::GuestRange within, uint64_t length, uint64_t alignment) const;
  std::optional<base::GuestAddr> FindGapBottomUp(base::GuestRange within, uint64_t length, uint64_t alignment) const;

  // Bytes mapped; and of those, bytes that count as data (RLIMIT_DATA), bytes locked. The stack counts whole.
  uint64_t total_bytes() const { return total_bytes_; }
  uint64_t data_bytes() const { return data_bytes_; }
  uint64_t locked_bytes() const { return locked_bytes_; }
  // Bytes of the range that are mapped; that are locked.
  uint64_t MappedIn(base::GuestRange range) const;
  uint64_t LockedIn(base::GuestRange range) const;

  // The gap Linux keeps below a mapping that grows down (stack_guard_gap).
  static constexpr uint64_t kStackGuardGap = 256 * base::kPageSize;
  // The lowest address a new mapping below `vma` may end at.
  static uint64_t BeginWithGap(const Vma& vma);

 private:
  void Count(const Vma& vma, int64_t sign);
  // Makes `address` a border between mappings if it lies inside one.
  void SplitAt(base::GuestAddr address);
  void MergeAround(base::GuestRange range);

  Map map_;
  // Where the last top-down search below search_top_ ended: no free range above search_from_ is larger than
  // largest_hole_above_. Only saves time.
  mutable base::GuestAddr search_top_;
  mutable base::GuestAddr search_from_;
  mutable uint64_t largest_hole_above_ = 0;
  uint64_t total_bytes_ = 0;
  uint64_t data_bytes_ = 0;
  uint64_t locked_bytes_ = 0;
};

}  // namespace sentry
