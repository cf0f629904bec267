// SPDX-License-Identifier: Apache-2.0
// Strong types of the guest ABI: what crosses the border between guest registers and the kernel.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <optional>

namespace base {

inline constexpr uint64_t kPageSize = 4096;
inline constexpr uint64_t kPageMask = kPageSize - 1;
inline constexpr uint64_t PageRoundDown(uint64_t value) { return value & ~kPageMask; }
// Rounds up to a page; empty when the result does not fit 64 bits.
inline constexpr std::optional<uint64_t> PageRoundUp(uint64_t value) {
  if (value > UINT64_MAX - kPageMask) return std::nullopt;
  return (value + kPageMask) & ~kPageMask;
}

// An integer that does not convert or mix with others. `Tag` names the meaning.
template <typename Tag, typename Int>
class StrongInt {
 public:
  using value_type = Int;
  constexpr StrongInt() = default;
  constexpr explicit StrongInt(Int value) : value_(value) {}
  constexpr Int value() const { return value_; }
  friend constexpr auto operator<=>(StrongInt a, StrongInt b) = default;

 private:
  Int value_{};
};

// An address in a guest address space. Never dereferenced; never compared with host pointers.
class GuestAddr {
 public:
  constexpr GuestAddr() = default;
  constexpr explicit GuestAddr(uint64_t value) : value_(value) {}
  constexpr uint64_t value() const { return value_; }
  constexpr bool is_null() const { return value_ == 0; }
  constexpr bool page_aligned() const { return (value_ & kPageMask) == 0; }
  constexpr GuestAddr PageDown() const { return GuestAddr(PageRoundDown(value_)); }
  // Checked addition: empty on wrap-around.
  constexpr std::optional<GuestAddr> Add(uint64_t length) const {
    uint64_t sum = 0;
    if (__builtin_add_overflow(value_, length, &sum)) return std::nullopt;
    return GuestAddr(sum);
  }
  // Unchecked addition for ranges that were already validated.
  constexpr GuestAddr operator+(uint64_t length) const { return GuestAddr(value_ + length); }
  constexpr uint64_t operator-(GuestAddr other) const { return value_ - other.value_; }
  friend constexpr auto operator<=>(GuestAddr a, GuestAddr b) = default;

 private:
  uint64_t value_ = 0;
};

// A half-open range [begin, end) of guest addresses. INVARIANT: begin <= end.
struct GuestRange {
  GuestAddr begin;
  GuestAddr end;

  constexpr uint64_t length() const { return end - begin; }
  constexpr bool empty() const { return begin == end; }
  constexpr bool Contains(GuestAddr address) const { return begin <= address && address < end; }
  constexpr bool Contains(GuestRange other) const { return begin <= other.begin && other.end <= end; }
  constexpr bool Overlaps(GuestRange other) const { return begin < other.end && other.begin < end; }
  friend constexpr bool operator==(GuestRange, GuestRange) = default;
};

// A guest file descriptor number as passed in a register; may be negative or not open.
using Fd = StrongInt<struct FdTag, int32_t>;
// Ids as a guest sees them in its own pid namespace. Tid names a thread, Pid a process (thread group).
using Tid = StrongInt<struct TidTag, int32_t>;
using Pid = StrongInt<struct PidTag, int32_t>;
// User and group ids as a guest passes them (in its user namespace) ...
using Uid = StrongInt<struct UidTag, uint32_t>;
using Gid = StrongInt<struct GidTag, uint32_t>;
// ... and as the kernel keeps them (in the sandbox's root user namespace).
using KUid = StrongInt<struct KUidTag, uint32_t>;
using KGid = StrongInt<struct KGidTag, uint32_t>;

// A valid signal number, 1..64.
class Signal {
 public:
  static constexpr std::optional<Signal> From(int number) {
    if (number < 1 || number > 64) return std::nullopt;
    return Signal(number);
  }
  // For constants such as SIGCHLD.
  static constexpr Signal Of(int number) { return number >= 1 && number <= 64 ? Signal(number) : Bad(); }
  constexpr int number() const { return number_; }
  constexpr uint64_t mask() const { return uint64_t{1} << (number_ - 1); }
  friend constexpr bool operator==(Signal, Signal) = default;

 private:
  constexpr explicit Signal(int number) : number_(static_cast<uint8_t>(number)) {}
  [[noreturn]] static Signal Bad() { __builtin_trap(); }
  uint8_t number_;
};

}  // namespace base

template <typename Tag, typename Int>
struct std::hash<base::StrongInt<Tag, Int>> {
  size_t operator()(base::StrongInt<Tag, Int> id) const { return std::hash<Int>()(id.value()); }
};
template <>
struct std::hash<base::GuestAddr> {
  size_t operator()(base::GuestAddr address) const { return std::hash<uint64_t>()(address.value()); }
};
