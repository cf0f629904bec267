// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <gtest/gtest.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdio.h>
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

void MakeFile(const std::string& path, const std::string& content) {
  UniqueFd fd = Open(path, O_CREAT | O_WRONLY | O_TRUNC);
  EXPECT_THAT(write(fd.get(), content.data(), content.size()), SyscallSucceeds());
}

bool Exists(const std::string& path) {
  struct stat status;
  return lstat(path.c_str(), &status) == 0;
}

ino_t InodeOf(const std::string& path) {
  struct stat status = {};
  EXPECT_THAT(lstat(path.c_str(), &status), SyscallSucceeds());
  return status.st_ino;
}

TEST(RenameTest, MovesAFileAndKeepsItsInode) {
  TempPath directory = TempPath::Directory();
  MakeFile(directory / "a", "A");
  const ino_t inode = InodeOf(directory / "a");
  EXPECT_THAT(rename((directory / "a").c_str(), (directory / "b").c_str()), SyscallSucceeds());
  EXPECT_FALSE(Exists(directory / "a"));
  EXPECT_EQ(InodeOf(directory / "b"), inode);
}

TEST(RenameTest, ReplacesAnExistingFile) {
  TempPath directory = TempPath::Directory();
  MakeFile(directory / "a", "A");
  MakeFile(directory / "b", "B");
  UniqueFd old = Open(directory / "b", O_RDONLY);
  EXPECT_THAT(rename((directory / "a").c_str(), (directory / "b").c_str()), SyscallSucceeds());
  EXPECT_EQ(ReadWholeFile(directory / "b"), "A");
  char byte = 0;
  EXPECT_THAT(read(old.get(), &byte, 1), SyscallSucceedsWithValue(1));
  EXPECT_EQ(byte, 'B');
}

TEST(RenameTest, ToAnotherLinkOfTheSameFileDoesNothing) {
  TempPath directory = TempPath::Directory();
  MakeFile(directory / "a", "A");
  ASSERT_THAT(link((directory / "a").c_str(), (directory / "b").c_str()), SyscallSucceeds());
  EXPECT_THAT(rename((directory / "a").c_str(), (directory / "b").c_str()), SyscallSucceeds());
  EXPECT_TRUE(Exists(directory / "a"));
  EXPECT_TRUE(Exists(directory / "b"));
}

TEST(RenameTest, DirectoryReplacesOnlyAnEmptyDirectory) {
  TempPath directory = TempPath::Directory();
  ASSERT_THAT(mkdir((directory / "a").c_str(), 0700), SyscallSucceeds());
  ASSERT_THAT(mkdir((directory / "b").c_str(), 0700), SyscallSucceeds());
  MakeFile(directory / "a/inside", "A");
  EXPECT_THAT(rename((directory / "b").c_str(), (directory / "a").c_str()), SyscallFailsWithErrno(ENOTEMPTY));
  EXPECT_THAT(rename((directory / "a").c_str(), (directory / "b").c_str()), SyscallSucceeds());
  EXPECT_TRUE(Exists(directory / "b/inside"));
}

TEST(RenameTest, FileAndDirectoryDoNotReplaceEachOther) {
  TempPath directory = TempPath::Directory();
  ASSERT_THAT(mkdir((directory / "dir").c_str(), 0700), SyscallSucceeds());
  MakeFile(directory / "file", "");
  EXPECT_THAT(rename((directory / "file").c_str(), (directory / "dir").c_str()), SyscallFailsWithErrno(EISDIR));
  EXPECT_THAT(rename((directory / "dir").c_str(), (directory / "file").c_str()), SyscallFailsWithErrno(ENOTDIR));
  EXPECT_THAT(rename((directory / "file").c_str(), (directory / "new/").c_str()), SyscallFailsWithErrno(ENOTDIR));
}

TEST(RenameTest, DirectoryIntoItselfIsEinval) {
  TempPath directory = TempPath::Directory();
  ASSERT_THAT(mkdir((directory / "a").c_str(), 0700), SyscallSucceeds());
  EXPECT_THAT(rename((directory / "a").c_str(), (directory / "a/b").c_str()), SyscallFailsWithErrno(EINVAL));
}

TEST(RenameTest, DotsAreEbusy) {
  TempPath directory = TempPath::Directory();
  EXPECT_THAT(rename((directory.path() + "/.").c_str(), (directory / "x").c_str()), SyscallFailsWithErrno(EBUSY));
  MakeFile(directory / "file", "");
  EXPECT_THAT(rename((directory / "file").c_str(), (directory.path() + "/..").c_str()), SyscallFailsWithErrno(EBUSY));
}

