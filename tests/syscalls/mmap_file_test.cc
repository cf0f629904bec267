// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

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

Mapping MapFile(const UniqueFd& fd, size_t size, int protection, int flags, off_t offset = 0) {
  return Mapping::Create(nullptr, size, protection, flags, fd.get(), offset);
}

TEST(FileMappingTest, ShowsTheContentAndZeroesBehindIt) {
  TempPath file = TempPath::File("mapped content");
  UniqueFd fd = Open(file.path(), O_RDONLY);
  Mapping page = MapFile(fd, kPageSize, PROT_READ, MAP_PRIVATE);
  EXPECT_EQ(std::string(page.bytes(), 14), "mapped content");
  for (size_t i = 14; i < kPageSize; ++i) ASSERT_EQ(page.bytes()[i], 0);
}

TEST(FileMappingTest, OffsetSelectsThePage) {
  TempPath file = TempPath::File(std::string(4096, 'a') + std::string(4096, 'b') + "c");
  UniqueFd fd = Open(file.path(), O_RDONLY);
  Mapping pages = MapFile(fd, 2 * kPageSize, PROT_READ, MAP_SHARED, 4096);
  EXPECT_EQ(pages.bytes()[0], 'b');
  EXPECT_EQ(pages.bytes()[kPageSize], 'c');
}

TEST(FileMappingTest, StaysAfterTheDescriptorIsClosedAndTheFileUnlinked) {
  TempPath file = TempPath::File("persistent");
  UniqueFd fd = Open(file.path(), O_RDONLY);
  Mapping page = MapFile(fd, kPageSize, PROT_READ, MAP_PRIVATE);
  fd.reset();
  ASSERT_THAT(unlink(file.c_str()), SyscallSucceeds());
  EXPECT_EQ(std::string(page.bytes(), 10), "persistent");
}

TEST(FileMappingTest, SharedWritesReachTheFile) {
  TempPath file = TempPath::File("0123456789");
  UniqueFd fd = Open(file.path(), O_RDWR);
  Mapping page = MapFile(fd, kPageSize, kReadWrite, MAP_SHARED);
  page.bytes()[3] = 'X';
  page.bytes()[100] = 'Y';
  EXPECT_EQ(ReadWholeFile(file.path()), "012X456789");
  EXPECT_THAT(msync(page.get(), kPageSize, MS_SYNC), SyscallSucceeds());
}

TEST(FileMappingTest, WritesToTheFileShowInASharedMapping) {
  TempPath file = TempPath::File("0123456789");
  UniqueFd fd = Open(file.path(), O_RDWR);
  Mapping page = MapFile(fd, kPageSize, PROT_READ, MAP_SHARED);
  EXPECT_EQ(page.bytes()[2], '2');
  ASSERT_THAT(pwrite(fd.get(), "Z", 1, 2), SyscallSucceedsWithValue(1));
  EXPECT_EQ(static_cast<volatile char*>(page.bytes())[2], 'Z');
}

TEST(FileMappingTest, PrivateWritesStayPrivate) {
  TempPath file = TempPath::File("0123456789");
  UniqueFd fd = Open(file.path(), O_RDONLY);
  Mapping page = MapFile(fd, kPageSize, kReadWrite, MAP_PRIVATE);
  page.bytes()[3] = 'X';
  EXPECT_EQ(ReadWholeFile(file.path()), "0123456789");
  Mapping other = MapFile(fd, kPageSize, PROT_READ, MAP_PRIVATE);
  EXPECT_EQ(other.bytes()[3], '3');
}

TEST(FileMappingTest, TwoSharedMappingsAreTheSameMemory) {
  TempPath file = TempPath::File("0123456789");
  UniqueFd fd = Open(file.path(), O_RDWR);
  Mapping first = MapFile(fd, kPageSize, kReadWrite, MAP_SHARED);
  UniqueFd again = Open(file.path(), O_RDWR);
  Mapping second = MapFile(again, kPageSize, kReadWrite, MAP_SHARED);
  first.bytes()[5] = 'S';
  EXPECT_EQ(static_cast<volatile char*>(second.bytes())[5], 'S');
}

