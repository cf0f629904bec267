// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "tests/util/mapping.h"
#include "tests/util/matchers.h"
#include "tests/util/raw_syscall.h"
#include "tests/util/temp_path.h"
#include "tests/util/unique_fd.h"

namespace tests {
namespace {

TEST(StatTest, DescribesARegularFile) {
  TempPath file = TempPath::File("hello", 0640);
  struct stat status = {};
  ASSERT_THAT(stat(file.c_str(), &status), SyscallSucceeds());
  EXPECT_EQ(status.st_mode, S_IFREG | 0640u);
  EXPECT_EQ(status.st_size, 5);
  EXPECT_EQ(status.st_nlink, 1u);
  EXPECT_EQ(status.st_uid, getuid());
  EXPECT_GT(status.st_blksize, 0);
  EXPECT_NE(status.st_ino, 0u);
}

TEST(StatTest, AllFormsAgree) {
  TempPath file = TempPath::File("hello");
  UniqueFd fd = Open(file.path(), O_RDONLY);
  struct stat by_path = {};
  struct stat by_link = {};
  struct stat by_fd = {};
  struct stat by_at = {};
  ASSERT_THAT(stat(file.c_str(), &by_path), SyscallSucceeds());
  ASSERT_THAT(lstat(file.c_str(), &by_link), SyscallSucceeds());
  ASSERT_THAT(fstat(fd.get(), &by_fd), SyscallSucceeds());
  ASSERT_THAT(fstatat(fd.get(), "", &by_at, AT_EMPTY_PATH), SyscallSucceeds());
  for (const struct stat* other : {&by_link, &by_fd, &by_at}) {
    EXPECT_EQ(other->st_ino, by_path.st_ino);
    EXPECT_EQ(other->st_dev, by_path.st_dev);
    EXPECT_EQ(other->st_size, by_path.st_size);
    EXPECT_EQ(other->st_mode, by_path.st_mode);
    EXPECT_EQ(other->st_mtim.tv_nsec, by_path.st_mtim.tv_nsec);
  }
}

TEST(StatTest, FollowsALinkWhereLstatDoesNot) {
  TempPath file = TempPath::File("hello");
  TempPath link = TempPath::Name();
  ASSERT_THAT(symlink(file.c_str(), link.c_str()), SyscallSucceeds());
  struct stat status = {};
  ASSERT_THAT(stat(link.c_str(), &status), SyscallSucceeds());
  EXPECT_TRUE(S_ISREG(status.st_mode));
  ASSERT_THAT(lstat(link.c_str(), &status), SyscallSucceeds());
  EXPECT_TRUE(S_ISLNK(status.st_mode));
  EXPECT_EQ(status.st_size, static_cast<off_t>(file.path().size()));
  EXPECT_EQ(status.st_mode & 07777, 0777u);
  ASSERT_THAT(fstatat(AT_FDCWD, link.c_str(), &status, AT_SYMLINK_NOFOLLOW), SyscallSucceeds());
  EXPECT_TRUE(S_ISLNK(status.st_mode));
}

TEST(StatTest, TrailingSlashFollowsTheLinkAndWantsADirectory) {
  TempPath directory = TempPath::Directory();
  TempPath link = TempPath::Name();
  ASSERT_THAT(symlink(directory.c_str(), link.c_str()), SyscallSucceeds());
  struct stat status = {};
  ASSERT_THAT(lstat((link.path() + "/").c_str(), &status), SyscallSucceeds());
  EXPECT_TRUE(S_ISDIR(status.st_mode));
  TempPath file = TempPath::File("");
  EXPECT_THAT(stat((file.path() + "/").c_str(), &status), SyscallFailsWithErrno(ENOTDIR));
  EXPECT_THAT(stat((file.path() + "/.").c_str(), &status), SyscallFailsWithErrno(ENOTDIR));
}

TEST(StatTest, MissingFileIsEnoent) {
  TempPath name = TempPath::Name();
  struct stat status = {};
  EXPECT_THAT(stat(name.c_str(), &status), SyscallFailsWithErrno(ENOENT));
  EXPECT_THAT(lstat(name.c_str(), &status), SyscallFailsWithErrno(ENOENT));
  EXPECT_THAT(stat("", &status), SyscallFailsWithErrno(ENOENT));
  EXPECT_THAT(fstatat(AT_FDCWD, "", &status, 0), SyscallFailsWithErrno(ENOENT));
}

TEST(StatTest, UnmappedPathOrBufferIsEfault) {
  struct stat status = {};
  EXPECT_THAT(RawSyscall(SYS_stat, BadPointer(), &status), SyscallFailsWithErrno(EFAULT));
  EXPECT_THAT(RawSyscall(SYS_lstat, BadPointer(), &status), SyscallFailsWithErrno(EFAULT));
  EXPECT_THAT(RawSyscall(SYS_stat, "/tmp", BadPointer()), SyscallFailsWithErrno(EFAULT));
  EXPECT_THAT(RawSyscall(SYS_lstat, "/tmp", BadPointer()), SyscallFailsWithErrno(EFAULT));
  EXPECT_THAT(RawSyscall(SYS_newfstatat, AT_FDCWD, "/tmp", BadPointer(), 0), SyscallFailsWithErrno(EFAULT));
  UniqueFd fd = Open("/tmp", O_RDONLY);
  EXPECT_THAT(RawSyscall(SYS_fstat, fd.get(), BadPointer()), SyscallFailsWithErrno(EFAULT));
  EXPECT_THAT(RawSyscall(SYS_statx, AT_FDCWD, "/tmp", 0, STATX_ALL, BadPointer()), SyscallFailsWithErrno(EFAULT));
}

TEST(StatTest, BadBufferIsNotNoticedWhenThePathIsMissing) {
  TempPath name = TempPath::Name();
  EXPECT_THAT(RawSyscall(SYS_stat, name.c_str(), BadPointer()), SyscallFailsWithErrno(ENOENT));
}

TEST(StatTest, BufferStraddlingAnUnmappedPageIsEfault) {
  Mapping pages = Mapping::WithGuard();
  char* buffer = pages.bytes() + kPageSize - 8;
  EXPECT_THAT(RawSyscall(SYS_stat, "/tmp", buffer), SyscallFailsWithErrno(EFAULT));
}

TEST(FstatTest, BadDescriptorIsEbadf) {
  struct stat status = {};
  EXPECT_THAT(fstat(-1, &status), SyscallFailsWithErrno(EBADF));
  EXPECT_THAT(fstatat(-1, "file", &status, 0), SyscallFailsWithErrno(EBADF));
  EXPECT_THAT(fstatat(1 << 20, "", &status, AT_EMPTY_PATH), SyscallFailsWithErrno(EBADF));
}

TEST(FstatTest, UnknownFlagIsEinval) {
  struct stat status = {};
  EXPECT_THAT(fstatat(AT_FDCWD, "/tmp", &status, 1 << 30), SyscallFailsWithErrno(EINVAL));
}

TEST(FstatTest, FileAsBaseIsEnotdir) {
  TempPath file = TempPath::File("");
  UniqueFd fd = Open(file.path(), O_RDONLY);
  struct stat status = {};
  EXPECT_THAT(fstatat(fd.get(), "x", &status, 0), SyscallFailsWithErrno(ENOTDIR));
}

TEST(FstatTest, PipeIsAFifo) {
  Pipe pipe = MakePipe();
  struct stat status = {};
  ASSERT_THAT(fstat(pipe.reader.get(), &status), SyscallSucceeds());
  EXPECT_TRUE(S_ISFIFO(status.st_mode));
  EXPECT_EQ(status.st_mode & 07777, 0600u);
  EXPECT_EQ(status.st_size, 0);
}

TEST(FstatTest, NullDeviceIsCharacterOneThree) {
  UniqueFd fd = Open("/dev/null", O_RDONLY);
  struct stat status = {};
  ASSERT_THAT(fstat(fd.get(), &status), SyscallSucceeds());
  EXPECT_TRUE(S_ISCHR(status.st_mode));
  EXPECT_EQ(major(status.st_rdev), 1u);
  EXPECT_EQ(minor(status.st_rdev), 3u);
}

TEST(StatTest, DirectoryCountsItsSubdirectories) {
  TempPath directory = TempPath::Directory(0750);
  ASSERT_THAT(mkdir((directory / "a").c_str(), 0700), SyscallSucceeds());
  ASSERT_THAT(mkdir((directory / "b").c_str(), 0700), SyscallSucceeds());
  struct stat status = {};
  ASSERT_THAT(stat(directory.c_str(), &status), SyscallSucceeds());
  EXPECT_EQ(status.st_mode, S_IFDIR | 0750u);
  EXPECT_EQ(status.st_nlink, 4u);
}

TEST(StatTest, WriteMovesModificationAndChangeTime) {
  TempPath file = TempPath::File("");
  const timespec past[2] = {{1000, 0}, {1000, 0}};
  ASSERT_THAT(utimensat(AT_FDCWD, file.c_str(), past, 0), SyscallSucceeds());
  UniqueFd fd = Open(file.path(), O_WRONLY);
  ASSERT_THAT(write(fd.get(), "a", 1), SyscallSucceedsWithValue(1));
  struct stat status = {};
  ASSERT_THAT(fstat(fd.get(), &status), SyscallSucceeds());
  EXPECT_GT(status.st_mtim.tv_sec, 1000);
  EXPECT_GT(status.st_ctim.tv_sec, 1000);
  EXPECT_EQ(status.st_atim.tv_sec, 1000);
}

TEST(StatxTest, AgreesWithStat) {
  TempPath file = TempPath::File("hello", 0600);
  struct stat status = {};
  struct statx extended = {};
  ASSERT_THAT(stat(file.c_str(), &status), SyscallSucceeds());
  ASSERT_THAT(statx(AT_FDCWD, file.c_str(), 0, STATX_BASIC_STATS, &extended), SyscallSucceeds());
  EXPECT_EQ(extended.stx_mask & STATX_BASIC_STATS, STATX_BASIC_STATS);
  EXPECT_EQ(extended.stx_ino, status.st_ino);
  EXPECT_EQ(extended.stx_size, 5u);
  EXPECT_EQ(extended.stx_mode, S_IFREG | 0600u);
  EXPECT_EQ(extended.stx_nlink, 1u);
  EXPECT_EQ(extended.stx_mtime.tv_sec, status.st_mtim.tv_sec);
  EXPECT_EQ(extended.stx_mtime.tv_nsec, static_cast<uint32_t>(status.st_mtim.tv_nsec));
  EXPECT_EQ(makedev(extended.stx_dev_major, extended.stx_dev_minor), status.st_dev);
}

TEST(StatxTest, EmptyPathDescribesTheDescriptor) {
  TempPath file = TempPath::File("hello");
  UniqueFd fd = Open(file.path(), O_RDONLY);
  struct statx extended = {};
  ASSERT_THAT(statx(fd.get(), "", AT_EMPTY_PATH, STATX_SIZE, &extended), SyscallSucceeds());
  EXPECT_EQ(extended.stx_size, 5u);
  EXPECT_THAT(statx(fd.get(), "", 0, STATX_SIZE, &extended), SyscallFailsWithErrno(ENOENT));
}

TEST(StatxTest, ReservedMaskOrUnknownFlagIsEinval) {
  struct statx extended = {};
  EXPECT_THAT(RawSyscall(SYS_statx, AT_FDCWD, "/tmp", 0, 0x80000000u, &extended), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RawSyscall(SYS_statx, AT_FDCWD, "/tmp", 1 << 30, STATX_ALL, &extended), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RawSyscall(SYS_statx, AT_FDCWD, "/tmp", AT_STATX_FORCE_SYNC | AT_STATX_DONT_SYNC, STATX_ALL, &extended),
              SyscallFailsWithErrno(EINVAL));
}

TEST(StatxTest, MissingPathAndBadDescriptor) {
  struct statx extended = {};
  EXPECT_THAT(statx(-1, "x", 0, STATX_ALL, &extended), SyscallFailsWithErrno(EBADF));
  TempPath name = TempPath::Name();
  EXPECT_THAT(statx(AT_FDCWD, name.c_str(), 0, STATX_ALL, &extended), SyscallFailsWithErrno(ENOENT));
}

}  // namespace
}  // namespace tests
