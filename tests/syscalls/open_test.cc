// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <gtest/gtest.h>
#include <limits.h>
#include <sys/resource.h>
#include <sys/stat.h>
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

mode_t ModeOf(const std::string& path) {
  struct stat status = {};
  EXPECT_THAT(stat(path.c_str(), &status), SyscallSucceeds());
  return status.st_mode;
}

TEST(OpenTest, ReturnsTheLowestFreeDescriptor) {
  UniqueFd first = Open("/tmp", O_RDONLY);
  UniqueFd second = Open("/tmp", O_RDONLY);
  const int freed = first.get();
  first.reset();
  UniqueFd third = Open("/tmp", O_RDONLY);
  EXPECT_EQ(third.get(), freed);
}

TEST(OpenTest, MissingFileIsEnoent) {
  TempPath name = TempPath::Name();
  EXPECT_THAT(open(name.c_str(), O_RDONLY), SyscallFailsWithErrno(ENOENT));
  EXPECT_THAT(open((name / "below").c_str(), O_RDONLY | O_CREAT, 0600), SyscallFailsWithErrno(ENOENT));
  EXPECT_THAT(open("", O_RDONLY), SyscallFailsWithErrno(ENOENT));
}

TEST(OpenTest, FileAsDirectoryIsEnotdir) {
  TempPath file = TempPath::File("");
  EXPECT_THAT(open((file / "below").c_str(), O_RDONLY), SyscallFailsWithErrno(ENOTDIR));
  EXPECT_THAT(open((file.path() + "/").c_str(), O_RDONLY), SyscallFailsWithErrno(ENOTDIR));
  EXPECT_THAT(open(file.c_str(), O_RDONLY | O_DIRECTORY), SyscallFailsWithErrno(ENOTDIR));
}

TEST(OpenTest, DirectoryForWritingIsEisdir) {
  TempPath directory = TempPath::Directory();
  EXPECT_THAT(open(directory.c_str(), O_WRONLY), SyscallFailsWithErrno(EISDIR));
  EXPECT_THAT(open(directory.c_str(), O_RDWR), SyscallFailsWithErrno(EISDIR));
  EXPECT_THAT(open(directory.c_str(), O_RDONLY | O_CREAT, 0600), SyscallFailsWithErrno(EISDIR));
  EXPECT_THAT(open((directory / "new/").c_str(), O_WRONLY | O_CREAT, 0600), SyscallFailsWithErrno(EISDIR));
}

TEST(OpenTest, CreateAppliesModeAndUmask) {
  TempPath name = TempPath::Name();
  const mode_t old = umask(027);
  UniqueFd fd(open(name.c_str(), O_WRONLY | O_CREAT, 0666));
  umask(old);
  ASSERT_TRUE(fd.ok());
  EXPECT_EQ(ModeOf(name.path()), S_IFREG | 0640u);
}

TEST(OpenTest, CreatedFileIsWritableWhateverItsMode) {
  TempPath name = TempPath::Name();
  UniqueFd fd(open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL, 0400));
  ASSERT_TRUE(fd.ok());
  EXPECT_THAT(write(fd.get(), "a", 1), SyscallSucceedsWithValue(1));
}

TEST(OpenTest, ExclusiveCreateOfExistingIsEexist) {
  TempPath file = TempPath::File("");
  EXPECT_THAT(open(file.c_str(), O_RDWR | O_CREAT | O_EXCL, 0600), SyscallFailsWithErrno(EEXIST));
  EXPECT_THAT(open("/tmp", O_RDONLY | O_CREAT | O_EXCL, 0600), SyscallFailsWithErrno(EEXIST));
}

TEST(OpenTest, ExclusiveCreateDoesNotFollowADanglingLink) {
  TempPath link = TempPath::Name();
  ASSERT_THAT(symlink("/tmp/runsc-nowhere", link.c_str()), SyscallSucceeds());
  EXPECT_THAT(open(link.c_str(), O_RDWR | O_CREAT | O_EXCL, 0600), SyscallFailsWithErrno(EEXIST));
  EXPECT_THAT(open(link.c_str(), O_RDWR), SyscallFailsWithErrno(ENOENT));
}

TEST(OpenTest, CreateThroughADanglingLinkMakesTheTarget) {
  TempPath directory = TempPath::Directory();
  ASSERT_THAT(symlink("target", (directory / "link").c_str()), SyscallSucceeds());
  UniqueFd fd(open((directory / "link").c_str(), O_RDWR | O_CREAT, 0600));
  ASSERT_TRUE(fd.ok());
  EXPECT_THAT(access((directory / "target").c_str(), F_OK), SyscallSucceeds());
}

