// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include <string>

#include "tests/util/fork.h"
#include "tests/util/matchers.h"
#include "tests/util/raw_syscall.h"
#include "tests/util/temp_path.h"
#include "tests/util/unique_fd.h"

namespace tests {
namespace {

struct stat StatOf(const std::string& path) {
  struct stat status = {};
  EXPECT_THAT(lstat(path.c_str(), &status), SyscallSucceeds());
  return status;
}

TEST(ChmodTest, SetsAllTwelveBits) {
  TempPath file = TempPath::File("");
  EXPECT_THAT(chmod(file.c_str(), 07654), SyscallSucceeds());
  EXPECT_EQ(StatOf(file.path()).st_mode, S_IFREG | 07654u);
  UniqueFd fd = Open(file.path(), O_RDONLY);
  EXPECT_THAT(fchmod(fd.get(), 0123), SyscallSucceeds());
  EXPECT_EQ(StatOf(file.path()).st_mode, S_IFREG | 0123u);
  EXPECT_THAT(fchmodat(AT_FDCWD, file.c_str(), 0600, 0), SyscallSucceeds());
  EXPECT_EQ(StatOf(file.path()).st_mode, S_IFREG | 0600u);
}

TEST(ChmodTest, FollowsLinks) {
  TempPath file = TempPath::File("", 0600);
  TempPath link = TempPath::Name();
  ASSERT_THAT(symlink(file.c_str(), link.c_str()), SyscallSucceeds());
  EXPECT_THAT(chmod(link.c_str(), 0644), SyscallSucceeds());
  EXPECT_EQ(StatOf(file.path()).st_mode & 07777, 0644u);
}

TEST(ChmodTest, ErrorsOfPathAndDescriptor) {
  TempPath file = TempPath::File("");
  EXPECT_THAT(chmod((file.path() + "-none").c_str(), 0600), SyscallFailsWithErrno(ENOENT));
  EXPECT_THAT(chmod((file / "x").c_str(), 0600), SyscallFailsWithErrno(ENOTDIR));
  EXPECT_THAT(fchmod(-1, 0600), SyscallFailsWithErrno(EBADF));
  EXPECT_THAT(RawSyscall(SYS_chmod, BadPointer(), 0600), SyscallFailsWithErrno(EFAULT));
  UniqueFd fd = Open(file.path(), O_PATH);
  EXPECT_THAT(fchmod(fd.get(), 0600), SyscallFailsWithErrno(EBADF));
}

TEST(ChmodTest, OnlyTheOwnerMayChange) {
  TempPath file = TempPath::File("", 0666);
  EXPECT_THAT(RunInChild([&] {
                CHILD_CHECK(setresuid(1000, 1000, 1000) == 0);
                CHILD_CHECK_ERRNO(chmod(file.c_str(), 0777), EPERM);
                CHILD_CHECK_ERRNO(chown(file.c_str(), 1000, 1000), EPERM);
                return 0;
              }),
              ExitedWith(0));
}

TEST(ChownTest, SetsOwnerAndGroupSeparately) {
  TempPath file = TempPath::File("");
  EXPECT_THAT(chown(file.c_str(), 1234, static_cast<gid_t>(-1)), SyscallSucceeds());
  EXPECT_EQ(StatOf(file.path()).st_uid, 1234u);
  EXPECT_EQ(StatOf(file.path()).st_gid, getgid());
  EXPECT_THAT(chown(file.c_str(), static_cast<uid_t>(-1), 4321), SyscallSucceeds());
  EXPECT_EQ(StatOf(file.path()).st_uid, 1234u);
  EXPECT_EQ(StatOf(file.path()).st_gid, 4321u);
}

TEST(ChownTest, LchownChangesTheLinkItself) {
  TempPath file = TempPath::File("");
  TempPath link = TempPath::Name();
  ASSERT_THAT(symlink(file.c_str(), link.c_str()), SyscallSucceeds());
  EXPECT_THAT(lchown(link.c_str(), 77, 78), SyscallSucceeds());
  EXPECT_EQ(StatOf(link.path()).st_uid, 77u);
  EXPECT_EQ(StatOf(file.path()).st_uid, getuid());
  EXPECT_THAT(fchownat(AT_FDCWD, link.c_str(), 79, 80, 0), SyscallSucceeds());
  EXPECT_EQ(StatOf(file.path()).st_uid, 79u);
}

TEST(ChownTest, ClearsSetuidOfAnExecutable) {
  TempPath file = TempPath::File("", 06755);
  ASSERT_THAT(chmod(file.c_str(), 06755), SyscallSucceeds());
  EXPECT_THAT(chown(file.c_str(), 1000, 1000), SyscallSucceeds());
  EXPECT_EQ(StatOf(file.path()).st_mode & 07777, 0755u);
}

TEST(ChownTest, ErrorsOfPathAndDescriptor) {
  TempPath file = TempPath::File("");
  EXPECT_THAT(chown((file.path() + "-none").c_str(), 0, 0), SyscallFailsWithErrno(ENOENT));
  EXPECT_THAT(fchown(-1, 0, 0), SyscallFailsWithErrno(EBADF));
  EXPECT_THAT(RawSyscall(SYS_chown, BadPointer(), 0, 0), SyscallFailsWithErrno(EFAULT));
  EXPECT_THAT(fchownat(AT_FDCWD, file.c_str(), 0, 0, 1), SyscallFailsWithErrno(EINVAL));
}

TEST(UmaskTest, ReturnsTheOldMaskAndKeepsNineBits) {
  const mode_t old = umask(027);
  EXPECT_EQ(umask(07777), 027u);
  EXPECT_EQ(umask(old), 0777u);
}

TEST(UmaskTest, IsInheritedByFork) {
  const mode_t old = umask(031);
  EXPECT_THAT(RunInChild([] { return umask(0) == 031 ? 0 : 1; }), ExitedWith(0));
  umask(old);
}

TEST(TruncateTest, ShrinksAndGrowsWithZeroes) {
  TempPath file = TempPath::File("0123456789");
  EXPECT_THAT(truncate(file.c_str(), 4), SyscallSucceeds());
  EXPECT_EQ(ReadWholeFile(file.path()), "0123");
  EXPECT_THAT(truncate(file.c_str(), 6), SyscallSucceeds());
  EXPECT_EQ(ReadWholeFile(file.path()), std::string("0123\0\0", 6));
}

TEST(TruncateTest, ErrorsOfThePath) {
  TempPath file = TempPath::File("");
  EXPECT_THAT(truncate(file.c_str(), -1), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(truncate("/tmp", 0), SyscallFailsWithErrno(EISDIR));
  EXPECT_THAT(truncate((file.path() + "-none").c_str(), 0), SyscallFailsWithErrno(ENOENT));
  EXPECT_THAT(truncate("/dev/null", 0), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RawSyscall(SYS_truncate, BadPointer(), 0), SyscallFailsWithErrno(EFAULT));
  EXPECT_THAT(RawSyscall(SYS_truncate, BadPointer(), -1), SyscallFailsWithErrno(EINVAL));
}

TEST(FtruncateTest, NeedsAWritableRegularFile) {
  TempPath file = TempPath::File("0123456789");
  UniqueFd reader = Open(file.path(), O_RDONLY);
  UniqueFd writer = Open(file.path(), O_WRONLY);
  EXPECT_THAT(ftruncate(reader.get(), 3), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(ftruncate(writer.get(), -1), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(ftruncate(-1, 0), SyscallFailsWithErrno(EBADF));
  EXPECT_THAT(ftruncate(writer.get(), 3), SyscallSucceeds());
  EXPECT_EQ(ReadWholeFile(file.path()), "012");
  Pipe pipe = MakePipe();
  EXPECT_THAT(ftruncate(pipe.writer.get(), 0), SyscallFailsWithErrno(EINVAL));
}

TEST(TruncateTest, BeyondTheFileSizeLimitIsEfbigAndSigxfsz) {
  TempPath file = TempPath::File("");
  UniqueFd fd = Open(file.path(), O_RDWR);
  EXPECT_THAT(RunInChild([&] {
                const rlimit limit = {100, 100};
                CHILD_CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
                CHILD_CHECK(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
                CHILD_CHECK_ERRNO(ftruncate(fd.get(), 101), EFBIG);
                CHILD_CHECK(ftruncate(fd.get(), 100) == 0);
                CHILD_CHECK(pwrite(fd.get(), "0123456789", 10, 95) == 5);
                CHILD_CHECK_ERRNO(pwrite(fd.get(), "x", 1, 100), EFBIG);
                CHILD_CHECK(signal(SIGXFSZ, SIG_DFL) != SIG_ERR);
                CHILD_CHECK(pwrite(fd.get(), "x", 1, 100) == 1);
                return 0;
              }),
              KilledBy(SIGXFSZ));
}

TEST(TruncateTest, BeyondTheFileSizeLimitRaisesSigxfsz) {
  TempPath file = TempPath::File("");
  for (bool by_name : {false, true}) {
    EXPECT_THAT(RunInChild([&] {
                  const rlimit limit = {100, 100};
                  CHILD_CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
                  CHILD_CHECK(truncate(file.c_str(), 100) == 0);
                  if (by_name) {
                    CHILD_CHECK(truncate(file.c_str(), 101) == 0);
                  } else {
                    CHILD_CHECK(ftruncate(open(file.c_str(), O_WRONLY), 101) == 0);
                  }
                  return 0;
                }),
                KilledBy(SIGXFSZ));
  }
}

TEST(UtimensatTest, SetsExactTimes) {
  TempPath file = TempPath::File("");
  const timespec times[2] = {{1000, 123456789}, {2000, 987654321}};
  EXPECT_THAT(utimensat(AT_FDCWD, file.c_str(), times, 0), SyscallSucceeds());
  const struct stat status = StatOf(file.path());
  EXPECT_EQ(status.st_atim.tv_sec, 1000);
  EXPECT_EQ(status.st_atim.tv_nsec, 123456789);
  EXPECT_EQ(status.st_mtim.tv_sec, 2000);
  EXPECT_EQ(status.st_mtim.tv_nsec, 987654321);
}

TEST(UtimensatTest, OmitKeepsAndNowSets) {
  TempPath file = TempPath::File("");
  const timespec first[2] = {{1000, 0}, {2000, 0}};
  ASSERT_THAT(utimensat(AT_FDCWD, file.c_str(), first, 0), SyscallSucceeds());
  const timespec second[2] = {{0, UTIME_OMIT}, {0, UTIME_NOW}};
  ASSERT_THAT(utimensat(AT_FDCWD, file.c_str(), second, 0), SyscallSucceeds());
  EXPECT_EQ(StatOf(file.path()).st_atim.tv_sec, 1000);
  EXPECT_GT(StatOf(file.path()).st_mtim.tv_sec, 2000);
  ASSERT_THAT(utimensat(AT_FDCWD, file.c_str(), nullptr, 0), SyscallSucceeds());
  EXPECT_GT(StatOf(file.path()).st_atim.tv_sec, 1000);
}

TEST(UtimensatTest, NullPathActsOnTheDescriptor) {
  TempPath file = TempPath::File("");
  UniqueFd fd = Open(file.path(), O_RDONLY);
  const timespec times[2] = {{1000, 0}, {2000, 0}};
  EXPECT_THAT(futimens(fd.get(), times), SyscallSucceeds());
  EXPECT_EQ(StatOf(file.path()).st_mtim.tv_sec, 2000);
}

TEST(UtimensatTest, NofollowActsOnTheLink) {
  TempPath file = TempPath::File("");
  TempPath link = TempPath::Name();
  ASSERT_THAT(symlink(file.c_str(), link.c_str()), SyscallSucceeds());
  const timespec times[2] = {{1000, 0}, {2000, 0}};
  EXPECT_THAT(utimensat(AT_FDCWD, link.c_str(), times, AT_SYMLINK_NOFOLLOW), SyscallSucceeds());
  EXPECT_EQ(StatOf(link.path()).st_mtim.tv_sec, 2000);
  EXPECT_NE(StatOf(file.path()).st_mtim.tv_sec, 2000);
}

TEST(UtimensatTest, ErrorsOfTimesPathAndFlags) {
  TempPath file = TempPath::File("");
  const timespec bad[2] = {{0, 1'000'000'000}, {0, 0}};
  const timespec good[2] = {{0, 0}, {0, 0}};
  EXPECT_THAT(utimensat(AT_FDCWD, file.c_str(), bad, 0), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(utimensat(AT_FDCWD, file.c_str(), good, 1), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(utimensat(AT_FDCWD, (file.path() + "-none").c_str(), good, 0), SyscallFailsWithErrno(ENOENT));
  EXPECT_THAT(RawSyscall(SYS_utimensat, -1, nullptr, good, 0), SyscallFailsWithErrno(EBADF));
  EXPECT_THAT(RawSyscall(SYS_utimensat, AT_FDCWD, BadPointer(), good, 0), SyscallFailsWithErrno(EFAULT));
  EXPECT_THAT(RawSyscall(SYS_utimensat, AT_FDCWD, file.c_str(), BadPointer(), 0), SyscallFailsWithErrno(EFAULT));
}

TEST(UtimensatTest, OthersMaySetNowWithWriteAccessButNoOtherTime) {
  TempPath file = TempPath::File("", 0666);
  TempPath read_only = TempPath::File("", 0644);
  EXPECT_THAT(RunInChild([&] {
                const timespec times[2] = {{1, 0}, {1, 0}};
                CHILD_CHECK(setresuid(1000, 1000, 1000) == 0);
                CHILD_CHECK(utimensat(AT_FDCWD, file.c_str(), nullptr, 0) == 0);
                CHILD_CHECK_ERRNO(utimensat(AT_FDCWD, file.c_str(), times, 0), EPERM);
                CHILD_CHECK_ERRNO(utimensat(AT_FDCWD, read_only.c_str(), nullptr, 0), EACCES);
                return 0;
              }),
              ExitedWith(0));
}

TEST(ChmodTest, WriteClearsSetuidForOthersThanRoot) {
  TempPath file = TempPath::File("", 0600);
  ASSERT_THAT(chmod(file.c_str(), 04777), SyscallSucceeds());
  EXPECT_THAT(RunInChild([&] {
                CHILD_CHECK(setresuid(1000, 1000, 1000) == 0);
                const int fd = open(file.c_str(), O_WRONLY);
                CHILD_CHECK(fd >= 0 && write(fd, "a", 1) == 1);
                return 0;
              }),
              ExitedWith(0));
  EXPECT_EQ(StatOf(file.path()).st_mode & 07777, 0777u);
}

// What an open file shows must not depend on how the kernel asks for it.
TEST(ChownTest, OwnersOfAnOpenFileStayThroughWrites) {
  TempPath file = TempPath::File("text");
  UniqueFd fd = Open(file.path(), O_RDWR);
  struct stat status;
  ASSERT_THAT(fstat(fd.get(), &status), SyscallSucceeds());
  EXPECT_EQ(status.st_uid, geteuid());
  EXPECT_EQ(status.st_gid, getegid());
  ASSERT_THAT(fchown(fd.get(), 1234, 5678), SyscallSucceeds());
  ASSERT_THAT(write(fd.get(), "more text", 9), SyscallSucceedsWithValue(9));
  ASSERT_THAT(fstat(fd.get(), &status), SyscallSucceeds());
  EXPECT_EQ(status.st_uid, 1234u);
  EXPECT_EQ(status.st_gid, 5678u);
  EXPECT_EQ(status.st_size, 9);
  ASSERT_THAT(chown(file.c_str(), -1, 0), SyscallSucceeds());
  ASSERT_THAT(fstat(fd.get(), &status), SyscallSucceeds());
  EXPECT_EQ(status.st_uid, 1234u);
  EXPECT_EQ(status.st_gid, 0u);
}

}  // namespace
}  // namespace tests
