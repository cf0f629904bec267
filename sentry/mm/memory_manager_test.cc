// SPDX-License-Identifier: Apache-2.0
#include "sentry/mm/memory_manager.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cerrno>
#include <string>

#include "sentry/mm/mapping_batch.h"
#include "sentry/mm/testing/fake_file.h"
#include "sentry/mm/testing/fake_platform.h"

#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

namespace sentry {
namespace {

using base::GuestAddr;
using base::GuestRange;
using base::kPageSize;

constexpr int kReadWrite = PROT_READ | PROT_WRITE;
constexpr int kAnonymous = MAP_PRIVATE | MAP_ANONYMOUS;
constexpr uint64_t kMegabyte = 1 << 20;
constexpr GuestAddr kFixed{0x200000000000};

class MemoryManagerTest : public testing::Test {
 protected:
  MemoryManagerTest() : memory_(NewMemory()), thread_(MUST(space().NewThread({}, {}))) {}

  base::RefPtr<MemoryManager> NewMemory() {
    LayoutRandom none = LayoutRandom::Disabled();
    MemoryLayout layout = MemoryLayout::Create(platform_.min_address(), platform_.max_address(), 8 * kMegabyte, none);
    return MemoryManager::Create({.container = &container_, .make_lock = MakePlainMemoryLock},
                                 MUST(container_.NewAddressSpace()), layout);
  }
  FakeAddressSpace& space() { return static_cast<FakeAddressSpace&>(memory_->address_space()); }
  base::Result<GuestAddr> Map(uint64_t length, int flags = kAnonymous, GuestAddr address = GuestAddr(),
                              int protection = kReadWrite, vfs::FileDescription* file = nullptr,
                              platform::GuestThread* caller = nullptr) {
    return memory_->Map(context_,
                        {.address = address, .length = length, .protection = protection, .flags = flags, .file = file},
                        limits_, caller);
  }
  void Put(GuestAddr address, uint32_t value) { MUST(UserOut<uint32_t>(address).Write(memory_->memory(), value)); }
  uint32_t Get(GuestAddr address) { return MUST(UserIn<uint32_t>(address).Read(memory_->memory())); }
  void SetBrk(GuestAddr start) {
    MappingBatch batch(*memory_, limits_);
    batch.SetBrk(start);
  }