TEST(OpenTest, TruncateEmptiesTheFile) {
  TempPath file = TempPath::File("content");
  UniqueFd fd = Open(file.path(), O_WRONLY | O_TRUNC);
  EXPECT_EQ(ReadWholeFile(file.path()), "");
}

TEST(OpenTest, NofollowOnALinkIsEloop) {
  TempPath file = TempPath::File("");
  TempPath link = TempPath::Name();
  ASSERT_THAT(symlink(file.c_str(), link.c_str()), SyscallSucceeds());
  EXPECT_THAT(open(link.c_str(), O_RDONLY | O_NOFOLLOW), SyscallFailsWithErrno(ELOOP));
  EXPECT_THAT(open(link.c_str(), O_RDONLY | O_NOFOLLOW | O_DIRECTORY), SyscallFailsWithErrno(ENOTDIR));
  UniqueFd path = Open(link.path(), O_PATH | O_NOFOLLOW);
  struct stat status = {};
  ASSERT_THAT(fstat(path.get(), &status), SyscallSucceeds());
  EXPECT_TRUE(S_ISLNK(status.st_mode));
}

TEST(OpenTest, LinkCycleIsEloop) {
  TempPath directory = TempPath::Directory();
  ASSERT_THAT(symlink("b", (directory / "a").c_str()), SyscallSucceeds());
  ASSERT_THAT(symlink("a", (directory / "b").c_str()), SyscallSucceeds());
  EXPECT_THAT(open((directory / "a").c_str(), O_RDONLY), SyscallFailsWithErrno(ELOOP));
}

TEST(OpenTest, FortyLinksAreFollowedAndFortyOneAreEloop) {
  TempPath directory = TempPath::Directory();
  UniqueFd end(open((directory / "0").c_str(), O_CREAT | O_RDWR, 0600));
  ASSERT_TRUE(end.ok());
  for (int i = 1; i <= 41; ++i) {
    ASSERT_THAT(symlink(std::to_string(i - 1).c_str(), (directory / std::to_string(i)).c_str()), SyscallSucceeds());
  }
  UniqueFd fd(open((directory / "40").c_str(), O_RDONLY));
  EXPECT_TRUE(fd.ok());
  EXPECT_THAT(open((directory / "41").c_str(), O_RDONLY), SyscallFailsWithErrno(ELOOP));
}

TEST(OpenTest, TooLongNamesAreEnametoolong) {
  EXPECT_THAT(open(("/tmp/" + std::string(NAME_MAX + 1, 'a')).c_str(), O_RDONLY), SyscallFailsWithErrno(ENAMETOOLONG));
  EXPECT_THAT(open(("/tmp/" + std::string(NAME_MAX, 'a')).c_str(), O_RDONLY), SyscallFailsWithErrno(ENOENT));
  std::string path = "/tmp";
  while (path.size() < PATH_MAX) path += "/.";
  EXPECT_THAT(open(path.c_str(), O_RDONLY), SyscallFailsWithErrno(ENAMETOOLONG));
  path.resize(PATH_MAX - 1);
  UniqueFd fd(open(path.c_str(), O_RDONLY));
  EXPECT_TRUE(fd.ok());
}

TEST(OpenTest, UnmappedPathIsEfault) {
  EXPECT_THAT(RawSyscall(SYS_open, BadPointer(), O_RDONLY, 0), SyscallFailsWithErrno(EFAULT));
  EXPECT_THAT(RawSyscall(SYS_openat, AT_FDCWD, BadPointer(), O_RDONLY, 0), SyscallFailsWithErrno(EFAULT));
  EXPECT_THAT(RawSyscall(SYS_creat, BadPointer(), 0600), SyscallFailsWithErrno(EFAULT));
  EXPECT_THAT(RawSyscall(SYS_open, KernelPointer(), O_RDONLY, 0), SyscallFailsWithErrno(EFAULT));
}

TEST(OpenTest, PathRunningIntoAnUnmappedPageIsEfault) {
  Mapping pages = Mapping::WithGuard();
  char* path = pages.bytes() + kPageSize - 4;
  memcpy(path, "/tmp", 4);
  EXPECT_THAT(RawSyscall(SYS_open, path, O_RDONLY, 0), SyscallFailsWithErrno(EFAULT));
  path -= 1;
  memcpy(path, "/tmp", 5);
  UniqueFd fd(static_cast<int>(RawSyscall(SYS_open, path, O_RDONLY, 0)));
  EXPECT_TRUE(fd.ok());
}

