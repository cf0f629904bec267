// SPDX-License-Identifier: Apache-2.0
#include "sentry/mm/layout.h"

#include <gtest/gtest.h>

#include "sentry/mm/vma_tree.h"

namespace sentry {
namespace {

using base::GuestAddr;

constexpr GuestAddr kMin(0x10000);
constexpr GuestAddr kMax(0x7ffe00000000);
constexpr uint64_t kEightMegabytes = 8u << 20;

TEST(LayoutTest, WithoutRandomnessIsLinuxs) {
  LayoutRandom none = LayoutRandom::Disabled();
  MemoryLayout layout = MemoryLayout::Create(kMin, GuestAddr(kTaskSize), kEightMegabytes, none);
  // As gdb shows a program it runs without randomisation.
  EXPECT_EQ(layout.stack_top.value(), 0x7ffffffff000u);
  EXPECT_EQ(layout.mmap_base.value(), 0x7ffff7fff000u);
  EXPECT_EQ(layout.pie_base.value(), 0x555555554000u);
  EXPECT_EQ(layout.brk_gap, 0u);
  EXPECT_EQ(layout.low_base.value(), 0x40000000u);
}

TEST(LayoutTest, RandomPlacesStayInLinuxsRanges) {
  for (uint64_t seed = 0; seed < 1000; ++seed) {
    LayoutRandom random(seed);
    MemoryLayout layout = MemoryLayout::Create(kMin, kMax, kEightMegabytes, random);
    EXPECT_TRUE(layout.stack_top.page_aligned() && layout.mmap_base.page_aligned() && layout.pie_base.page_aligned());
    EXPECT_LE(layout.stack_top, kMax);
    EXPECT_GT(layout.stack_top.value(), kMax.value() - (uint64_t{16} << 30));
    EXPECT_GE(layout.stack_top.value() - layout.stack_size - VmaTree::kStackGuardGap, layout.mmap_base.value());
    // Above it ThreadSanitizer expects shared libraries and stacks.
    EXPECT_GE(layout.mmap_base.value(), 0x7e8000000000u);
    EXPECT_GE(layout.pie_base.value(), 0x555555554000u);
    EXPECT_LT(layout.pie_base.value(), 0x565555554000u);
    EXPECT_LT(layout.brk_gap, uint64_t{1} << 30);
  }
}

TEST(LayoutTest, UnlimitedStackLeavesASixth) {
  LayoutRandom random(1);
  MemoryLayout layout = MemoryLayout::Create(kMin, kMax, UINT64_MAX, random);
  EXPECT_EQ(layout.stack_size, kMaxStackMapping);
  EXPECT_LT(layout.mmap_base.value(), kMax.value() / 6 + base::kPageSize);
  EXPECT_GT(layout.mmap_base.value(), kMax.value() / 6 - (uint64_t{1} << 40) - 2 * base::kPageSize);
}

TEST(LayoutTest, DiffersFromProgramToProgram) {
  LayoutRandom one, two;
  EXPECT_NE(MemoryLayout::Create(kMin, kMax, kEightMegabytes, one).mmap_base,
            MemoryLayout::Create(kMin, kMax, kEightMegabytes, two).mmap_base);
}

}  // namespace
}  // namespace sentry
