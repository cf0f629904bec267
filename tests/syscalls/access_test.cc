// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/util/fork.h"
#include "tests/util/matchers.h"
#include "tests/util/raw_syscall.h"
#include "tests/util/temp_path.h"
#include "tests/util/unique_fd.h"

namespace tests {
namespace {

TEST(AccessTest, RootMayReadAndWriteAnythingButExecuteOnlyWithAnXBit) {
  TempPath file = TempPath::File("", 0000);
  EXPECT_THAT(access(file.c_str(), F_OK), SyscallSucceeds());
  EXPECT_THAT(access(file.c_str(), R_OK | W_OK), SyscallSucceeds());
  EXPECT_THAT(access(file.c_str(), X_OK), SyscallFailsWithErrno(EACCES));
  TempPath executable = TempPath::File("", 0001);
  EXPECT_THAT(access(executable.c_str(), X_OK), SyscallSucceeds());
}

TEST(AccessTest, MissingOrBelowAFile) {
  TempPath file = TempPath::File("");
  EXPECT_THAT(access((file.path() + "-missing").c_str(), F_OK), SyscallFailsWithErrno(ENOENT));
  EXPECT_THAT(access((file / "x").c_str(), F_OK), SyscallFailsWithErrno(ENOTDIR));
  EXPECT_THAT(access("", F_OK), SyscallFailsWithErrno(ENOENT));
}

TEST(AccessTest, UnknownModeBitIsEinval) {
  EXPECT_THAT(access("/tmp", 8), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RawSyscall(SYS_access, BadPointer(), 8), SyscallFailsWithErrno(EINVAL));
}

TEST(AccessTest, UnmappedPathIsEfault) {
  EXPECT_THAT(RawSyscall(SYS_access, BadPointer(), F_OK), SyscallFailsWithErrno(EFAULT));
  EXPECT_THAT(RawSyscall(SYS_faccessat, AT_FDCWD, BadPointer(), F_OK), SyscallFailsWithErrno(EFAULT));
  EXPECT_THAT(RawSyscall(SYS_faccessat2, AT_FDCWD, BadPointer(), F_OK, 0), SyscallFailsWithErrno(EFAULT));
}

TEST(AccessTest, ChecksTheRealIdsOpenTheEffective) {
  TempPath file = TempPath::File("", 0600);
  EXPECT_THAT(RunInChild([&] {
                CHILD_CHECK(setresuid(1000, 0, 0) == 0);
                CHILD_CHECK_ERRNO(access(file.c_str(), R_OK), EACCES);
                CHILD_CHECK(RawSyscall(SYS_faccessat2, AT_FDCWD, file.c_str(), R_OK, AT_EACCESS) == 0);
                CHILD_CHECK(open(file.c_str(), O_RDONLY) >= 0);
                return 0;
              }),
              ExitedWith(0));
}

TEST(AccessTest, OwnerGroupAndOtherBitsAreExclusive) {
  TempPath file = TempPath::File("", 0047);
  ASSERT_THAT(chown(file.c_str(), 1000, 1001), SyscallSucceeds());
  EXPECT_THAT(RunInChild([&] {
                CHILD_CHECK(setresuid(1000, 1000, 1000) == 0);
                CHILD_CHECK_ERRNO(access(file.c_str(), R_OK), EACCES);
                return 0;
              }),
              ExitedWith(0));
  EXPECT_THAT(RunInChild([&] {
                CHILD_CHECK(setresgid(1001, 1001, 1001) == 0 && setresuid(2000, 2000, 2000) == 0);
                CHILD_CHECK(access(file.c_str(), R_OK) == 0);
                CHILD_CHECK_ERRNO(access(file.c_str(), W_OK), EACCES);
                return 0;
              }),
              ExitedWith(0));
  EXPECT_THAT(RunInChild([&] {
                CHILD_CHECK(setgroups(0, nullptr) == 0);
                CHILD_CHECK(setresgid(3000, 3000, 3000) == 0 && setresuid(3000, 3000, 3000) == 0);
                CHILD_CHECK(access(file.c_str(), R_OK | W_OK | X_OK) == 0);
                return 0;
              }),
              ExitedWith(0));
}

TEST(FaccessatTest, ResolvesFromTheDirectory) {
  TempPath directory = TempPath::Directory();
  UniqueFd base = Open(directory.path(), O_RDONLY | O_DIRECTORY);
  UniqueFd file = Open(directory / "file", O_CREAT | O_RDWR);
  EXPECT_THAT(faccessat(base.get(), "file", R_OK, 0), SyscallSucceeds());
  EXPECT_THAT(faccessat(base.get(), "none", R_OK, 0), SyscallFailsWithErrno(ENOENT));
  EXPECT_THAT(faccessat(-1, "file", R_OK, 0), SyscallFailsWithErrno(EBADF));
  EXPECT_THAT(faccessat(file.get(), "x", R_OK, 0), SyscallFailsWithErrno(ENOTDIR));
}

TEST(Faccessat2Test, FlagsAreChecked) {
  TempPath link = TempPath::Name();
  ASSERT_THAT(symlink("/tmp/runsc-nowhere", link.c_str()), SyscallSucceeds());
  EXPECT_THAT(RawSyscall(SYS_faccessat2, AT_FDCWD, link.c_str(), F_OK, 0), SyscallFailsWithErrno(ENOENT));
  EXPECT_THAT(RawSyscall(SYS_faccessat2, AT_FDCWD, link.c_str(), F_OK, AT_SYMLINK_NOFOLLOW), SyscallSucceeds());
  EXPECT_THAT(RawSyscall(SYS_faccessat2, AT_FDCWD, "/tmp", F_OK, 1 << 30), SyscallFailsWithErrno(EINVAL));
  UniqueFd fd = Open("/tmp", O_RDONLY);
  EXPECT_THAT(RawSyscall(SYS_faccessat2, fd.get(), "", R_OK, AT_EMPTY_PATH), SyscallSucceeds());
}

}  // namespace
}  // namespace tests