  FakePlatform platform_;
  FakeContainer container_;
  FakeContext context_;
  MemoryLimits limits_;
  base::RefPtr<MemoryManager> memory_;
  std::unique_ptr<platform::GuestThread> thread_;
};

// Placement.

TEST_F(MemoryManagerTest, PlacesBelowTheMmapBaseDownward) {
  GuestAddr base = memory_->layout().mmap_base;
  GuestAddr one = MUST(Map(kPageSize)), two = MUST(Map(3 * kPageSize));
  EXPECT_EQ(one.value(), base.value() - kPageSize);
  EXPECT_EQ(two.value(), base.value() - 4 * kPageSize);
  EXPECT_EQ(memory_->Usage().count, 1u);
}

TEST_F(MemoryManagerTest, HintIsTakenIfFree) {
  EXPECT_EQ(MUST(Map(kPageSize, kAnonymous, kFixed)), kFixed);
  EXPECT_EQ(MUST(Map(kPageSize, kAnonymous, kFixed + (kPageSize + 5))), kFixed + kPageSize);
  EXPECT_EQ(MUST(Map(kPageSize, kAnonymous, kFixed)).value(), memory_->layout().mmap_base.value() - kPageSize);
  // Beyond guest space a hint is no more than a hint.
  EXPECT_LT(MUST(Map(kPageSize, kAnonymous, platform_.max_address())), memory_->layout().mmap_base);
  // Below the lowest address it is raised.
  EXPECT_EQ(MUST(Map(kPageSize, kAnonymous, GuestAddr(0x1000))), platform_.min_address());
}

TEST_F(MemoryManagerTest, FixedOutsideGuestSpaceFails) {
  EXPECT_EQ(Map(kPageSize, kAnonymous | MAP_FIXED, GuestAddr(0)).error().code(), EPERM);
  EXPECT_EQ(Map(kPageSize, kAnonymous | MAP_FIXED, platform_.max_address()).error().code(), ENOMEM);
  EXPECT_EQ(space().region_count(), 0u);
}

TEST_F(MemoryManagerTest, LowMappingsOnRequest) {
  GuestAddr one = MUST(Map(kPageSize, kAnonymous | MAP_32BIT));
  EXPECT_EQ(one.value(), 0x40000000u);
  EXPECT_EQ(MUST(Map(kPageSize, kAnonymous | MAP_32BIT)).value(), 0x40001000u);
  EXPECT_EQ(Map(1u << 30, kAnonymous | MAP_32BIT).error().code(), ENOMEM);
  EXPECT_EQ(MUST(Map(kPageSize, kAnonymous | MAP_32BIT, GuestAddr(0x50000000))).value(), 0x50000000u);
}

// The shadow of AddressSanitizer, Go's arenas, ZGC's views.
TEST_F(MemoryManagerTest, HugeReservationsFit) {
  EXPECT_TRUE(
      Map(uint64_t{1} << 44, kAnonymous | MAP_NORESERVE | MAP_FIXED, GuestAddr(0x10007fff8000), PROT_NONE).ok());
  EXPECT_EQ(MUST(Map(64 * kMegabyte, kAnonymous, GuestAddr(0xc000000000), PROT_NONE)).value(), 0xc000000000u);
  EXPECT_TRUE(Map(uint64_t{1} << 45, kAnonymous | MAP_NORESERVE, GuestAddr(), PROT_NONE).ok());
  EXPECT_EQ(Map(uint64_t{1} << 46, kAnonymous | MAP_NORESERVE, GuestAddr(), PROT_NONE).error().code(), ENOMEM);
}

TEST_F(MemoryManagerTest, WhenTheSpaceBelowIsUsedUpTheRestIsTaken) {
  GuestAddr base = memory_->layout().mmap_base;
  MUST(Map(base - platform_.min_address(), kAnonymous | MAP_FIXED | MAP_NORESERVE, platform_.min_address(), PROT_NONE));
  EXPECT_EQ(MUST(Map(kPageSize)), base);
}

// Limits.

TEST_F(MemoryManagerTest, AddressSpaceLimit) {
  limits_.address_space = 10 * kPageSize;
  GuestAddr ten = MUST(Map(10 * kPageSize));
  EXPECT_EQ(Map(kPageSize).error().code(), ENOMEM);
  // What is replaced does not count.
  EXPECT_TRUE(Map(10 * kPageSize, kAnonymous | MAP_FIXED, ten).ok());
  EXPECT_EQ(memory_->Remap(ten, 10 * kPageSize, 11 * kPageSize, MREMAP_MAYMOVE, GuestAddr(), limits_).error().code(),
            ENOMEM);
  MUST(memory_->Unmap(ten, kPageSize));
  EXPECT_TRUE(Map(kPageSize).ok());
}

TEST_F(MemoryManagerTest, DataLimit) {
  limits_.data = 4 * kPageSize;
  GuestAddr data = MUST(Map(4 * kPageSize));
  EXPECT_EQ(Map(kPageSize).error().code(), ENOMEM);
  GuestAddr text = MUST(Map(kPageSize, kAnonymous, GuestAddr(), PROT_READ));
  EXPECT_TRUE(Map(kPageSize, MAP_SHARED | MAP_ANONYMOUS).ok());
  EXPECT_EQ(memory_->Protect(text, kPageSize, kReadWrite, limits_).error().code(), ENOMEM);
  MUST(memory_->Protect(data, kPageSize, PROT_READ, limits_));
  EXPECT_TRUE(memory_->Protect(text, kPageSize, kReadWrite, limits_).ok());
}

TEST_F(MemoryManagerTest, LockedLimit) {
  limits_.locked = 4 * kPageSize;
  GuestAddr some = MUST(Map(8 * kPageSize));
  EXPECT_TRUE(memory_->LockPages(some, 4 * kPageSize, 0, limits_).ok());
  EXPECT_EQ(memory_->LockPages(some + 4 * kPageSize, 1, 0, limits_).error().code(), ENOMEM);
  EXPECT_TRUE(memory_->LockPages(some + kPageSize, 3 * kPageSize, 0, limits_).ok());
  EXPECT_EQ(Map(kPageSize, kAnonymous | MAP_LOCKED).error().code(), EAGAIN);
  EXPECT_EQ(memory_->Usage().locked, 4 * kPageSize);
  EXPECT_EQ(memory_->LockAll(MCL_CURRENT, limits_).error().code(), ENOMEM);
  EXPECT_TRUE(memory_->UnlockPages(some, 8 * kPageSize).ok());
  EXPECT_EQ(memory_->Usage().locked, 0u);
  limits_.locked = 0;
  EXPECT_EQ(memory_->LockPages(some, kPageSize, 0, limits_).error().code(), EPERM);
  EXPECT_EQ(Map(kPageSize, kAnonymous | MAP_LOCKED).error().code(), EPERM);
  limits_.may_lock = true;
  EXPECT_TRUE(memory_->LockAll(MCL_CURRENT, limits_).ok());
  EXPECT_EQ(memory_->Usage().locked, 8 * kPageSize);
}

TEST_F(MemoryManagerTest, LockAllFutureLocksNewMappings) {
  limits_.locked = 4 * kPageSize;
  for (int flags : {0, MCL_ONFAULT, 8}) EXPECT_EQ(memory_->LockAll(flags, limits_).error().code(), EINVAL);
  ASSERT_TRUE(memory_->LockAll(MCL_FUTURE, limits_).ok());
  GuestAddr locked = MUST(Map(4 * kPageSize));
  EXPECT_TRUE(memory_->Find(locked)->has(kVmaLocked));
  ASSERT_FALSE(space().advised.empty());
  EXPECT_EQ(space().advised.back().advice, MADV_POPULATE_WRITE);
  EXPECT_EQ(Map(kPageSize).error().code(), EAGAIN);
  ASSERT_TRUE(memory_->UnlockAll().ok());
  EXPECT_FALSE(memory_->Find(locked)->has(kVmaLocked));
  EXPECT_TRUE(Map(kPageSize).ok());
}

TEST_F(MemoryManagerTest, MappingsAreCounted) {
  const size_t most = MemoryManager::kMaxMappings;
  // Every other page of a reservation.
  GuestAddr all = MUST(Map(2 * most * kPageSize, kAnonymous, GuestAddr(), PROT_NONE));
  size_t done = 0;
  base::Result<void> changed;
  while ((changed = memory_->Protect(all + (2 * done + 1) * kPageSize, kPageSize, PROT_READ, limits_)).ok()) ++done;
  EXPECT_EQ(changed.error().code(), ENOMEM);
  EXPECT_LE(memory_->Usage().count, most);
  EXPECT_GE(memory_->Usage().count, most - 4);
  EXPECT_EQ(memory_->Remap(all, kPageSize, kPageSize, MREMAP_MAYMOVE | MREMAP_FIXED, kFixed, limits_).error().code(),
            ENOMEM);
  // Unmapping whole mappings is always possible.
  EXPECT_TRUE(memory_->Unmap(all, 2 * most * kPageSize).ok());
  EXPECT_EQ(memory_->Usage().count, 0u);
}

// The heap.

TEST_F(MemoryManagerTest, BrkMovesTheHeapsEnd) {
  const GuestAddr start(0x555555560000);
  EXPECT_EQ(memory_->Brk(start, limits_), GuestAddr());  // No program yet.
  SetBrk(start);
  EXPECT_EQ(memory_->Brk(GuestAddr(0), limits_), start);
  EXPECT_EQ(memory_->Brk(start + 100, limits_), start + 100);
  EXPECT_EQ(memory_->Find(start)->range, (GuestRange{start, start + kPageSize}));
  EXPECT_EQ(memory_->Brk(start + 5 * kPageSize, limits_), start + 5 * kPageSize);
  Put(start + 4 * kPageSize, 7);
  std::vector<MapEntry> entries = memory_->Entries(GuestAddr(), 10);
  ASSERT_EQ(entries.size(), 1u);
  EXPECT_STREQ(entries[0].name, "[heap]");
  EXPECT_EQ(memory_->Brk(start + 4 * kPageSize + 1, limits_), start + 4 * kPageSize + 1);
  EXPECT_EQ(Get(start + 4 * kPageSize), 7u);
  EXPECT_EQ(memory_->Brk(start + 2 * kPageSize, limits_), start + 2 * kPageSize);
  EXPECT_FALSE(memory_->Find(start + 2 * kPageSize));
  EXPECT_EQ(memory_->Brk(start + 5 * kPageSize, limits_), start + 5 * kPageSize);
  EXPECT_EQ(Get(start + 4 * kPageSize), 0u);
  EXPECT_EQ(memory_->Brk(GuestAddr(start.value() - 1), limits_), start + 5 * kPageSize);
  EXPECT_EQ(memory_->Brk(start, limits_), start);
  EXPECT_EQ(memory_->Usage().count, 0u);
}

TEST_F(MemoryManagerTest, BrkStopsAtLimitsAndNeighbours) {
  const GuestAddr start(0x555555560000);
  SetBrk(start);
  MUST(Map(kPageSize, kAnonymous | MAP_FIXED, start + 8 * kPageSize));
  EXPECT_EQ(memory_->Brk(start + 7 * kPageSize, limits_), start + 7 * kPageSize);
  EXPECT_EQ(memory_->Brk(start + 8 * kPageSize, limits_), start + 7 * kPageSize);  // One page is kept free.
  EXPECT_EQ(memory_->Brk(GuestAddr(uint64_t{1} << 62), limits_), start + 7 * kPageSize);
  MUST(memory_->Unmap(start + 8 * kPageSize, kPageSize));
  limits_.data = 9 * kPageSize;
  EXPECT_EQ(memory_->Brk(start + 9 * kPageSize, limits_), start + 9 * kPageSize);
  EXPECT_EQ(memory_->Brk(start + 9 * kPageSize + 1, limits_), start + 9 * kPageSize);
  limits_.data = kNoLimit;
  space().fail_with = ENOMEM;
  EXPECT_EQ(memory_->Brk(start + 20 * kPageSize, limits_), start + 9 * kPageSize);
}

// Who may make the call natively.

TEST_F(MemoryManagerTest, CallerIsNamedForPrivateAnonymousMemoryOnly) {
  auto called = [&](auto operation) {
    space().caller_calls = 0;
    operation();
    return space().caller_calls;
  };
  platform::GuestThread* caller = thread_.get();
  const int fixed = kAnonymous | MAP_FIXED;
  EXPECT_EQ(called([&] { MUST(Map(8 * kPageSize, fixed, kFixed, kReadWrite, nullptr, caller)); }), 1);
  EXPECT_EQ(called([&] { MUST(Map(8 * kPageSize, fixed, kFixed, kReadWrite, nullptr, caller)); }), 1);
  EXPECT_EQ(called([&] { MUST(Map(8 * kPageSize, fixed | MAP_NORESERVE, kFixed, kReadWrite, nullptr, caller)); }), 1);
  // Not the same call in the guest's registers.
  EXPECT_EQ(called([&] { MUST(Map(kPageSize, kAnonymous, GuestAddr(), kReadWrite, nullptr, caller)); }), 0);
  EXPECT_EQ(called([&] { MUST(Map(8 * kPageSize, fixed | MAP_STACK, kFixed, kReadWrite, nullptr, caller)); }), 0);
  EXPECT_EQ(called([&] { MUST(Map(8 * kPageSize, fixed, kFixed, kReadWrite | 8, nullptr, caller)); }), 0);

  EXPECT_EQ(called([&] { MUST(memory_->Protect(kFixed, kPageSize, PROT_READ, limits_, caller)); }), 1);
  EXPECT_EQ(called([&] { MUST(memory_->Protect(kFixed, kPageSize, kReadWrite | 8, limits_, caller)); }), 0);
  EXPECT_EQ(called([&] { MUST(memory_->Advise(kFixed, kPageSize, MADV_DONTNEED, caller)); }), 1);
  EXPECT_EQ(called([&] { (void)memory_->Protect(kFixed, 9 * kPageSize, PROT_READ, limits_, caller); }), 0);
  EXPECT_EQ(called([&] { (void)memory_->Advise(kFixed, 9 * kPageSize, MADV_DONTNEED, caller); }), 0);
  EXPECT_EQ(called([&] { MUST(memory_->Unmap(kFixed, kPageSize, caller)); }), 1);

  // A page of a file, or shared, in the range.
  auto file = FakeFile::Create("contents", O_RDWR);
  GuestAddr two = kFixed + 2 * kPageSize;
  MUST(Map(kPageSize, MAP_PRIVATE | MAP_FIXED, two, PROT_READ, file.get()));
  EXPECT_EQ(called([&] { MUST(memory_->Protect(two, 2 * kPageSize, PROT_READ, limits_, caller)); }), 0);
  EXPECT_EQ(called([&] { MUST(memory_->Advise(two, 2 * kPageSize, MADV_DONTNEED, caller)); }), 0);
  EXPECT_EQ(called([&] { MUST(Map(2 * kPageSize, fixed, two, kReadWrite, nullptr, caller)); }), 0);
  MUST(Map(kPageSize, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, two));
  EXPECT_EQ(called([&] { MUST(memory_->Unmap(two, 2 * kPageSize, caller)); }), 0);
}

// Files.

TEST_F(MemoryManagerTest, FilePagesAreTheFiles) {
  std::string contents(3 * kPageSize, 'x');
  contents.replace(kPageSize, 4, "abcd");
  auto file = FakeFile::Create(contents, O_RDWR);
  GuestAddr shared = MUST(memory_->Map(
      context_,
      {.length = 2 * kPageSize, .protection = kReadWrite, .flags = MAP_SHARED, .file = file.get(), .offset = kPageSize},
      limits_));
  GuestAddr own = MUST(Map(3 * kPageSize, MAP_PRIVATE, GuestAddr(), kReadWrite, file.get()));
  EXPECT_EQ(Get(shared), 0x64636261u);
  Put(own + kPageSize, 1);
  EXPECT_EQ(Get(shared), 0x64636261u);
  Put(shared, 2);
  EXPECT_EQ(Get(own + kPageSize), 1u);
  Put(shared + kPageSize, 3);
  EXPECT_EQ(Get(own + 2 * kPageSize), 3u);
  // One donation for both mappings of a mappable; this file makes one a mapping.
  EXPECT_EQ(container_.donations, 2);
  MUST(memory_->Protect(own, kPageSize, PROT_READ, limits_));
  MUST(memory_->Remap(shared, 0, kPageSize, MREMAP_MAYMOVE, GuestAddr(), limits_));
  EXPECT_EQ(container_.donations, 2);
}

TEST_F(MemoryManagerTest, NoexecMountsRefuseExecutablePages) {
  auto file = FakeFile::Create("contents", O_RDONLY);
  MemoryManager::MapRequest request{.length = kPageSize,
                                    .protection = PROT_READ | PROT_EXEC,
                                    .flags = MAP_PRIVATE,
                                    .file = file.get(),
                                    .mount_noexec = true};
  EXPECT_EQ(memory_->Map(context_, request, limits_).error().code(), EPERM);
  request.protection = PROT_READ;
  GuestAddr at = MUST(memory_->Map(context_, request, limits_));
  EXPECT_EQ(memory_->Protect(at, kPageSize, PROT_READ | PROT_EXEC, limits_).error().code(), EACCES);
}

TEST_F(MemoryManagerTest, WhatCannotBeMappedIsEnodev) {
  auto file = FakeFile::Create("contents", O_RDONLY);
  file->mappable = false;
  EXPECT_EQ(Map(kPageSize, MAP_PRIVATE, GuestAddr(), PROT_READ, file.get()).error().code(), ENODEV);
}

TEST_F(MemoryManagerTest, ZeroDeviceIsAnonymousMemory) {
  auto zero = FakeFile::Create("", O_RDWR);
  zero->zero_device = true;
  GuestAddr own = MUST(Map(kPageSize, MAP_PRIVATE, GuestAddr(), kReadWrite, zero.get()));
  EXPECT_TRUE(memory_->Find(own)->private_anonymous());
  EXPECT_EQ(memory_->Entries(own, 1)[0].file.get(), zero.get());
  GuestAddr shared = MUST(Map(kPageSize, MAP_SHARED, GuestAddr(), kReadWrite, zero.get()));
  EXPECT_EQ(memory_->Find(shared)->kind, VmaKind::kSharedAnonymous);
}

TEST_F(MemoryManagerTest, UnmappedFileIsLetGo) {
  auto file = FakeFile::Create("contents", O_RDONLY);
  GuestAddr at = MUST(Map(2 * kPageSize, MAP_PRIVATE, GuestAddr(), PROT_READ, file.get()));
  MUST(memory_->Protect(at, kPageSize, PROT_NONE, limits_));
  EXPECT_EQ(file->reference_count(), 3u);
  MUST(Map(kPageSize, kAnonymous | MAP_FIXED, at));
  MUST(memory_->Unmap(at, 2 * kPageSize));
  EXPECT_EQ(file->reference_count(), 1u);
}

// The host refuses.

TEST_F(MemoryManagerTest, WhatTheHostRefusesDidNotHappen) {
  GuestAddr at = MUST(Map(4 * kPageSize, kAnonymous | MAP_FIXED, kFixed));
  space().fail_with = ENOMEM;
  EXPECT_EQ(Map(kPageSize).error().code(), ENOMEM);
  EXPECT_EQ(memory_->Unmap(at, kPageSize).error().code(), ENOMEM);
  EXPECT_EQ(memory_->Protect(at, kPageSize, PROT_READ, limits_).error().code(), ENOMEM);
  EXPECT_EQ(memory_->Advise(at, kPageSize, MADV_DONTFORK).error().code(), ENOMEM);
  EXPECT_EQ(memory_->Remap(at, 4 * kPageSize, 5 * kPageSize, 0, GuestAddr(), limits_).error().code(), ENOMEM);
  space().fail_with = 0;
  std::optional<Vma> vma = memory_->Find(at);
  EXPECT_EQ(vma->range, (GuestRange{at, at + 4 * kPageSize}));
  EXPECT_EQ(vma->protection, kReadWrite);
  EXPECT_EQ(vma->flags, 0u);
  EXPECT_EQ(memory_->Usage().count, 1u);
}

// Moving.

TEST_F(MemoryManagerTest, MovedPagesKeepTheirContents) {
  GuestAddr at = MUST(Map(4 * kPageSize));
  for (int i = 0; i < 4; ++i) Put(at + i * kPageSize, 100 + i);
  space().remap_faults = 3;  // The host keeps it as several mappings.
  GuestAddr to = MUST(memory_->Remap(at, 4 * kPageSize, 6 * kPageSize, MREMAP_MAYMOVE | MREMAP_FIXED, kFixed, limits_));
  EXPECT_EQ(to, kFixed);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(Get(to + i * kPageSize), 100u + i);
  EXPECT_EQ(Get(to + 5 * kPageSize), 0u);
  EXPECT_FALSE(memory_->Find(at));
  EXPECT_EQ(space().At(at.value()), nullptr);
}

TEST_F(MemoryManagerTest, DontUnmapLeavesFreshPages) {
  GuestAddr at = MUST(Map(2 * kPageSize));
  Put(at, 7);
  GuestAddr to =
      MUST(memory_->Remap(at, kPageSize, kPageSize, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, GuestAddr(), limits_));
  EXPECT_EQ(Get(to), 7u);
  EXPECT_EQ(Get(at), 0u);
}

TEST_F(MemoryManagerTest, GrownPartTakesTheAdvice) {
  GuestAddr at = MUST(Map(kPageSize, kAnonymous | MAP_FIXED, kFixed));
  MUST(memory_->Advise(at, kPageSize, MADV_DONTFORK));
  space().advised.clear();
  MUST(memory_->Remap(at, kPageSize, 3 * kPageSize, 0, GuestAddr(), limits_));
  ASSERT_EQ(space().advised.size(), 1u);
  EXPECT_EQ(space().advised[0].advice, MADV_DONTFORK);
  EXPECT_EQ(space().advised[0].range, (GuestRange{at + kPageSize, at + 3 * kPageSize}));
  EXPECT_EQ(memory_->Usage().count, 1u);
}

// Fork.

TEST_F(MemoryManagerTest, ChildHasACopy) {
  SetBrk(GuestAddr(0x555555560000));
  memory_->Brk(GuestAddr(0x555555562000), limits_);
  limits_.may_lock = true;
  GuestAddr kept = MUST(Map(kPageSize)), gone = MUST(Map(kPageSize, kAnonymous, GuestAddr(), PROT_READ));
  MUST(memory_->Advise(gone, kPageSize, MADV_DONTFORK));
  MUST(memory_->LockPages(kept, kPageSize, 0, limits_));
  Put(kept, 7);
  MemoryManager::Forked forked = MUST(memory_->Fork({}, {}));
  MemoryManager& child = *forked.memory;
  EXPECT_TRUE(child.Find(kept));
  EXPECT_FALSE(child.Find(kept)->has(kVmaLocked));
  EXPECT_FALSE(child.Find(gone));
  EXPECT_EQ(child.HeapRange(), memory_->HeapRange());
  Put(kept, 8);
  EXPECT_EQ(MUST(UserIn<uint32_t>(kept).Read(child.memory())), 7u);
  EXPECT_EQ(child.Usage().locked, 0u);
  EXPECT_EQ(&forked.thread->address_space(), &child.address_space());
}

// Mappings that grow down.

TEST_F(MemoryManagerTest, GrowsDownToAFault) {
  limits_.stack = 16 * kPageSize;
  GuestAddr at = MUST(Map(2 * kPageSize, kAnonymous | MAP_FIXED | MAP_GROWSDOWN, kFixed));
  EXPECT_FALSE(memory_->GrowDown(at + 2 * kPageSize, limits_));
  EXPECT_FALSE(memory_->GrowDown(GuestAddr(at.value() - 15 * kPageSize), limits_));
  EXPECT_TRUE(memory_->GrowDown(GuestAddr(at.value() - 1), limits_));
  EXPECT_EQ(memory_->Find(at)->range.begin.value(), at.value() - kPageSize);
  EXPECT_TRUE(memory_->GrowDown(GuestAddr(at.value() - 14 * kPageSize), limits_));
  EXPECT_EQ(memory_->Usage().count, 1u);
  EXPECT_TRUE(memory_->GrowDown(at, limits_));  // Somebody was faster.
}

TEST_F(MemoryManagerTest, GrowthKeepsAGapToWhatLiesBelow) {
  limits_.stack = kNoLimit;
  GuestAddr at = MUST(Map(kPageSize, kAnonymous | MAP_FIXED | MAP_GROWSDOWN, kFixed + 2 * kMegabyte));
  GuestAddr below = MUST(Map(kPageSize, kAnonymous | MAP_FIXED, kFixed));
  EXPECT_TRUE(memory_->GrowDown(GuestAddr(at.value() - kPageSize), limits_));
  EXPECT_FALSE(memory_->GrowDown(kFixed + (kMegabyte), limits_));
  EXPECT_TRUE(memory_->GrowDown(kFixed + (kMegabyte + kPageSize), limits_));
  MUST(memory_->Protect(below, kPageSize, PROT_NONE, limits_));
  EXPECT_TRUE(memory_->GrowDown(kFixed + kPageSize, limits_));
}

// The stack's untouched part is neither shown nor counted.
TEST_F(MemoryManagerTest, StackIsShownAsFarAsItWasUsed) {
  const MemoryLayout& layout = memory_->layout();
  const GuestAddr low(layout.stack_top.value() - layout.stack_size);
  MappingBatch batch(*memory_, limits_);
  MUST(batch.MapAnonymous({low, layout.stack_top}, kReadWrite, kVmaStack | kVmaGrowsDown | kVmaNoReserve));
  MUST(batch.Commit());
  EXPECT_EQ(memory_->Usage().stack, MemoryManager::kInitialStack);
  EXPECT_EQ(memory_->Usage().total, MemoryManager::kInitialStack);
  memory_->NoteStackPointer(GuestAddr(layout.stack_top.value() - kMegabyte + 100));
  memory_->NoteStackPointer(GuestAddr(layout.stack_top.value() - 100));
  EXPECT_EQ(memory_->Usage().stack, kMegabyte);
  std::vector<MapEntry> entries = memory_->Entries(GuestAddr(), 10);
  ASSERT_EQ(entries.size(), 1u);
  EXPECT_EQ(entries[0].range.length(), kMegabyte);
  EXPECT_STREQ(entries[0].name, "[stack]");
  // All of it may be used.
  Put(low, 1);
  // Nothing is placed right below it.
  EXPECT_LE(MUST(Map(kPageSize)).value(), low.value() - VmaTree::kStackGuardGap - kPageSize);
}

TEST_F(MemoryManagerTest, EntriesComeInPieces) {
  for (int i = 0; i < 10; ++i) MUST(Map(kPageSize, kAnonymous | MAP_FIXED, kFixed + 2 * i * kPageSize));
  std::vector<MapEntry> first = memory_->Entries(GuestAddr(), 4);
  ASSERT_EQ(first.size(), 4u);
  std::vector<MapEntry> rest = memory_->Entries(first.back().range.end, 100);
  EXPECT_EQ(rest.size(), 6u);
  EXPECT_EQ(rest[0].range.begin, kFixed + 8 * kPageSize);
}

TEST_F(MemoryManagerTest, MincoreWantsMappedPages) {
  GuestAddr at = MUST(Map(4 * kPageSize, kAnonymous | MAP_FIXED, kFixed));
  EXPECT_EQ(MUST(memory_->Mincore(at, 4 * kPageSize)), 4u);
  EXPECT_EQ(MUST(memory_->Mincore(at, 1)), 1u);
  EXPECT_EQ(MUST(memory_->Mincore(at, 0)), 0u);
  EXPECT_EQ(memory_->Mincore(at + 1, 1).error().code(), EINVAL);
  EXPECT_EQ(memory_->Mincore(at, 5 * kPageSize).error().code(), ENOMEM);
  EXPECT_EQ(memory_->Mincore(at, UINT64_MAX).error().code(), ENOMEM);
}

TEST_F(MemoryManagerTest, PopulateTouchesAsTheProtectionAllows) {
  auto advice = [&](int protection, int flags) {
    space().advised.clear();
    MUST(Map(kPageSize, flags | MAP_POPULATE, GuestAddr(), protection));
    return space().advised.empty() ? 0 : space().advised.back().advice;
  };
  EXPECT_EQ(advice(kReadWrite, kAnonymous), MADV_POPULATE_WRITE);
  EXPECT_EQ(advice(PROT_READ, kAnonymous), MADV_POPULATE_READ);
  EXPECT_EQ(advice(kReadWrite, MAP_SHARED | MAP_ANONYMOUS), MADV_POPULATE_READ);
  EXPECT_EQ(advice(PROT_NONE, kAnonymous), 0);
  EXPECT_EQ(advice(kReadWrite, kAnonymous | MAP_NONBLOCK), 0);
}

}  // namespace
}  // namespace sentry
