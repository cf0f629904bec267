// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/close_range.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/util/fork.h"
#include "tests/util/matchers.h"
#include "tests/util/raw_syscall.h"
#include "tests/util/temp_path.h"
#include "tests/util/unique_fd.h"

namespace tests {
namespace {

bool IsOpen(int fd) { return fcntl(fd, F_GETFD) != -1; }

TEST(CloseTest, ClosesOnceThenEbadf) {
  const int fd = open("/tmp", O_RDONLY);
  ASSERT_GE(fd, 0);
  EXPECT_THAT(close(fd), SyscallSucceeds());
  EXPECT_THAT(close(fd), SyscallFailsWithErrno(EBADF));
  EXPECT_THAT(close(-1), SyscallFailsWithErrno(EBADF));
}

TEST(DupTest, SharesOffsetAndStatusFlags) {
  TempPath file = TempPath::File("0123456789");
  UniqueFd fd = Open(file.path(), O_RDWR);
  UniqueFd copy(dup(fd.get()));
  ASSERT_TRUE(copy.ok());
  ASSERT_THAT(lseek(fd.get(), 7, SEEK_SET), SyscallSucceeds());
  EXPECT_THAT(lseek(copy.get(), 0, SEEK_CUR), SyscallSucceedsWithValue(7));
  ASSERT_THAT(fcntl(copy.get(), F_SETFL, O_APPEND), SyscallSucceeds());
  EXPECT_EQ(fcntl(fd.get(), F_GETFL) & O_APPEND, O_APPEND);
}

TEST(DupTest, CopyDoesNotInheritCloseOnExec) {
  UniqueFd fd = Open("/tmp", O_RDONLY | O_CLOEXEC);
  UniqueFd copy(dup(fd.get()));
  EXPECT_THAT(fcntl(fd.get(), F_GETFD), SyscallSucceedsWithValue(FD_CLOEXEC));
  EXPECT_THAT(fcntl(copy.get(), F_GETFD), SyscallSucceedsWithValue(0));
}

TEST(DupTest, BadDescriptorIsEbadf) {
  EXPECT_THAT(dup(-1), SyscallFailsWithErrno(EBADF));
  EXPECT_THAT(dup(1 << 20), SyscallFailsWithErrno(EBADF));
}

TEST(Dup2Test, ReplacesTheTarget) {
  TempPath file = TempPath::File("abc");
  UniqueFd fd = Open(file.path(), O_RDONLY);
  UniqueFd target = Open("/dev/null", O_RDONLY);
  EXPECT_THAT(dup2(fd.get(), target.get()), SyscallSucceedsWithValue(target.get()));
  char byte = 0;
  EXPECT_THAT(read(target.get(), &byte, 1), SyscallSucceedsWithValue(1));
  EXPECT_EQ(byte, 'a');
}

TEST(Dup2Test, OntoItselfChangesNothing) {
  UniqueFd fd = Open("/tmp", O_RDONLY | O_CLOEXEC);
  EXPECT_THAT(dup2(fd.get(), fd.get()), SyscallSucceedsWithValue(fd.get()));
  EXPECT_THAT(fcntl(fd.get(), F_GETFD), SyscallSucceedsWithValue(FD_CLOEXEC));
}

TEST(Dup2Test, BadSourceIsEbadfAndLeavesTheTarget) {
  UniqueFd target = Open("/tmp", O_RDONLY);
  EXPECT_THAT(dup2(-1, target.get()), SyscallFailsWithErrno(EBADF));
  EXPECT_THAT(dup2(1 << 20, 1 << 20), SyscallFailsWithErrno(EBADF));
  EXPECT_TRUE(IsOpen(target.get()));
}

TEST(Dup2Test, TargetBeyondTheLimitIsEbadf) {
  UniqueFd fd = Open("/tmp", O_RDONLY);
  rlimit limit = {};
  ASSERT_THAT(getrlimit(RLIMIT_NOFILE, &limit), SyscallSucceeds());
  EXPECT_THAT(dup2(fd.get(), static_cast<int>(limit.rlim_cur)), SyscallFailsWithErrno(EBADF));
  EXPECT_THAT(dup2(fd.get(), -1), SyscallFailsWithErrno(EBADF));
}

TEST(Dup2Test, ClosingTheTargetClosesThePipeEnd) {
  Pipe pipe = MakePipe();
  UniqueFd null = Open("/dev/null", O_WRONLY);
  ASSERT_THAT(dup2(null.get(), pipe.writer.get()), SyscallSucceeds());
  char byte;
  EXPECT_THAT(read(pipe.reader.get(), &byte, 1), SyscallSucceedsWithValue(0));
}

TEST(Dup3Test, SetsCloseOnExec) {
  UniqueFd fd = Open("/tmp", O_RDONLY);
  UniqueFd target = Open("/dev/null", O_RDONLY);
  EXPECT_THAT(dup3(fd.get(), target.get(), O_CLOEXEC), SyscallSucceedsWithValue(target.get()));
  EXPECT_THAT(fcntl(target.get(), F_GETFD), SyscallSucceedsWithValue(FD_CLOEXEC));
}

TEST(Dup3Test, SameDescriptorOrUnknownFlagIsEinval) {
  UniqueFd fd = Open("/tmp", O_RDONLY);
  EXPECT_THAT(dup3(fd.get(), fd.get(), 0), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(dup3(-1, -1, 0), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(dup3(fd.get(), 100, O_NONBLOCK), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(dup3(-1, 100, O_NONBLOCK), SyscallFailsWithErrno(EINVAL));
}

TEST(CloseRangeTest, ClosesWhatLiesBetween) {
  EXPECT_THAT(RunInChild([] {
                for (int fd = 100; fd < 106; ++fd) CHILD_CHECK(dup2(2, fd) == fd);
                CHILD_CHECK(RawSyscall(SYS_close_range, 101, 103, 0) == 0);
                CHILD_CHECK(IsOpen(100) && !IsOpen(101) && !IsOpen(102) && !IsOpen(103) && IsOpen(104) && IsOpen(105));
                CHILD_CHECK(RawSyscall(SYS_close_range, 104, ~0u, 0) == 0);
                CHILD_CHECK(IsOpen(100) && !IsOpen(104) && !IsOpen(105));
                return 0;
              }),
              ExitedWith(0));
}

TEST(CloseRangeTest, CloexecFlagOnlyMarks) {
  EXPECT_THAT(RunInChild([] {
                CHILD_CHECK(dup2(2, 100) == 100);
                CHILD_CHECK(RawSyscall(SYS_close_range, 100, 100, CLOSE_RANGE_CLOEXEC) == 0);
                CHILD_CHECK(fcntl(100, F_GETFD) == FD_CLOEXEC);
                return 0;
              }),
              ExitedWith(0));
}

TEST(CloseRangeTest, ReversedRangeOrUnknownFlagIsEinval) {
  EXPECT_THAT(RawSyscall(SYS_close_range, 10, 9, 0), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RawSyscall(SYS_close_range, 1000, 1001, 1 << 20), SyscallFailsWithErrno(EINVAL));
}

TEST(FcntlTest, DupfdTakesTheLowestFromTheMinimum) {
  UniqueFd fd = Open("/tmp", O_RDONLY);
  UniqueFd first(fcntl(fd.get(), F_DUPFD, 200));
  UniqueFd second(fcntl(fd.get(), F_DUPFD, 200));
  EXPECT_EQ(first.get(), 200);
  EXPECT_EQ(second.get(), 201);
  EXPECT_THAT(fcntl(first.get(), F_GETFD), SyscallSucceedsWithValue(0));
  UniqueFd third(fcntl(fd.get(), F_DUPFD_CLOEXEC, 200));
  EXPECT_EQ(third.get(), 202);
  EXPECT_THAT(fcntl(third.get(), F_GETFD), SyscallSucceedsWithValue(FD_CLOEXEC));
}

TEST(FcntlTest, DupfdBeyondTheLimitIsEinval) {
  UniqueFd fd = Open("/tmp", O_RDONLY);
  rlimit limit = {};
  ASSERT_THAT(getrlimit(RLIMIT_NOFILE, &limit), SyscallSucceeds());
  EXPECT_THAT(fcntl(fd.get(), F_DUPFD, static_cast<int>(limit.rlim_cur)), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(fcntl(fd.get(), F_DUPFD, -1), SyscallFailsWithErrno(EINVAL));
}

TEST(FcntlTest, SetfdTogglesCloseOnExec) {
  UniqueFd fd = Open("/tmp", O_RDONLY);
  EXPECT_THAT(fcntl(fd.get(), F_SETFD, FD_CLOEXEC), SyscallSucceedsWithValue(0));
  EXPECT_THAT(fcntl(fd.get(), F_GETFD), SyscallSucceedsWithValue(FD_CLOEXEC));
  EXPECT_THAT(fcntl(fd.get(), F_SETFD, 0), SyscallSucceedsWithValue(0));
  EXPECT_THAT(fcntl(fd.get(), F_GETFD), SyscallSucceedsWithValue(0));
}

TEST(FcntlTest, GetflReportsAccessModeAndStatusFlagsOnly) {
  TempPath file = TempPath::File("");
  UniqueFd fd = Open(file.path(), O_RDWR | O_APPEND | O_CREAT | O_TRUNC | O_CLOEXEC);
  const int mask = O_ACCMODE | O_APPEND | O_NONBLOCK | O_CREAT | O_TRUNC | O_CLOEXEC;
  EXPECT_EQ(fcntl(fd.get(), F_GETFL) & mask, O_RDWR | O_APPEND);
}

TEST(FcntlTest, SetflChangesStatusFlagsButNotTheAccessMode) {
  Pipe pipe = MakePipe();
  ASSERT_THAT(fcntl(pipe.reader.get(), F_SETFL, O_NONBLOCK | O_RDWR), SyscallSucceeds());
  EXPECT_EQ(fcntl(pipe.reader.get(), F_GETFL) & (O_ACCMODE | O_NONBLOCK), O_RDONLY | O_NONBLOCK);
  char byte;
  EXPECT_THAT(read(pipe.reader.get(), &byte, 1), SyscallFailsWithErrno(EAGAIN));
  ASSERT_THAT(fcntl(pipe.reader.get(), F_SETFL, 0), SyscallSucceeds());
  EXPECT_EQ(fcntl(pipe.reader.get(), F_GETFL) & O_NONBLOCK, 0);
}

TEST(FcntlTest, UnknownCommandIsEinvalAndBadDescriptorEbadf) {
  UniqueFd fd = Open("/tmp", O_RDONLY);
  EXPECT_THAT(fcntl(fd.get(), 9999), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(fcntl(-1, F_GETFL), SyscallFailsWithErrno(EBADF));
  EXPECT_THAT(fcntl(-1, 9999), SyscallFailsWithErrno(EBADF));
}

TEST(FcntlTest, PathDescriptorAllowsOnlyDescriptorCommands) {
  UniqueFd fd = Open("/tmp", O_PATH);
  EXPECT_THAT(fcntl(fd.get(), F_GETFD), SyscallSucceedsWithValue(0));
  EXPECT_EQ(fcntl(fd.get(), F_GETFL) & O_PATH, O_PATH);
  EXPECT_THAT(fcntl(fd.get(), F_SETFL, O_NONBLOCK), SyscallFailsWithErrno(EBADF));
  UniqueFd copy(fcntl(fd.get(), F_DUPFD, 0));
  EXPECT_TRUE(copy.ok());
}

TEST(FcntlTest, PipeSizeIsRoundedUpToAPowerOfTwoOfPages) {
  Pipe pipe = MakePipe();
  EXPECT_THAT(fcntl(pipe.writer.get(), F_GETPIPE_SZ), SyscallSucceedsWithValue(65536));
  EXPECT_THAT(fcntl(pipe.writer.get(), F_SETPIPE_SZ, 5000), SyscallSucceedsWithValue(8192));
  EXPECT_THAT(fcntl(pipe.reader.get(), F_GETPIPE_SZ), SyscallSucceedsWithValue(8192));
  EXPECT_THAT(fcntl(pipe.writer.get(), F_SETPIPE_SZ, 1), SyscallSucceedsWithValue(4096));
}

TEST(FcntlTest, PipeSizeBelowTheContentIsEbusyAndHugeEinval) {
  Pipe pipe = MakePipe();
  char data[2 * kPageSize] = {};
  ASSERT_THAT(write(pipe.writer.get(), data, sizeof(data)), SyscallSucceedsWithValue(8192));
  EXPECT_THAT(fcntl(pipe.writer.get(), F_SETPIPE_SZ, 4096), SyscallFailsWithErrno(EBUSY));
  EXPECT_THAT(fcntl(pipe.writer.get(), F_SETPIPE_SZ, 0x80000001u), SyscallFailsWithErrno(EINVAL));
}

TEST(FcntlTest, PipeSizeOfAFileIsEbadf) {
  UniqueFd fd = Open("/tmp", O_RDONLY);
  EXPECT_THAT(fcntl(fd.get(), F_GETPIPE_SZ), SyscallFailsWithErrno(EBADF));
  EXPECT_THAT(fcntl(fd.get(), F_SETPIPE_SZ, 4096), SyscallFailsWithErrno(EBADF));
}

}  // namespace
}  // namespace tests
