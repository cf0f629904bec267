// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "base/types.h"

namespace sentry {

// Random numbers for address space layout. Not thread-safe.
class LayoutRandom {
 public:
  // Seeded from the host's getrandom(2).
  LayoutRandom();
  // For tests. A disabled source always gives 0 (personality ADDR_NO_RANDOMIZE).
  explicit LayoutRandom(uint64_t seed) : state_(seed) {}
  static LayoutRandom Disabled();

  bool enabled() const { return enabled_; }
  uint64_t Next();
  // A page-aligned number in [0, pages * page size).
  uint64_t Pages(uint64_t pages);

 private:
  uint64_t state_;
  bool enabled_ = true;
};

// Where a new program image lies: Linux's places for x86-64 (arch/x86/mm/mmap.c), below the platform's region, so that
// programs that know them (Go, the JVM, the sanitizers' shadow maps) find what they expect.
struct MemoryLayout {
  base::GuestAddr min_address;  // vm.mmap_min_addr.
  base::GuestAddr max_address;  // End of guest space.
  base::GuestAddr mmap_base;    // Mappings without an address are placed below it, downward.
  base::GuestAddr mmap_low;     // ... and, when that space is used up, above this, upward (TASK_UNMAPPED_BASE).
  base::GuestAddr low_base;     // MAP_32BIT is placed in [low_base, 2 GiB), upward.
  base::GuestAddr stack_top;    // End of the main stack.
  uint64_t stack_size = 0;      // Of the main stack's mapping.
  base::GuestAddr pie_base;     // Load address of a position-independent program with an interpreter.
  uint64_t brk_gap = 0;         // Between the end of the program's data and the heap.

  // `stack_limit`: RLIMIT_STACK in bytes, UINT64_MAX if unlimited.
  static MemoryLayout Create(base::GuestAddr min_address, base::GuestAddr max_address, uint64_t stack_limit,
                             LayoutRandom& random);
};

// An unlimited stack gets a mapping of this size.
inline constexpr uint64_t kMaxStackMapping = uint64_t{16} << 30;
// End of 47-bit user space, minus the guard page (TASK_SIZE_MAX): beyond it user pointers are refused outright.
inline constexpr uint64_t kTaskSize = (uint64_t{1} << 47) - base::kPageSize;
// The lowest load address of a position-independent program (ELF_ET_DYN_BASE): two thirds up.
inline constexpr uint64_t kPieBase = base::PageRoundDown(kTaskSize / 3 * 2);

}  // namespace sentry
