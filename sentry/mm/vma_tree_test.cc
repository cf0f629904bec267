// SPDX-License-Identifier: Apache-2.0
#include "sentry/mm/vma_tree.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace sentry {
namespace {

using base::GuestAddr;
using base::GuestRange;
using base::kPageSize;

GuestRange Pages(uint64_t first, uint64_t count) {
  return {GuestAddr(first * kPageSize), GuestAddr((first + count) * kPageSize)};
}

Vma Anonymous(GuestRange range, uint8_t protection = 3, uint32_t flags = 0) {
  Vma vma;
  vma.range = range;
  vma.protection = protection;
  vma.flags = flags;
  return vma;
}

TEST(VmaTreeTest, MergesEqualNeighbours) {
  VmaTree tree;
  tree.Insert(Anonymous(Pages(16, 4)));
  tree.Insert(Anonymous(Pages(24, 4)));
  EXPECT_EQ(tree.size(), 2u);
  tree.Insert(Anonymous(Pages(20, 4)));
  ASSERT_EQ(tree.size(), 1u);
  EXPECT_EQ(tree.Find(GuestAddr(16 * kPageSize))->range, Pages(16, 12));
}

TEST(VmaTreeTest, KeepsDifferentNeighboursApart) {
  VmaTree tree;
  tree.Insert(Anonymous(Pages(16, 4), 3));
  tree.Insert(Anonymous(Pages(20, 4), 1));
  tree.Insert(Anonymous(Pages(24, 4), 1, kVmaLocked));
  EXPECT_EQ(tree.size(), 3u);
}

TEST(VmaTreeTest, RemoveCutsAHole) {
  VmaTree tree;
  tree.Insert(Anonymous(Pages(16, 12)));
  EXPECT_EQ(tree.ExtraAfterRemove(Pages(20, 4)), 1u);
  EXPECT_EQ(tree.ExtraAfterRemove(Pages(16, 4)), 0u);
  std::vector<Vma> removed = tree.Remove(Pages(20, 4));
  ASSERT_EQ(removed.size(), 1u);
  EXPECT_EQ(removed[0].range, Pages(20, 4));
  EXPECT_EQ(tree.size(), 2u);
  EXPECT_EQ(tree.total_bytes(), 8 * kPageSize);
  EXPECT_FALSE(tree.Covers(Pages(16, 12)));
  EXPECT_TRUE(tree.Covers(Pages(24, 4)));
}

TEST(VmaTreeTest, SliceMovesTheFileOffset) {
  VmaTree tree;
  Vma vma = Anonymous(Pages(16, 4));
  vma.kind = VmaKind::kSharedAnonymous;
  class Memory : public vfs::Mappable {
    int host_fd() const override { return -1; }
    bool writable() const override { return true; }
  };
  vma.mappable = base::MakeRef<Memory>();
  vma.offset = kPageSize;
  tree.Insert(vma);
  tree.Update(Pages(18, 1), [](Vma& part) { part.protection = 1; });
  EXPECT_EQ(tree.size(), 3u);
  EXPECT_EQ(tree.Find(GuestAddr(18 * kPageSize))->offset, 3 * kPageSize);
  tree.Update(Pages(18, 1), [](Vma& part) { part.protection = 3; });
  EXPECT_EQ(tree.size(), 1u);
}

TEST(VmaTreeTest, TopDownSearchReturnsToFreedSpace) {
  VmaTree tree;
  const GuestRange within = Pages(16, 1024);
  std::vector<GuestAddr> found;
  for (int i = 0; i < 100; ++i) {
    auto gap = tree.FindGapTopDown(within, kPageSize, kPageSize);
    ASSERT_TRUE(gap);
    EXPECT_EQ(gap->value(), (1040 - 1 - i) * kPageSize);
    tree.Insert(Anonymous({*gap, *gap + kPageSize}, i % 2 == 0 ? 1 : 3));
    found.push_back(*gap);
  }
  tree.Remove({found[10], found[10] + kPageSize});
  EXPECT_EQ(tree.FindGapTopDown(within, kPageSize, kPageSize), found[10]);
  // Two neighbours freed one by one make room for two.
  tree.Remove({found[9], found[9] + kPageSize});
  EXPECT_EQ(tree.FindGapTopDown(within, 2 * kPageSize, kPageSize), found[10]);
}

TEST(VmaTreeTest, SearchKeepsTheStackGuardGap) {
  VmaTree tree;
  const GuestRange within = Pages(16, 1024);
  tree.Insert(Anonymous(Pages(600, 10), 3, kVmaGrowsDown));
  tree.Insert(Anonymous(Pages(610, 430)));
  auto gap = tree.FindGapTopDown(within, kPageSize, kPageSize);
  ASSERT_TRUE(gap);
  EXPECT_EQ(gap->value(), 600 * kPageSize - VmaTree::kStackGuardGap - kPageSize);
  auto up = tree.FindGapBottomUp({GuestAddr(340 * kPageSize), GuestAddr(600 * kPageSize)}, 8 * kPageSize, kPageSize);
  EXPECT_FALSE(up);
}

// What the tree should be: one entry a page.
class PageModel {
 public:
  static constexpr uint64_t kFirst = 16, kCount = 256;

