// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdint>
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

constexpr int kReadWrite = PROT_READ | PROT_WRITE;
constexpr int kPrivate = MAP_PRIVATE | MAP_ANONYMOUS;

long Map(void* hint, size_t size, int protection, int flags, int fd = -1, long offset = 0) {
  return RawSyscall(SYS_mmap, hint, size, protection, flags, fd, offset);
}

// Whether the page at `address` is mapped at all: msync says ENOMEM where nothing is.
bool IsMapped(const void* address) { return RawSyscall(SYS_msync, address, kPageSize, MS_ASYNC) == 0; }

TEST(MmapTest, AnonymousMemoryIsZeroAndWritable) {
  Mapping memory = Mapping::Anonymous(16 * kPageSize);
  for (size_t i = 0; i < memory.size(); ++i) ASSERT_EQ(memory.bytes()[i], 0);
  memset(memory.get(), 0x5a, memory.size());
  EXPECT_EQ(memory.bytes()[memory.size() - 1], 0x5a);
}

TEST(MmapTest, HintOfAFreePlaceIsTaken) {
  Mapping place = Mapping::Anonymous(4 * kPageSize);
  char* hint = place.bytes();
  ASSERT_THAT(munmap(hint, 4 * kPageSize), SyscallSucceeds());
  place.release();
  Mapping second = Mapping::Create(hint, kPageSize, kReadWrite, kPrivate, -1, 0);
  EXPECT_EQ(second.get(), hint);
}

TEST(MmapTest, HintOfATakenPlaceIsOnlyAHint) {
  Mapping first = Mapping::Anonymous(kPageSize);
  first.bytes()[0] = 9;
  Mapping second = Mapping::Create(first.get(), kPageSize, kReadWrite, kPrivate, -1, 0);
  EXPECT_NE(second.get(), first.get());
  EXPECT_EQ(first.bytes()[0], 9);
}

TEST(MmapTest, FixedReplacesWhatWasThere) {
  Mapping memory = Mapping::Anonymous(3 * kPageSize);
  memset(memory.get(), 7, memory.size());
  char* middle = memory.bytes() + kPageSize;
  EXPECT_EQ(mmap(middle, kPageSize, kReadWrite, kPrivate | MAP_FIXED, -1, 0), middle);
  EXPECT_EQ(middle[-1], 7);
  EXPECT_EQ(middle[0], 0);
  EXPECT_EQ(middle[kPageSize], 7);
}

TEST(MmapTest, FixedAtAnUnalignedAddressIsEinval) {
  Mapping memory = Mapping::Anonymous(2 * kPageSize);
  EXPECT_THAT(Map(memory.bytes() + 1, kPageSize, kReadWrite, kPrivate | MAP_FIXED), SyscallFailsWithErrno(EINVAL));
}

TEST(MmapTest, FixedNoreplaceRefusesATakenPlace) {
  Mapping memory = Mapping::Anonymous(2 * kPageSize);
  memory.bytes()[0] = 1;
  EXPECT_THAT(Map(memory.get(), kPageSize, kReadWrite, kPrivate | MAP_FIXED_NOREPLACE), SyscallFailsWithErrno(EEXIST));
  EXPECT_THAT(Map(memory.bytes() - kPageSize, 2 * kPageSize, kReadWrite, kPrivate | MAP_FIXED_NOREPLACE),
              SyscallFailsWithErrno(EEXIST));
  EXPECT_EQ(memory.bytes()[0], 1);
  ASSERT_THAT(munmap(memory.bytes() + kPageSize, kPageSize), SyscallSucceeds());
  EXPECT_EQ(mmap(memory.bytes() + kPageSize, kPageSize, kReadWrite, kPrivate | MAP_FIXED_NOREPLACE, -1, 0),
            memory.bytes() + kPageSize);
}