TEST(FileMappingTest, SharedMappingIsSharedWithAForkedChild) {
  TempPath file = TempPath::File("0123456789");
  UniqueFd fd = Open(file.path(), O_RDWR);
  Mapping page = MapFile(fd, kPageSize, kReadWrite, MAP_SHARED);
  EXPECT_THAT(RunInChild([&] {
                page.bytes()[1] = 'C';
                return 0;
              }),
              ExitedWith(0));
  EXPECT_EQ(static_cast<volatile char*>(page.bytes())[1], 'C');
}

TEST(FileMappingTest, PrivateMappingIsCopiedOnWriteByAForkedChild) {
  TempPath file = TempPath::File("0123456789");
  UniqueFd fd = Open(file.path(), O_RDONLY);
  Mapping page = MapFile(fd, kPageSize, kReadWrite, MAP_PRIVATE);
  page.bytes()[0] = 'P';
  EXPECT_THAT(RunInChild([&] {
                CHILD_CHECK(page.bytes()[0] == 'P' && page.bytes()[1] == '1');
                page.bytes()[1] = 'C';
                return 0;
              }),
              ExitedWith(0));
  EXPECT_EQ(static_cast<volatile char*>(page.bytes())[1], '1');
}

TEST(FileMappingTest, GrowingTheFileMakesThePageUsable) {
  TempPath file = TempPath::File("x");
  UniqueFd fd = Open(file.path(), O_RDWR);
  Mapping pages = MapFile(fd, 2 * kPageSize, kReadWrite, MAP_SHARED);
  ASSERT_THAT(ftruncate(fd.get(), 2 * kPageSize), SyscallSucceeds());
  pages.bytes()[kPageSize] = 'G';
  char byte = 0;
  EXPECT_THAT(pread(fd.get(), &byte, 1, kPageSize), SyscallSucceedsWithValue(1));
  EXPECT_EQ(byte, 'G');
}

TEST(FileMappingTest, AccessModeOfTheDescriptorIsChecked) {
  TempPath file = TempPath::File("content");
  UniqueFd reader = Open(file.path(), O_RDONLY);
  UniqueFd writer = Open(file.path(), O_WRONLY);
  UniqueFd path = Open(file.path(), O_PATH);
  EXPECT_THAT(RawSyscall(SYS_mmap, 0, kPageSize, kReadWrite, MAP_SHARED, reader.get(), 0),
              SyscallFailsWithErrno(EACCES));
  EXPECT_THAT(RawSyscall(SYS_mmap, 0, kPageSize, PROT_READ, MAP_PRIVATE, writer.get(), 0),
              SyscallFailsWithErrno(EACCES));
  EXPECT_THAT(RawSyscall(SYS_mmap, 0, kPageSize, PROT_WRITE, MAP_SHARED, writer.get(), 0),
              SyscallFailsWithErrno(EACCES));
  EXPECT_THAT(RawSyscall(SYS_mmap, 0, kPageSize, PROT_READ, MAP_PRIVATE, path.get(), 0), SyscallFailsWithErrno(EBADF));
}

TEST(FileMappingTest, MprotectMayNotExceedTheDescriptorsMode) {
  TempPath file = TempPath::File("content");
  UniqueFd fd = Open(file.path(), O_RDONLY);
  Mapping shared = MapFile(fd, kPageSize, PROT_READ, MAP_SHARED);
  Mapping copied = MapFile(fd, kPageSize, PROT_READ, MAP_PRIVATE);
  EXPECT_THAT(mprotect(shared.get(), kPageSize, kReadWrite), SyscallFailsWithErrno(EACCES));
  EXPECT_THAT(mprotect(copied.get(), kPageSize, kReadWrite), SyscallSucceeds());
  copied.bytes()[0] = 'C';
  EXPECT_EQ(copied.bytes()[0], 'C');
}

