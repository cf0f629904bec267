// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <string>

#include "tests/util/fork.h"
#include "tests/util/mapping.h"
#include "tests/util/matchers.h"
#include "tests/util/raw_syscall.h"
#include "tests/util/unique_fd.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x8u
#define MFD_EXEC 0x10u
#endif
#ifndef F_SEAL_EXEC
#define F_SEAL_EXEC 0x20
#endif

namespace tests {
namespace {

constexpr int kReadWrite = PROT_READ | PROT_WRITE;

UniqueFd Sealable(off_t size = 0) {
  UniqueFd fd(memfd_create("sealable", MFD_ALLOW_SEALING));
  EXPECT_TRUE(fd.ok());
  EXPECT_THAT(ftruncate(fd.get(), size), SyscallSucceeds());
  return fd;
}

std::string LinkOf(const UniqueFd& fd) {
  char target[512];
  ssize_t size = readlink(("/proc/self/fd/" + std::to_string(fd.get())).c_str(), target, sizeof(target));
  return {target, size > 0 ? static_cast<size_t>(size) : 0};
}

TEST(MemfdCreateTest, IsAnUnlinkedRegularFile) {
  UniqueFd fd(memfd_create("some name", 0));
  ASSERT_TRUE(fd.ok());
  EXPECT_EQ(LinkOf(fd), "/memfd:some name (deleted)");
  struct stat status;
  ASSERT_THAT(fstat(fd.get(), &status), SyscallSucceeds());
  EXPECT_EQ(status.st_mode, S_IFREG | 0777u);
  EXPECT_EQ(status.st_nlink, 0u);
  EXPECT_EQ(status.st_uid, geteuid());
  EXPECT_EQ(status.st_size, 0);
  EXPECT_THAT(fcntl(fd.get(), F_GETFL), SyscallSucceedsWithValue(O_RDWR | 0100000));
  EXPECT_THAT(fcntl(fd.get(), F_GETFD), SyscallSucceedsWithValue(0));
  struct statfs filesystem;
  ASSERT_THAT(fstatfs(fd.get(), &filesystem), SyscallSucceeds());
  EXPECT_EQ(filesystem.f_type, 0x01021994);
}

TEST(MemfdCreateTest, FlagsAreHonoured) {
  UniqueFd closed(memfd_create("", MFD_CLOEXEC));
  EXPECT_THAT(fcntl(closed.get(), F_GETFD), SyscallSucceedsWithValue(FD_CLOEXEC));
  UniqueFd data(memfd_create("data", MFD_NOEXEC_SEAL));
  struct stat status;
  ASSERT_THAT(fstat(data.get(), &status), SyscallSucceeds());
  EXPECT_EQ(status.st_mode & 07777, 0666u);
  EXPECT_THAT(fcntl(data.get(), F_GET_SEALS), SyscallSucceedsWithValue(F_SEAL_EXEC));
  EXPECT_THAT(fchmod(data.get(), 0777), SyscallFailsWithErrno(EPERM));
  EXPECT_THAT(fchmod(data.get(), 0600), SyscallSucceeds());
}

TEST(MemfdCreateTest, RefusesBadArguments) {
  EXPECT_THAT(memfd_create("x", 0x8000), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(memfd_create("x", MFD_EXEC | MFD_NOEXEC_SEAL), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RawSyscall(SYS_memfd_create, BadPointer(), 0), SyscallFailsWithErrno(EFAULT));
  EXPECT_THAT(memfd_create(std::string(250, 'n').c_str(), 0), SyscallFailsWithErrno(EINVAL));
  UniqueFd longest(memfd_create(std::string(249, 'n').c_str(), 0));
  EXPECT_TRUE(longest.ok());
}

TEST(MemfdCreateTest, MappingsShareThePagesWithChildren) {
  UniqueFd fd(memfd_create("shared", 0));
  ASSERT_THAT(ftruncate(fd.get(), kPageSize), SyscallSucceeds());
  Mapping page = Mapping::Create(nullptr, kPageSize, kReadWrite, MAP_SHARED, fd.get(), 0);
  EXPECT_THAT(RunInChild([&] {
                page.bytes()[7] = 'c';
                return 0;
              }),
              ExitedWith(0));
  EXPECT_EQ(page.bytes()[7], 'c');
  char byte = 0;
  EXPECT_THAT(pread(fd.get(), &byte, 1, 7), SyscallSucceedsWithValue(1));
  EXPECT_EQ(byte, 'c');
}

TEST(MemfdCreateTest, CanBeOpenedAgain) {
  UniqueFd fd(memfd_create("again", 0));
  ASSERT_THAT(write(fd.get(), "text", 4), SyscallSucceedsWithValue(4));
  UniqueFd again(open(("/proc/self/fd/" + std::to_string(fd.get())).c_str(), O_RDONLY));
  ASSERT_TRUE(again.ok());
  char text[5] = {};
  EXPECT_THAT(read(again.get(), text, 4), SyscallSucceedsWithValue(4));
  EXPECT_STREQ(text, "text");
  EXPECT_THAT(write(again.get(), "x", 1), SyscallFailsWithErrno(EBADF));
}

TEST(SealTest, WithoutTheFlagNothingCanBeSealed) {
  UniqueFd fd(memfd_create("plain", 0));
  EXPECT_THAT(fcntl(fd.get(), F_GET_SEALS), SyscallSucceedsWithValue(F_SEAL_SEAL));
  EXPECT_THAT(fcntl(fd.get(), F_ADD_SEALS, F_SEAL_GROW), SyscallFailsWithErrno(EPERM));
}

TEST(SealTest, SealsAddUpUntilTheLast) {
  UniqueFd fd = Sealable();
  EXPECT_THAT(fcntl(fd.get(), F_GET_SEALS), SyscallSucceedsWithValue(0));
  EXPECT_THAT(fcntl(fd.get(), F_ADD_SEALS, 0x4000), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK), SyscallSucceeds());
  EXPECT_THAT(fcntl(fd.get(), F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SEAL), SyscallSucceeds());
  EXPECT_THAT(fcntl(fd.get(), F_GET_SEALS), SyscallSucceedsWithValue(F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL));
  EXPECT_THAT(fcntl(fd.get(), F_ADD_SEALS, F_SEAL_WRITE), SyscallFailsWithErrno(EPERM));
}

TEST(SealTest, AreForWritersAndFilesOfMemoryOnly) {
  UniqueFd fd = Sealable();
  UniqueFd reader(open(("/proc/self/fd/" + std::to_string(fd.get())).c_str(), O_RDONLY));
  ASSERT_TRUE(reader.ok());
  EXPECT_THAT(fcntl(reader.get(), F_ADD_SEALS, F_SEAL_GROW), SyscallFailsWithErrno(EPERM));
  EXPECT_THAT(fcntl(reader.get(), F_GET_SEALS), SyscallSucceedsWithValue(0));
  UniqueFd null(open("/dev/null", O_RDWR));
  EXPECT_THAT(fcntl(null.get(), F_GET_SEALS), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(fcntl(null.get(), F_ADD_SEALS, F_SEAL_GROW), SyscallFailsWithErrno(EINVAL));
}

TEST(SealTest, ShrinkForbidsSmallerSizes) {
  UniqueFd fd = Sealable(8192);
  ASSERT_THAT(fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK), SyscallSucceeds());
  EXPECT_THAT(ftruncate(fd.get(), 4096), SyscallFailsWithErrno(EPERM));
  EXPECT_THAT(ftruncate(fd.get(), 8192), SyscallSucceeds());
  EXPECT_THAT(ftruncate(fd.get(), 16384), SyscallSucceeds());
}

TEST(SealTest, GrowForbidsLargerSizes) {
  UniqueFd fd = Sealable(4096);
  ASSERT_THAT(fcntl(fd.get(), F_ADD_SEALS, F_SEAL_GROW), SyscallSucceeds());
  EXPECT_THAT(ftruncate(fd.get(), 8192), SyscallFailsWithErrno(EPERM));
  EXPECT_THAT(pwrite(fd.get(), "x", 1, 4096), SyscallFailsWithErrno(EPERM));
  EXPECT_THAT(fallocate(fd.get(), 0, 0, 8192), SyscallFailsWithErrno(EPERM));
  EXPECT_THAT(pwrite(fd.get(), "x", 1, 4095), SyscallSucceedsWithValue(1));
  EXPECT_THAT(ftruncate(fd.get(), 0), SyscallSucceeds());
}

TEST(SealTest, WriteForbidsEveryChangeOfContent) {
  UniqueFd fd = Sealable(4096);
  ASSERT_THAT(fcntl(fd.get(), F_ADD_SEALS, F_SEAL_WRITE), SyscallSucceeds());
  EXPECT_THAT(write(fd.get(), "x", 1), SyscallFailsWithErrno(EPERM));
  EXPECT_THAT(fallocate(fd.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096), SyscallFailsWithErrno(EPERM));
  EXPECT_EQ(mmap(nullptr, kPageSize, kReadWrite, MAP_SHARED, fd.get(), 0), MAP_FAILED);
  EXPECT_EQ(errno, EPERM);
  Mapping copy = Mapping::Create(nullptr, kPageSize, kReadWrite, MAP_PRIVATE, fd.get(), 0);
  copy.bytes()[0] = 'p';
}

TEST(SealTest, WriteWaitsForTheLastWritableMapping) {
  UniqueFd fd = Sealable(4096);
  {
    Mapping page = Mapping::Create(nullptr, kPageSize, kReadWrite, MAP_SHARED, fd.get(), 0);
    page.bytes()[0] = 'w';
    EXPECT_THAT(fcntl(fd.get(), F_ADD_SEALS, F_SEAL_WRITE), SyscallFailsWithErrno(EBUSY));
    EXPECT_THAT(fcntl(fd.get(), F_ADD_SEALS, F_SEAL_FUTURE_WRITE), SyscallSucceeds());
    page.bytes()[1] = 'w';
    EXPECT_THAT(write(fd.get(), "x", 1), SyscallFailsWithErrno(EPERM));
  }
  Mapping copy = Mapping::Create(nullptr, kPageSize, PROT_READ, MAP_PRIVATE, fd.get(), 0);
  EXPECT_EQ(copy.bytes()[1], 'w');
  EXPECT_THAT(fcntl(fd.get(), F_ADD_SEALS, F_SEAL_WRITE), SyscallSucceeds());
}

TEST(SealTest, ASealedFileCanBeMappedToRead) {
  UniqueFd fd = Sealable(4096);
  ASSERT_THAT(pwrite(fd.get(), "sealed", 6, 0), SyscallSucceedsWithValue(6));
  ASSERT_THAT(fcntl(fd.get(), F_ADD_SEALS, F_SEAL_FUTURE_WRITE), SyscallSucceeds());
  Mapping page = Mapping::Create(nullptr, kPageSize, PROT_READ, MAP_SHARED, fd.get(), 0);
  EXPECT_EQ(std::string(page.bytes(), 6), "sealed");
  EXPECT_THAT(mprotect(page.get(), kPageSize, kReadWrite), SyscallFailsWithErrno(EACCES));
}

}  // namespace
}  // namespace tests