TEST(MmapTest, BadLengthFlagsAndDescriptorsFail) {
  EXPECT_THAT(Map(nullptr, 0, kReadWrite, kPrivate), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(Map(nullptr, kPageSize, kReadWrite, MAP_ANONYMOUS), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(Map(nullptr, kPageSize, kReadWrite, MAP_PRIVATE, -1), SyscallFailsWithErrno(EBADF));
  EXPECT_THAT(Map(nullptr, kPageSize, kReadWrite, kPrivate, -1, 1), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(Map(nullptr, ~size_t{0}, kReadWrite, kPrivate), SyscallFailsWithErrno(ENOMEM));
  EXPECT_THAT(Map(nullptr, size_t{1} << 47, PROT_NONE, kPrivate), SyscallFailsWithErrno(ENOMEM));
}

TEST(MmapTest, FixedOutsideTheAddressSpaceIsEnomem) {
  EXPECT_THAT(Map(KernelPointer(), kPageSize, kReadWrite, kPrivate | MAP_FIXED), SyscallFailsWithErrno(ENOMEM));
}

TEST(MmapTest, HugeReservationCostsNothing) {
  constexpr size_t kHuge = size_t{1} << 40;
  Mapping memory = Mapping::Create(nullptr, kHuge, PROT_NONE, kPrivate | MAP_NORESERVE, -1, 0);
  char* middle = memory.bytes() + kHuge / 2;
  ASSERT_THAT(mprotect(middle, kPageSize, kReadWrite), SyscallSucceeds());
  middle[0] = 1;
  EXPECT_EQ(middle[0], 1);
}

TEST(MmapTest, LowFourGigabytesOnRequest) {
  Mapping memory = Mapping::Anonymous(kPageSize, kReadWrite, MAP_PRIVATE | MAP_32BIT);
  EXPECT_LT(reinterpret_cast<uintptr_t>(memory.get()), uintptr_t{1} << 31);
}

TEST(MmapTest, AddressSpaceLimitIsEnomem) {
  EXPECT_THAT(RunInChild([] {
                const rlimit limit = {256 << 20, 256 << 20};
                CHILD_CHECK(setrlimit(RLIMIT_AS, &limit) == 0);
                CHILD_CHECK_ERRNO(Map(nullptr, 512 << 20, PROT_NONE, kPrivate), ENOMEM);
                CHILD_CHECK(Map(nullptr, 16 << 20, PROT_NONE, kPrivate) != -1);
                return 0;
              }),
              ExitedWith(0));
}

TEST(MmapTest, SharedAnonymousMemoryIsSeenAcrossFork) {
  Mapping memory = Mapping::Anonymous(2 * kPageSize, kReadWrite, MAP_SHARED);
  volatile int* value = memory.as<volatile int>();
  *value = 1;
  EXPECT_THAT(RunInChild([&] {
                CHILD_CHECK(*value == 1);
                *value = 2;
                memory.bytes()[kPageSize] = 3;
                return 0;
              }),
              ExitedWith(0));
  EXPECT_EQ(*value, 2);
  EXPECT_EQ(memory.bytes()[kPageSize], 3);
}

TEST(MmapTest, GeneratedCodeRuns) {
  Mapping page = Mapping::Anonymous(kPageSize);
  const unsigned char code[] = {0xb8, 0x2a, 0x00, 0x00, 0x00, 0xc3};  // mov $42, %eax; ret
  memcpy(page.get(), code, sizeof(code));
  ASSERT_THAT(mprotect(page.get(), kPageSize, PROT_READ | PROT_EXEC), SyscallSucceeds());
  EXPECT_EQ(reinterpret_cast<int (*)()>(page.get())(), 42);
}

TEST(MmapTest, GeneratedCodeMayMakeSystemCallsAndBeRewritten) {
  Mapping page = Mapping::Anonymous(kPageSize, kReadWrite | PROT_EXEC);
  unsigned char code[] = {0xb8, 0x27, 0x00, 0x00, 0x00, 0x0f, 0x05, 0xc3};  // mov $39, %eax; syscall; ret
  memcpy(page.get(), code, sizeof(code));
  int (*function)() = reinterpret_cast<int (*)()>(page.get());
  for (int i = 0; i < 100; ++i) ASSERT_EQ(function(), getpid());
  code[1] = SYS_getuid;
  memcpy(page.get(), code, sizeof(code));
  for (int i = 0; i < 100; ++i) ASSERT_EQ(function(), static_cast<int>(getuid()));
}

TEST(MunmapTest, MakesAHoleAndAllowsHoles) {
  Mapping memory = Mapping::Anonymous(5 * kPageSize);
  EXPECT_THAT(munmap(memory.bytes() + kPageSize, kPageSize), SyscallSucceeds());
  EXPECT_FALSE(IsMapped(memory.bytes() + kPageSize));
  EXPECT_TRUE(IsMapped(memory.bytes()));
  EXPECT_THAT(munmap(memory.bytes() + kPageSize, kPageSize), SyscallSucceeds());
  EXPECT_THAT(munmap(memory.bytes(), 3 * kPageSize), SyscallSucceeds());
  EXPECT_FALSE(IsMapped(memory.bytes() + 2 * kPageSize));
  EXPECT_TRUE(IsMapped(memory.bytes() + 3 * kPageSize));
}

TEST(MunmapTest, LengthIsRoundedUp) {
  Mapping memory = Mapping::Anonymous(3 * kPageSize);
  EXPECT_THAT(munmap(memory.get(), kPageSize + 1), SyscallSucceeds());
  EXPECT_FALSE(IsMapped(memory.bytes() + kPageSize));
  EXPECT_TRUE(IsMapped(memory.bytes() + 2 * kPageSize));
}

TEST(MunmapTest, BadRangesAreEinval) {
  Mapping memory = Mapping::Anonymous(kPageSize);
  EXPECT_THAT(RawSyscall(SYS_munmap, memory.bytes() + 1, kPageSize), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RawSyscall(SYS_munmap, memory.get(), 0), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RawSyscall(SYS_munmap, memory.get(), ~size_t{0}), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RawSyscall(SYS_munmap, KernelPointer(), kPageSize), SyscallFailsWithErrno(EINVAL));
}

TEST(MprotectTest, SplitsTheMapping) {
  Mapping memory = Mapping::Anonymous(3 * kPageSize);
  memset(memory.get(), 4, memory.size());
  ASSERT_THAT(mprotect(memory.bytes() + kPageSize, kPageSize, PROT_READ), SyscallSucceeds());
  memory.bytes()[0] = 5;
  memory.bytes()[2 * kPageSize] = 5;
  EXPECT_EQ(memory.bytes()[kPageSize], 4);
  Pipe pipe = MakePipe();
  ASSERT_TRUE(WriteByte(pipe.writer.get()));
  EXPECT_THAT(RawSyscall(SYS_read, pipe.reader.get(), memory.bytes() + kPageSize, 1), SyscallFailsWithErrno(EFAULT));
  ASSERT_THAT(mprotect(memory.get(), memory.size(), kReadWrite), SyscallSucceeds());
  memory.bytes()[kPageSize] = 6;
  EXPECT_EQ(memory.bytes()[kPageSize], 6);
}

TEST(MprotectTest, HoleIsEnomemAndBadArgumentsEinval) {
  Mapping memory = Mapping::Anonymous(3 * kPageSize);
  ASSERT_THAT(munmap(memory.bytes() + kPageSize, kPageSize), SyscallSucceeds());
  EXPECT_THAT(mprotect(memory.get(), 3 * kPageSize, PROT_READ), SyscallFailsWithErrno(ENOMEM));
  EXPECT_THAT(mprotect(memory.bytes() + 1, kPageSize, PROT_READ), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(mprotect(memory.get(), kPageSize, 0x100), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(mprotect(memory.bytes() + kPageSize, 0, PROT_READ), SyscallSucceeds());
  EXPECT_THAT(RawSyscall(SYS_mprotect, KernelPointer(), kPageSize, PROT_READ), SyscallFailsWithErrno(ENOMEM));
}

TEST(MprotectTest, SystemCallHonoursProtNone) {
  Mapping memory = Mapping::Anonymous(kPageSize, PROT_NONE);
  Pipe pipe = MakePipe();
  EXPECT_THAT(RawSyscall(SYS_write, pipe.writer.get(), memory.get(), 1), SyscallFailsWithErrno(EFAULT));
}

TEST(BrkTest, GrowsZeroedAndShrinks) {
  EXPECT_THAT(RunInChild([] {
                const long start = RawSyscall(SYS_brk, 0);
                CHILD_CHECK(RawSyscall(SYS_brk, start + 10 * 4096) == start + 10 * 4096);
                char* memory = reinterpret_cast<char*>(start);
                for (int i = 0; i < 10 * 4096; ++i) CHILD_CHECK(memory[i] == 0);
                memset(memory, 1, 10 * 4096);
                CHILD_CHECK(RawSyscall(SYS_brk, start) == start);
                CHILD_CHECK(RawSyscall(SYS_brk, start + 2 * 4096) == start + 2 * 4096);
                const long page = (start + 4095) & ~4095L;
                CHILD_CHECK(*reinterpret_cast<char*>(page) == 0);
                return 0;
              }),
              ExitedWith(0));
}

TEST(MmapTest, FixedMappingWhenTheFutureIsLockedIsThere) {
  EXPECT_THAT(RunInChild([] {
                constexpr size_t kSize = 4 * kPageSize;
                const long place = Map(nullptr, kSize, PROT_NONE, kPrivate);
                CHILD_CHECK(place > 0);
                CHILD_CHECK(RawSyscall(SYS_mlockall, MCL_FUTURE) == 0);
                CHILD_CHECK(Map(reinterpret_cast<void*>(place), kSize, kReadWrite, kPrivate | MAP_FIXED) == place);
                memset(reinterpret_cast<void*>(place), 1, kSize);
                CHILD_CHECK(Map(nullptr, kSize, kReadWrite, kPrivate) > 0);
                CHILD_CHECK(RawSyscall(SYS_munlockall) == 0);
                return 0;
              }),
              ExitedWith(0));
}

TEST(BrkTest, ImpossibleRequestsReturnTheOldBreak) {
  EXPECT_THAT(RunInChild([] {
                const long start = RawSyscall(SYS_brk, 0);
                CHILD_CHECK(RawSyscall(SYS_brk, 1) == start);
                CHILD_CHECK(RawSyscall(SYS_brk, KernelPointer()) == start);
                const rlimit limit = {1 << 20, 1 << 20};
                CHILD_CHECK(setrlimit(RLIMIT_DATA, &limit) == 0);
                CHILD_CHECK(RawSyscall(SYS_brk, start + (2 << 20)) == start);
                return 0;
              }),
              ExitedWith(0));
}

TEST(BrkTest, StopsBeforeAMappingInTheWay) {
  EXPECT_THAT(RunInChild([] {
                const long start = RawSyscall(SYS_brk, 0);
                const long page = ((start + 4095) & ~4095L) + 4 * 4096;
                CHILD_CHECK(Map(reinterpret_cast<void*>(page), 4096, PROT_READ, kPrivate | MAP_FIXED) == page);
                CHILD_CHECK(RawSyscall(SYS_brk, page + 2 * 4096) == start);
                return 0;
              }),
              ExitedWith(0));
}

}  // namespace
}  // namespace tests
