// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <string>

#include "tests/util/fork.h"
#include "tests/util/mapping.h"
#include "tests/util/matchers.h"
#include "tests/util/raw_syscall.h"
#include "tests/util/temp_path.h"
#include "tests/util/unique_fd.h"

namespace tests {
namespace {

bool IsMapped(const void* address) { return RawSyscall(SYS_msync, address, kPageSize, MS_ASYNC) == 0; }

TEST(MremapTest, ShrinksInPlace) {
  Mapping memory = Mapping::Anonymous(4 * kPageSize);
  memset(memory.get(), 1, memory.size());
  EXPECT_EQ(mremap(memory.get(), 4 * kPageSize, 2 * kPageSize, 0), memory.get());
  EXPECT_TRUE(IsMapped(memory.bytes() + kPageSize));
  EXPECT_FALSE(IsMapped(memory.bytes() + 2 * kPageSize));
}

TEST(MremapTest, GrowsInPlaceWhenThereIsRoom) {
  Mapping memory = Mapping::Anonymous(4 * kPageSize);
  ASSERT_THAT(munmap(memory.bytes() + kPageSize, 3 * kPageSize), SyscallSucceeds());
  memory.bytes()[0] = 9;
  EXPECT_EQ(mremap(memory.get(), kPageSize, 4 * kPageSize, 0), memory.get());
  EXPECT_EQ(memory.bytes()[0], 9);
  EXPECT_EQ(memory.bytes()[3 * kPageSize], 0);
  memory.bytes()[3 * kPageSize] = 1;
}

TEST(MremapTest, WithoutRoomIsEnomemUnlessItMayMove) {
  Mapping memory = Mapping::Anonymous(3 * kPageSize);
  memory.bytes()[0] = 9;
  ASSERT_THAT(mprotect(memory.bytes() + kPageSize, kPageSize, PROT_NONE), SyscallSucceeds());
  EXPECT_EQ(mremap(memory.get(), kPageSize, 2 * kPageSize, 0), MAP_FAILED);
  EXPECT_EQ(errno, ENOMEM);
  void* moved = mremap(memory.get(), kPageSize, 2 * kPageSize, MREMAP_MAYMOVE);
  ASSERT_NE(moved, MAP_FAILED);
  Mapping owner(moved, 2 * kPageSize);
  EXPECT_NE(moved, memory.get());
  EXPECT_EQ(owner.bytes()[0], 9);
  EXPECT_EQ(owner.bytes()[kPageSize], 0);
  EXPECT_FALSE(IsMapped(memory.get()));
}

TEST(MremapTest, FixedMovesOverWhatWasThere) {
  Mapping from = Mapping::Anonymous(2 * kPageSize);
  Mapping to = Mapping::Anonymous(4 * kPageSize);
  memset(from.get(), 3, from.size());
  memset(to.get(), 4, to.size());
  char* target = to.bytes() + kPageSize;
  EXPECT_EQ(mremap(from.get(), 2 * kPageSize, 2 * kPageSize, MREMAP_MAYMOVE | MREMAP_FIXED, target), target);
  EXPECT_EQ(target[-1], 4);
  EXPECT_EQ(target[0], 3);
  EXPECT_EQ(target[2 * kPageSize - 1], 3);
  EXPECT_EQ(target[2 * kPageSize], 4);
  EXPECT_FALSE(IsMapped(from.get()));
}

TEST(MremapTest, MovesLargeMemoryWhole) {
  constexpr size_t kSize = 8 << 20;
  Mapping from = Mapping::Anonymous(kSize);
  for (size_t at = 0; at < kSize; at += kPageSize) *reinterpret_cast<size_t*>(from.bytes() + at) = at;
  Mapping place = Mapping::Anonymous(2 * kSize, PROT_NONE);
  void* moved = mremap(from.get(), kSize, 2 * kSize, MREMAP_MAYMOVE | MREMAP_FIXED, place.get());
  ASSERT_EQ(moved, place.get());
  for (size_t at = 0; at < kSize; at += kPageSize) ASSERT_EQ(*reinterpret_cast<size_t*>(place.bytes() + at), at);
  EXPECT_EQ(place.bytes()[2 * kSize - 1], 0);
  from.release();
}

TEST(MremapTest, SharedFileMappingKeepsItsFile) {
  TempPath file = TempPath::File(std::string(4096, 'a') + std::string(4096, 'b'));
  UniqueFd fd = Open(file.path(), O_RDWR);
  void* address = mmap(nullptr, kPageSize, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
  void* moved = mremap(address, kPageSize, 2 * kPageSize, MREMAP_MAYMOVE);
  ASSERT_NE(moved, MAP_FAILED);
  Mapping owner(moved, 2 * kPageSize);
  EXPECT_EQ(owner.bytes()[kPageSize], 'b');
  owner.bytes()[kPageSize] = 'W';
  char byte = 0;
  EXPECT_THAT(pread(fd.get(), &byte, 1, 4096), SyscallSucceedsWithValue(1));
  EXPECT_EQ(byte, 'W');
}

TEST(MremapTest, OldSizeZeroDuplicatesASharedMapping) {
  Mapping memory = Mapping::Anonymous(kPageSize, PROT_READ | PROT_WRITE, MAP_SHARED);
  void* copy = mremap(memory.get(), 0, kPageSize, MREMAP_MAYMOVE);
  ASSERT_NE(copy, MAP_FAILED);
  Mapping owner(copy, kPageSize);
  memory.bytes()[7] = 7;
  EXPECT_EQ(static_cast<volatile char*>(owner.bytes())[7], 7);
}

TEST(MremapTest, DontunmapLeavesAnEmptyMappingBehind) {
  Mapping memory = Mapping::Anonymous(kPageSize);
  memory.bytes()[0] = 8;
  const long moved = RawSyscall(SYS_mremap, memory.get(), kPageSize, kPageSize, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, 0);
  ASSERT_THAT(moved, SyscallSucceeds());
  Mapping owner(reinterpret_cast<void*>(moved), kPageSize);
  EXPECT_EQ(owner.bytes()[0], 8);
  EXPECT_EQ(memory.bytes()[0], 0);
}

TEST(MremapTest, BadArgumentsFail) {
  Mapping memory = Mapping::Anonymous(2 * kPageSize);
  char* at = memory.bytes();
  EXPECT_THAT(RawSyscall(SYS_mremap, at + 1, kPageSize, kPageSize, 0), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RawSyscall(SYS_mremap, at, kPageSize, 0, 0), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RawSyscall(SYS_mremap, at, kPageSize, kPageSize, 0x80), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RawSyscall(SYS_mremap, at, kPageSize, kPageSize, MREMAP_FIXED, at), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RawSyscall(SYS_mremap, at, 2 * kPageSize, kPageSize, MREMAP_FIXED | MREMAP_MAYMOVE, at + kPageSize),
              SyscallFailsWithErrno(EINVAL))
      << "old and new place overlap";
  EXPECT_THAT(RawSyscall(SYS_mremap, at, 0, kPageSize, MREMAP_MAYMOVE), SyscallFailsWithErrno(EINVAL))
      << "a private mapping cannot be duplicated";
}

TEST(MremapTest, UnmappedSourceIsEfault) {
  Mapping memory = Mapping::Anonymous(3 * kPageSize);
  ASSERT_THAT(munmap(memory.bytes() + kPageSize, kPageSize), SyscallSucceeds());
  EXPECT_THAT(RawSyscall(SYS_mremap, memory.bytes() + kPageSize, kPageSize, 2 * kPageSize, MREMAP_MAYMOVE),
              SyscallFailsWithErrno(EFAULT));
  EXPECT_THAT(RawSyscall(SYS_mremap, memory.get(), 3 * kPageSize, 4 * kPageSize, MREMAP_MAYMOVE),
              SyscallFailsWithErrno(EFAULT));
}

TEST(MadviseTest, DontneedZeroesPrivateAnonymousMemory) {
  Mapping memory = Mapping::Anonymous(3 * kPageSize);
  memset(memory.get(), 1, memory.size());
  EXPECT_THAT(madvise(memory.bytes() + kPageSize, kPageSize, MADV_DONTNEED), SyscallSucceeds());
  EXPECT_EQ(memory.bytes()[kPageSize - 1], 1);
  EXPECT_EQ(memory.bytes()[kPageSize], 0);
  EXPECT_EQ(memory.bytes()[2 * kPageSize], 1);
}

TEST(MadviseTest, DontneedBringsPrivateFilePagesBack) {
  TempPath file = TempPath::File("file");
  UniqueFd fd = Open(file.path(), O_RDONLY);
  Mapping page = Mapping::Create(nullptr, kPageSize, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd.get(), 0);
  page.bytes()[0] = 'X';
  EXPECT_THAT(madvise(page.get(), kPageSize, MADV_DONTNEED), SyscallSucceeds());
  EXPECT_EQ(page.bytes()[0], 'f');
}

TEST(MadviseTest, DontneedKeepsSharedMemory) {
  Mapping memory = Mapping::Anonymous(kPageSize, PROT_READ | PROT_WRITE, MAP_SHARED);
  memory.bytes()[0] = 5;
  EXPECT_THAT(madvise(memory.get(), kPageSize, MADV_DONTNEED), SyscallSucceeds());
  EXPECT_EQ(memory.bytes()[0], 5);
}

TEST(MadviseTest, HintsAreAccepted) {
  Mapping memory = Mapping::Anonymous(2 * kPageSize);
  for (int advice : {MADV_NORMAL, MADV_RANDOM, MADV_SEQUENTIAL, MADV_WILLNEED, MADV_FREE}) {
    EXPECT_THAT(madvise(memory.get(), 2 * kPageSize, advice), SyscallSucceeds()) << advice;
  }
}

TEST(MadviseTest, DontforkLeavesThePageOutOfTheChild) {
  Mapping memory = Mapping::Anonymous(2 * kPageSize);
  ASSERT_THAT(madvise(memory.get(), kPageSize, MADV_DONTFORK), SyscallSucceeds());
  EXPECT_THAT(RunInChild([&] { return !IsMapped(memory.get()) && IsMapped(memory.bytes() + kPageSize) ? 0 : 1; }),
              ExitedWith(0));
}

TEST(MadviseTest, WipeonforkGivesTheChildZeroes) {
  Mapping memory = Mapping::Anonymous(kPageSize);
  memory.bytes()[0] = 6;
  ASSERT_THAT(madvise(memory.get(), kPageSize, MADV_WIPEONFORK), SyscallSucceeds());
  EXPECT_THAT(RunInChild([&] { return memory.bytes()[0]; }), ExitedWith(0));
  EXPECT_EQ(memory.bytes()[0], 6);
}

TEST(MadviseTest, BadArgumentsFail) {
  Mapping memory = Mapping::Anonymous(3 * kPageSize);
  EXPECT_THAT(madvise(memory.bytes() + 1, kPageSize, MADV_DONTNEED), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(madvise(memory.get(), kPageSize, 9999), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(madvise(memory.get(), 0, MADV_DONTNEED), SyscallSucceeds());
  memory.bytes()[2 * kPageSize] = 1;
  ASSERT_THAT(munmap(memory.bytes() + kPageSize, kPageSize), SyscallSucceeds());
  EXPECT_THAT(madvise(memory.get(), 3 * kPageSize, MADV_DONTNEED), SyscallFailsWithErrno(ENOMEM));
  EXPECT_EQ(memory.bytes()[2 * kPageSize], 0) << "what is mapped behind the hole is advised all the same";
}

TEST(MincoreTest, TouchedPagesAreResident) {
  Mapping memory = Mapping::Anonymous(2 * kPageSize);
  memory.bytes()[0] = 1;
  unsigned char resident[2] = {};
  ASSERT_THAT(mincore(memory.get(), 2 * kPageSize, resident), SyscallSucceeds());
  EXPECT_EQ(resident[0] & 1, 1);
}

TEST(MincoreTest, BadArgumentsFail) {
  Mapping memory = Mapping::Anonymous(2 * kPageSize);
  unsigned char resident[2];
  EXPECT_THAT(RawSyscall(SYS_mincore, memory.bytes() + 1, kPageSize, resident), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RawSyscall(SYS_mincore, memory.get(), kPageSize, BadPointer()), SyscallFailsWithErrno(EFAULT));
  ASSERT_THAT(munmap(memory.bytes() + kPageSize, kPageSize), SyscallSucceeds());
  EXPECT_THAT(RawSyscall(SYS_mincore, memory.get(), 2 * kPageSize, resident), SyscallFailsWithErrno(ENOMEM));
}

}  // namespace
}  // namespace tests