TEST(FileMappingTest, WhatCannotBeMappedIsEnodev) {
  Pipe pipe = MakePipe();
  UniqueFd directory = Open("/tmp", O_RDONLY);
  EXPECT_THAT(RawSyscall(SYS_mmap, 0, kPageSize, PROT_READ, MAP_PRIVATE, pipe.reader.get(), 0),
              SyscallFailsWithErrno(ENODEV));
  EXPECT_THAT(RawSyscall(SYS_mmap, 0, kPageSize, PROT_READ, MAP_PRIVATE, directory.get(), 0),
              SyscallFailsWithErrno(ENODEV));
}

TEST(FileMappingTest, UnalignedOffsetIsEinvalAndHugeEoverflow) {
  TempPath file = TempPath::File("content");
  UniqueFd fd = Open(file.path(), O_RDONLY);
  EXPECT_THAT(RawSyscall(SYS_mmap, 0, kPageSize, PROT_READ, MAP_PRIVATE, fd.get(), 1), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RawSyscall(SYS_mmap, 0, 2 * kPageSize, PROT_READ, MAP_PRIVATE, fd.get(), -4096L),
              SyscallFailsWithErrno(EOVERFLOW));
}

TEST(FileMappingTest, ZeroDeviceGivesPrivateZeroes) {
  UniqueFd fd = Open("/dev/zero", O_RDWR);
  Mapping page = MapFile(fd, kPageSize, kReadWrite, MAP_PRIVATE);
  EXPECT_EQ(page.bytes()[17], 0);
  page.bytes()[17] = 1;
  EXPECT_EQ(page.bytes()[17], 1);
}

TEST(FileMappingTest, ReadIntoAMappingOfTheSameFileWorks) {
  TempPath file = TempPath::File(std::string(4096, 'a') + std::string(4096, 'b'));
  UniqueFd fd = Open(file.path(), O_RDWR);
  Mapping pages = MapFile(fd, 2 * kPageSize, kReadWrite, MAP_SHARED);
  EXPECT_THAT(pread(fd.get(), pages.bytes() + kPageSize, kPageSize, 0), SyscallSucceedsWithValue(4096));
  EXPECT_EQ(ReadWholeFile(file.path()), std::string(8192, 'a'));
}

TEST(MsyncTest, BadArgumentsFail) {
  Mapping memory = Mapping::Anonymous(3 * kPageSize);
  EXPECT_THAT(RawSyscall(SYS_msync, memory.bytes() + 1, kPageSize, MS_SYNC), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RawSyscall(SYS_msync, memory.get(), kPageSize, MS_SYNC | MS_ASYNC), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RawSyscall(SYS_msync, memory.get(), kPageSize, 0x100), SyscallFailsWithErrno(EINVAL));
  ASSERT_THAT(munmap(memory.bytes() + kPageSize, kPageSize), SyscallSucceeds());
  EXPECT_THAT(RawSyscall(SYS_msync, memory.get(), 3 * kPageSize, MS_SYNC), SyscallFailsWithErrno(ENOMEM));
}

TEST(FileMappingTest, ManyFilesAreMappedAndLetGoAtOnce) {
  constexpr int kFiles = 100;
  for (int round = 0; round < 5; ++round) {
    EXPECT_THAT(RunInChild([&] {
                  for (int i = 0; i < kFiles; ++i) {
                    int fd = memfd_create("many", 0);
                    CHILD_CHECK(fd >= 0 && ftruncate(fd, 4096) == 0);
                    void* page = mmap(nullptr, kPageSize, kReadWrite, MAP_SHARED, fd, 0);
                    CHILD_CHECK(page != MAP_FAILED);
                    *static_cast<char*>(page) = 'm';
                    close(fd);
                  }
                  return 0;
                }),
                ExitedWith(0));
  }
}

}  // namespace
}  // namespace tests