TEST(OpenTest, PermissionsAreCheckedForOthersThanRoot) {
  TempPath secret = TempPath::File("secret", 0600);
  TempPath readable = TempPath::File("readable", 0644);
  TempPath locked = TempPath::Directory(0700);
  const std::string inside = locked / "file";
  EXPECT_THAT(RunInChild([&] {
                CHILD_CHECK(setresgid(1000, 1000, 1000) == 0 && setresuid(1000, 1000, 1000) == 0);
                CHILD_CHECK_ERRNO(open(secret.c_str(), O_RDONLY), EACCES);
                CHILD_CHECK_ERRNO(open(readable.c_str(), O_RDWR), EACCES);
                CHILD_CHECK_ERRNO(open(readable.c_str(), O_RDONLY | O_TRUNC), EACCES);
                CHILD_CHECK(open(readable.c_str(), O_RDONLY) >= 0);
                CHILD_CHECK_ERRNO(open(inside.c_str(), O_RDONLY), EACCES);
                CHILD_CHECK_ERRNO(open(inside.c_str(), O_RDWR | O_CREAT, 0600), EACCES);
                return 0;
              }),
              ExitedWith(0));
}

TEST(OpenTest, DescriptorTableFullIsEmfile) {
  EXPECT_THAT(RunInChild([] {
                const rlimit limit = {8, 8};
                CHILD_CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
                int fd;
                while ((fd = open("/tmp", O_RDONLY)) >= 0) CHILD_CHECK(fd < 8);
                CHILD_CHECK(errno == EMFILE);
                CHILD_CHECK_ERRNO(dup(0), EMFILE);
                return 0;
              }),
              ExitedWith(0));
}

TEST(OpenTest, WriterOnAFifoWithoutReaderIsEnxio) {
  TempPath name = TempPath::Name();
  ASSERT_THAT(mkfifo(name.c_str(), 0600), SyscallSucceeds());
  EXPECT_THAT(open(name.c_str(), O_WRONLY | O_NONBLOCK), SyscallFailsWithErrno(ENXIO));
  UniqueFd reader(open(name.c_str(), O_RDONLY | O_NONBLOCK));
  ASSERT_TRUE(reader.ok());
  UniqueFd writer(open(name.c_str(), O_WRONLY | O_NONBLOCK));
  EXPECT_TRUE(writer.ok());
}

TEST(OpenTest, TmpfileWithoutWriteAccessIsEinval) {
  EXPECT_THAT(open("/tmp", O_TMPFILE | O_RDONLY, 0600), SyscallFailsWithErrno(EINVAL));
}

TEST(OpenatTest, ResolvesRelativeToTheDirectory) {
  TempPath directory = TempPath::Directory();
  UniqueFd base = Open(directory.path(), O_RDONLY | O_DIRECTORY);
  UniqueFd fd(openat(base.get(), "file", O_RDWR | O_CREAT, 0600));
  ASSERT_TRUE(fd.ok());
  EXPECT_THAT(access((directory / "file").c_str(), F_OK), SyscallSucceeds());
}

TEST(OpenatTest, AbsolutePathIgnoresTheDescriptor) {
  UniqueFd fd(openat(-1, "/tmp", O_RDONLY));
  EXPECT_TRUE(fd.ok());
}

TEST(OpenatTest, BadBaseIsEbadfOrEnotdir) {
  TempPath file = TempPath::File("");
  UniqueFd base = Open(file.path(), O_RDONLY);
  EXPECT_THAT(openat(-1, "file", O_RDONLY), SyscallFailsWithErrno(EBADF));
  EXPECT_THAT(openat(base.get(), "file", O_RDONLY), SyscallFailsWithErrno(ENOTDIR));
  EXPECT_THAT(openat(-1, "", O_RDONLY), SyscallFailsWithErrno(ENOENT));
}

TEST(CreatTest, TruncatesAndOpensWriteOnly) {
  TempPath file = TempPath::File("content");
  UniqueFd fd(creat(file.c_str(), 0600));
  ASSERT_TRUE(fd.ok());
  char byte;
  EXPECT_THAT(read(fd.get(), &byte, 1), SyscallFailsWithErrno(EBADF));
  EXPECT_THAT(write(fd.get(), "a", 1), SyscallSucceedsWithValue(1));
  EXPECT_EQ(ReadWholeFile(file.path()), "a");
}

TEST(OpenTest, UnlinkedFileStaysUsable) {
  TempPath file = TempPath::File("still here");
  UniqueFd fd = Open(file.path(), O_RDWR);
  ASSERT_THAT(unlink(file.c_str()), SyscallSucceeds());
  char buffer[10];
  EXPECT_THAT(read(fd.get(), buffer, 10), SyscallSucceedsWithValue(10));
  EXPECT_THAT(write(fd.get(), "more", 4), SyscallSucceedsWithValue(4));
  struct stat status = {};
  ASSERT_THAT(fstat(fd.get(), &status), SyscallSucceeds());
  EXPECT_EQ(status.st_nlink, 0u);
  EXPECT_EQ(status.st_size, 14);
}

}  // namespace
}  // namespace tests