  struct Page {
    bool mapped = false;
    uint8_t protection = 0;
    uint32_t flags = 0;
    friend bool operator==(const Page&, const Page&) = default;
  };

  Page& operator[](uint64_t page) { return pages_[page - kFirst]; }

  void Check(const VmaTree& tree) {
    uint64_t mapped = 0, data = 0, locked = 0, runs = 0;
    for (uint64_t page = kFirst; page < kFirst + kCount; ++page) {
      const Vma* vma = tree.Find(GuestAddr(page * kPageSize));
      Page& mine = (*this)[page];
      ASSERT_EQ(vma != nullptr, mine.mapped) << page;
      if (!mine.mapped) continue;
      EXPECT_EQ(vma->protection, mine.protection);
      EXPECT_EQ(vma->flags, mine.flags);
      mapped += kPageSize;
      if ((mine.protection & 2) != 0) data += kPageSize;
      if ((mine.flags & kVmaLocked) != 0) locked += kPageSize;
      if (page == kFirst || !((*this)[page - 1] == mine)) ++runs;
    }
    EXPECT_EQ(tree.total_bytes(), mapped);
    EXPECT_EQ(tree.data_bytes(), data);
    EXPECT_EQ(tree.locked_bytes(), locked);
    EXPECT_EQ(tree.size(), runs);
  }

  bool Free(uint64_t first, uint64_t count) {
    for (uint64_t page = first; page < first + count; ++page) {
      if ((*this)[page].mapped) return false;
    }
    return true;
  }
  std::optional<GuestAddr> TopDown(uint64_t count) {
    for (uint64_t first = kFirst + kCount - count + 1; first-- > kFirst;) {
      if (Free(first, count)) return GuestAddr(first * kPageSize);
    }
    return std::nullopt;
  }
  std::optional<GuestAddr> BottomUp(uint64_t count) {
    for (uint64_t first = kFirst; first + count <= kFirst + kCount; ++first) {
      if (Free(first, count)) return GuestAddr(first * kPageSize);
    }
    return std::nullopt;
  }

 private:
  std::vector<Page> pages_ = std::vector<Page>(kCount);
};

class VmaTreeRandomTest : public testing::TestWithParam<int> {};

TEST_P(VmaTreeRandomTest, AgreesWithAPageArray) {
  std::mt19937 random(GetParam());
  VmaTree tree;
  PageModel model;
  const GuestRange all = Pages(PageModel::kFirst, PageModel::kCount);
  for (int step = 0; step < 3000; ++step) {
    uint64_t count = 1 + random() % (random() % 4 == 0 ? 60 : 6);
    uint64_t first = PageModel::kFirst + random() % (PageModel::kCount - count + 1);
    uint8_t protection = 1 + random() % 3;
    uint32_t flags = random() % 3 == 0 ? uint32_t{kVmaLocked} : 0;
    switch (random() % 5) {
      case 0:
        tree.Remove(Pages(first, count));
        for (uint64_t page = first; page < first + count; ++page) model[page] = {};
        break;
      case 1:
        tree.Update(Pages(first, count), [&](Vma& vma) { vma.protection = protection; });
        for (uint64_t page = first; page < first + count; ++page) {
          if (model[page].mapped) model[page].protection = protection;
        }
        break;
      case 2: {
        tree.Remove(Pages(first, count));
        tree.Insert(Anonymous(Pages(first, count), protection, flags));
        for (uint64_t page = first; page < first + count; ++page) model[page] = {true, protection, flags};
        break;
      }
      default: {
        auto found = tree.FindGapTopDown(all, count * kPageSize, kPageSize);
        ASSERT_EQ(found, model.TopDown(count)) << "step " << step;
        ASSERT_EQ(tree.FindGapBottomUp(all, count * kPageSize, kPageSize), model.BottomUp(count));
        if (!found) break;
        tree.Insert(Anonymous({*found, *found + count * kPageSize}, protection, flags));
        for (uint64_t page = found->value() / kPageSize, left = count; left > 0; --left, ++page)
          model[page] = {true, protection, flags};
      }
    }
    if (step % 16 == 0) model.Check(tree);
    if (HasFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, VmaTreeRandomTest, testing::Range(1, 13));

}  // namespace
}  // namespace sentry