TEST(RenameTest, MissingSourceIsEnoentAndUnmappedEfault) {
  TempPath directory = TempPath::Directory();
  MakeFile(directory / "file", "");
  EXPECT_THAT(rename((directory / "none").c_str(), (directory / "x").c_str()), SyscallFailsWithErrno(ENOENT));
  EXPECT_THAT(rename((directory / "file").c_str(), (directory / "none/x").c_str()), SyscallFailsWithErrno(ENOENT));
  EXPECT_THAT(rename((directory / "file/x").c_str(), (directory / "y").c_str()), SyscallFailsWithErrno(ENOTDIR));
  EXPECT_THAT(RawSyscall(SYS_rename, BadPointer(), "/tmp/x"), SyscallFailsWithErrno(EFAULT));
  EXPECT_THAT(RawSyscall(SYS_rename, "/tmp/x", BadPointer()), SyscallFailsWithErrno(EFAULT));
}

TEST(RenameTest, MovesASymlinkItself) {
  TempPath directory = TempPath::Directory();
  ASSERT_THAT(symlink("nowhere", (directory / "link").c_str()), SyscallSucceeds());
  EXPECT_THAT(rename((directory / "link").c_str(), (directory / "moved").c_str()), SyscallSucceeds());
  char buffer[16];
  EXPECT_THAT(readlink((directory / "moved").c_str(), buffer, sizeof(buffer)), SyscallSucceedsWithValue(7));
}

TEST(RenameTest, StickyDirectoryProtectsOthersFiles) {
  TempPath directory = TempPath::Directory(01777);
  MakeFile(directory / "file", "");
  const std::string from = directory / "file";
  const std::string to = directory / "moved";
  EXPECT_THAT(RunInChild([&] {
                CHILD_CHECK(setresuid(1000, 1000, 1000) == 0);
                CHILD_CHECK_ERRNO(rename(from.c_str(), to.c_str()), EPERM);
                CHILD_CHECK_ERRNO(unlink(from.c_str()), EPERM);
                return 0;
              }),
              ExitedWith(0));
}

TEST(Renameat2Test, NoreplaceRefusesAnExistingTarget) {
  TempPath directory = TempPath::Directory();
  MakeFile(directory / "a", "A");
  MakeFile(directory / "b", "B");
  const std::string a = directory / "a";
  EXPECT_THAT(renameat2(AT_FDCWD, a.c_str(), AT_FDCWD, (directory / "b").c_str(), RENAME_NOREPLACE),
              SyscallFailsWithErrno(EEXIST));
  EXPECT_THAT(renameat2(AT_FDCWD, a.c_str(), AT_FDCWD, (directory / "c").c_str(), RENAME_NOREPLACE), SyscallSucceeds());
  EXPECT_EQ(ReadWholeFile(directory / "c"), "A");
}

TEST(Renameat2Test, ExchangeSwapsBoth) {
  TempPath directory = TempPath::Directory();
  UniqueFd base = Open(directory.path(), O_RDONLY | O_DIRECTORY);
  MakeFile(directory / "a", "A");
  ASSERT_THAT(mkdir((directory / "b").c_str(), 0700), SyscallSucceeds());
  EXPECT_THAT(renameat2(base.get(), "a", base.get(), "b", RENAME_EXCHANGE), SyscallSucceeds());
  EXPECT_EQ(ReadWholeFile(directory / "b"), "A");
  EXPECT_THAT(rmdir((directory / "a").c_str()), SyscallSucceeds());
  EXPECT_THAT(renameat2(base.get(), "b", base.get(), "none", RENAME_EXCHANGE), SyscallFailsWithErrno(ENOENT));
}

TEST(Renameat2Test, FlagsThatContradictOrAreUnknownAreEinval) {
  EXPECT_THAT(RawSyscall(SYS_renameat2, AT_FDCWD, BadPointer(), AT_FDCWD, BadPointer(), 1 << 10),
              SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(renameat2(AT_FDCWD, "/tmp/a", AT_FDCWD, "/tmp/b", RENAME_NOREPLACE | RENAME_EXCHANGE),
              SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(renameat2(-1, "a", -1, "b", 0), SyscallFailsWithErrno(EBADF));
}

}  // namespace
}  // namespace tests
