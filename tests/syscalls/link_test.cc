// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <gtest/gtest.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "tests/util/fork.h"
#include "tests/util/matchers.h"
#include "tests/util/raw_syscall.h"
#include "tests/util/temp_path.h"
#include "tests/util/unique_fd.h"

namespace tests {
namespace {

nlink_t LinksOf(const std::string& path) {
  struct stat status = {};
  EXPECT_THAT(lstat(path.c_str(), &status), SyscallSucceeds());
  return status.st_nlink;
}

TEST(LinkTest, AddsAName) {
  TempPath file = TempPath::File("content");
  TempPath name = TempPath::Name();
  EXPECT_THAT(link(file.c_str(), name.c_str()), SyscallSucceeds());
  EXPECT_EQ(LinksOf(file.path()), 2u);
  EXPECT_THAT(unlink(file.c_str()), SyscallSucceeds());
  EXPECT_EQ(LinksOf(name.path()), 1u);
  EXPECT_EQ(ReadWholeFile(name.path()), "content");
}

TEST(LinkTest, ErrorsOfSourceAndTarget) {
  TempPath file = TempPath::File("");
  TempPath directory = TempPath::Directory();
  TempPath name = TempPath::Name();
  EXPECT_THAT(link(file.c_str(), directory.c_str()), SyscallFailsWithErrno(EEXIST));
  EXPECT_THAT(link(directory.c_str(), name.c_str()), SyscallFailsWithErrno(EPERM));
  EXPECT_THAT(link((file.path() + "-none").c_str(), name.c_str()), SyscallFailsWithErrno(ENOENT));
  EXPECT_THAT(link(file.c_str(), (name / "x").c_str()), SyscallFailsWithErrno(ENOENT));
  EXPECT_THAT(link((file / "x").c_str(), name.c_str()), SyscallFailsWithErrno(ENOTDIR));
  EXPECT_THAT(RawSyscall(SYS_link, BadPointer(), name.c_str()), SyscallFailsWithErrno(EFAULT));
  EXPECT_THAT(RawSyscall(SYS_link, file.c_str(), BadPointer()), SyscallFailsWithErrno(EFAULT));
}

TEST(LinkTest, LinksTheSymlinkUnlessToldToFollow) {
  TempPath file = TempPath::File("content");
  TempPath link_path = TempPath::Name();
  TempPath first = TempPath::Name();
  TempPath second = TempPath::Name();
  ASSERT_THAT(symlink(file.c_str(), link_path.c_str()), SyscallSucceeds());
  EXPECT_THAT(linkat(AT_FDCWD, link_path.c_str(), AT_FDCWD, first.c_str(), 0), SyscallSucceeds());
  EXPECT_EQ(LinksOf(link_path.path()), 2u);
  EXPECT_THAT(linkat(AT_FDCWD, link_path.c_str(), AT_FDCWD, second.c_str(), AT_SYMLINK_FOLLOW), SyscallSucceeds());
  EXPECT_EQ(LinksOf(file.path()), 2u);
}

TEST(LinkatTest, UnknownFlagIsEinvalAndBadBaseEbadf) {
  TempPath name = TempPath::Name();
  EXPECT_THAT(linkat(AT_FDCWD, "/tmp", AT_FDCWD, name.c_str(), 1), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(linkat(-1, "x", AT_FDCWD, name.c_str(), 0), SyscallFailsWithErrno(EBADF));
}

TEST(SymlinkTest, ReadlinkReturnsTheTextWithoutATerminator) {
  TempPath name = TempPath::Name();
  ASSERT_THAT(symlink("some/where", name.c_str()), SyscallSucceeds());
  char buffer[32];
  memset(buffer, '#', sizeof(buffer));
  EXPECT_THAT(readlink(name.c_str(), buffer, sizeof(buffer)), SyscallSucceedsWithValue(10));
  EXPECT_EQ(std::string(buffer, 11), "some/where#");
  EXPECT_THAT(readlink(name.c_str(), buffer, 4), SyscallSucceedsWithValue(4));
}

TEST(SymlinkTest, ErrorsOfTargetAndName) {
  TempPath file = TempPath::File("");
  TempPath name = TempPath::Name();
  EXPECT_THAT(symlink("x", file.c_str()), SyscallFailsWithErrno(EEXIST));
  EXPECT_THAT(symlink("", name.c_str()), SyscallFailsWithErrno(ENOENT));
  EXPECT_THAT(symlink("x", ""), SyscallFailsWithErrno(ENOENT));
  EXPECT_THAT(symlink("x", (name / "y").c_str()), SyscallFailsWithErrno(ENOENT));
  EXPECT_THAT(symlink("x", (file / "y").c_str()), SyscallFailsWithErrno(ENOTDIR));
  EXPECT_THAT(symlink(std::string(PATH_MAX, 'a').c_str(), name.c_str()), SyscallFailsWithErrno(ENAMETOOLONG));
  EXPECT_THAT(RawSyscall(SYS_symlink, BadPointer(), name.c_str()), SyscallFailsWithErrno(EFAULT));
  EXPECT_THAT(RawSyscall(SYS_symlink, "x", BadPointer()), SyscallFailsWithErrno(EFAULT));
}

TEST(SymlinkTest, RelativeTargetIsResolvedFromItsDirectory) {
  TempPath directory = TempPath::Directory();
  ASSERT_THAT(mkdir((directory / "sub").c_str(), 0700), SyscallSucceeds());
  UniqueFd file = Open(directory / "file", O_CREAT | O_RDWR);
  ASSERT_THAT(symlink("../file", (directory / "sub/link").c_str()), SyscallSucceeds());
  EXPECT_THAT(access((directory / "sub/link").c_str(), F_OK), SyscallSucceeds());
  ASSERT_THAT(symlink("sub", (directory / "other").c_str()), SyscallSucceeds());
  EXPECT_THAT(access((directory / "other/link").c_str(), F_OK), SyscallSucceeds());
}

TEST(ReadlinkTest, NotALinkIsEinval) {
  TempPath file = TempPath::File("");
  char buffer[8];
  EXPECT_THAT(readlink(file.c_str(), buffer, sizeof(buffer)), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(readlink("/tmp", buffer, sizeof(buffer)), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(readlink((file.path() + "-none").c_str(), buffer, 8), SyscallFailsWithErrno(ENOENT));
}

TEST(ReadlinkTest, BadSizeIsEinvalAndUnmappedEfault) {
  TempPath name = TempPath::Name();
  ASSERT_THAT(symlink("target", name.c_str()), SyscallSucceeds());
  char buffer[8];
  EXPECT_THAT(RawSyscall(SYS_readlink, name.c_str(), buffer, 0), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RawSyscall(SYS_readlink, name.c_str(), buffer, -1), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RawSyscall(SYS_readlink, name.c_str(), BadPointer(), 8), SyscallFailsWithErrno(EFAULT));
  EXPECT_THAT(RawSyscall(SYS_readlink, BadPointer(), buffer, 8), SyscallFailsWithErrno(EFAULT));
}

TEST(ReadlinkatTest, EmptyPathReadsThePathDescriptor) {
  TempPath name = TempPath::Name();
  ASSERT_THAT(symlink("target", name.c_str()), SyscallSucceeds());
  UniqueFd fd = Open(name.path(), O_PATH | O_NOFOLLOW);
  char buffer[8];
  EXPECT_THAT(readlinkat(fd.get(), "", buffer, sizeof(buffer)), SyscallSucceedsWithValue(6));
  EXPECT_THAT(readlinkat(-1, "x", buffer, sizeof(buffer)), SyscallFailsWithErrno(EBADF));
}

TEST(UnlinkTest, RemovesTheNameOnly) {
  TempPath file = TempPath::File("");
  EXPECT_THAT(unlink(file.c_str()), SyscallSucceeds());
  EXPECT_THAT(unlink(file.c_str()), SyscallFailsWithErrno(ENOENT));
}

TEST(UnlinkTest, RemovesTheLinkNotItsTarget) {
  TempPath file = TempPath::File("");
  TempPath name = TempPath::Name();
  ASSERT_THAT(symlink(file.c_str(), name.c_str()), SyscallSucceeds());
  EXPECT_THAT(unlink(name.c_str()), SyscallSucceeds());
  EXPECT_THAT(access(file.c_str(), F_OK), SyscallSucceeds());
}

TEST(UnlinkTest, ErrorsOfThePath) {
  TempPath file = TempPath::File("");
  TempPath directory = TempPath::Directory();
  EXPECT_THAT(unlink(directory.c_str()), SyscallFailsWithErrno(EISDIR));
  EXPECT_THAT(unlink((file / "x").c_str()), SyscallFailsWithErrno(ENOTDIR));
  EXPECT_THAT(unlink((file.path() + "/").c_str()), SyscallFailsWithErrno(ENOTDIR));
  EXPECT_THAT(unlink(""), SyscallFailsWithErrno(ENOENT));
  EXPECT_THAT(RawSyscall(SYS_unlink, BadPointer()), SyscallFailsWithErrno(EFAULT));
}

TEST(UnlinkTest, WithoutWritePermissionOnTheDirectoryIsEacces) {
  TempPath directory = TempPath::Directory(0755);
  const std::string file = directory / "file";
  Open(file, O_CREAT | O_RDWR);
  EXPECT_THAT(RunInChild([&] {
                CHILD_CHECK(setresuid(1000, 1000, 1000) == 0);
                CHILD_CHECK_ERRNO(unlink(file.c_str()), EACCES);
                return 0;
              }),
              ExitedWith(0));
}

TEST(UnlinkatTest, RemovedirActsAsRmdir) {
  TempPath directory = TempPath::Directory();
  UniqueFd base = Open(directory.path(), O_RDONLY | O_DIRECTORY);
  ASSERT_THAT(mkdirat(base.get(), "sub", 0700), SyscallSucceeds());
  Open(directory / "file", O_CREAT | O_RDWR);
  EXPECT_THAT(unlinkat(base.get(), "sub", 0), SyscallFailsWithErrno(EISDIR));
  EXPECT_THAT(unlinkat(base.get(), "file", AT_REMOVEDIR), SyscallFailsWithErrno(ENOTDIR));
  EXPECT_THAT(unlinkat(base.get(), "sub", AT_REMOVEDIR), SyscallSucceeds());
  EXPECT_THAT(unlinkat(base.get(), "file", 0), SyscallSucceeds());
  EXPECT_THAT(unlinkat(base.get(), "file", 1), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(unlinkat(-1, "file", 0), SyscallFailsWithErrno(EBADF));
}

}  // namespace
}  // namespace tests
