// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <gtest/gtest.h>
#include <limits.h>
#include <sys/uio.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "tests/util/mapping.h"
#include "tests/util/matchers.h"
#include "tests/util/raw_syscall.h"
#include "tests/util/temp_path.h"
#include "tests/util/unique_fd.h"

namespace tests {
namespace {

TEST(ReadvTest, FillsBuffersInOrder) {
  TempPath file = TempPath::File("abcdefgh");
  UniqueFd fd = Open(file.path(), O_RDONLY);
  char first[3];
  char second[10];
  const iovec vector[] = {{first, sizeof(first)}, {nullptr, 0}, {second, sizeof(second)}};
  EXPECT_THAT(readv(fd.get(), vector, 3), SyscallSucceedsWithValue(8));
  EXPECT_EQ(std::string(first, 3), "abc");
  EXPECT_EQ(std::string(second, 5), "defgh");
}

TEST(ReadvTest, EmptyVectorReadsNothing) {
  TempPath file = TempPath::File("abc");
  UniqueFd fd = Open(file.path(), O_RDONLY);
  EXPECT_THAT(readv(fd.get(), nullptr, 0), SyscallSucceedsWithValue(0));
}

TEST(ReadvTest, BadCountIsEinval) {
  TempPath file = TempPath::File("abc");
  UniqueFd fd = Open(file.path(), O_RDONLY);
  char byte;
  std::vector<iovec> vector(IOV_MAX + 1, iovec{&byte, 1});
  EXPECT_THAT(readv(fd.get(), vector.data(), IOV_MAX + 1), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RawSyscall(SYS_readv, fd.get(), vector.data(), -1), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(readv(fd.get(), vector.data(), IOV_MAX), SyscallSucceedsWithValue(3));
}

TEST(ReadvTest, NegativeLengthIsEinval) {
  TempPath file = TempPath::File("abc");
  UniqueFd fd = Open(file.path(), O_RDONLY);
  char byte;
  const iovec vector[] = {{&byte, 1}, {&byte, static_cast<size_t>(-1)}};
  EXPECT_THAT(readv(fd.get(), vector, 2), SyscallFailsWithErrno(EINVAL));
}

TEST(ReadvTest, UnmappedVectorOrBufferIsEfault) {
  TempPath file = TempPath::File("abc");
  UniqueFd fd = Open(file.path(), O_RDONLY);
  EXPECT_THAT(RawSyscall(SYS_readv, fd.get(), BadPointer<iovec>(), 1), SyscallFailsWithErrno(EFAULT));
  const iovec vector[] = {{BadPointer(), 1}};
  EXPECT_THAT(readv(fd.get(), vector, 1), SyscallFailsWithErrno(EFAULT));
}

TEST(ReadvTest, SecondBufferUnmappedReturnsTheFirst) {
  TempPath file = TempPath::File("abcdef");
  UniqueFd fd = Open(file.path(), O_RDONLY);
  char first[2];
  const iovec vector[] = {{first, 2}, {BadPointer(), 2}};
  EXPECT_THAT(readv(fd.get(), vector, 2), SyscallSucceedsWithValue(2));
}

TEST(ReadvTest, BadDescriptorBeatsBadVector) {
  EXPECT_THAT(RawSyscall(SYS_readv, -1, BadPointer<iovec>(), 1), SyscallFailsWithErrno(EBADF));
  EXPECT_THAT(RawSyscall(SYS_writev, -1, BadPointer<iovec>(), -1), SyscallFailsWithErrno(EBADF));
}

TEST(WritevTest, GathersBuffersInOrder) {
  TempPath file = TempPath::File("");
  UniqueFd fd = Open(file.path(), O_WRONLY);
  char first[] = "one,";
  char second[] = "two";
  const iovec vector[] = {{first, 4}, {nullptr, 0}, {second, 3}};
  EXPECT_THAT(writev(fd.get(), vector, 3), SyscallSucceedsWithValue(7));
  EXPECT_EQ(ReadWholeFile(file.path()), "one,two");
}

TEST(WritevTest, BadArgumentsFailLikeReadv) {
  TempPath file = TempPath::File("");
  UniqueFd fd = Open(file.path(), O_WRONLY);
  char byte = 'a';
  const iovec huge[] = {{&byte, static_cast<size_t>(-1)}};
  const iovec bad[] = {{BadPointer(), 1}};
  EXPECT_THAT(writev(fd.get(), huge, 1), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(writev(fd.get(), bad, 1), SyscallFailsWithErrno(EFAULT));
  EXPECT_THAT(RawSyscall(SYS_writev, fd.get(), bad, -1), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RawSyscall(SYS_writev, fd.get(), BadPointer<iovec>(), 1), SyscallFailsWithErrno(EFAULT));
}

TEST(PreadTest, ReadsAtOffsetAndLeavesTheFileOffset) {
  TempPath file = TempPath::File("0123456789");
  UniqueFd fd = Open(file.path(), O_RDONLY);
  char buffer[4];
  EXPECT_THAT(pread(fd.get(), buffer, 4, 3), SyscallSucceedsWithValue(4));
  EXPECT_EQ(std::string(buffer, 4), "3456");
  EXPECT_THAT(pread(fd.get(), buffer, 4, 8), SyscallSucceedsWithValue(2));
  EXPECT_THAT(pread(fd.get(), buffer, 4, 10), SyscallSucceedsWithValue(0));
  EXPECT_THAT(pread(fd.get(), buffer, 4, 1LL << 40), SyscallSucceedsWithValue(0));
  EXPECT_THAT(lseek(fd.get(), 0, SEEK_CUR), SyscallSucceedsWithValue(0));
}

TEST(PreadTest, NegativeOffsetIsEinvalBeforeTheDescriptorIsLookedAt) {
  TempPath file = TempPath::File("abc");
  UniqueFd fd = Open(file.path(), O_RDONLY);
  char byte;
  EXPECT_THAT(pread(fd.get(), &byte, 1, -1), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(pread(-1, &byte, 1, -1), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(pread(-1, &byte, 1, 0), SyscallFailsWithErrno(EBADF));
}

TEST(PreadTest, PipeIsEspipe) {
  Pipe pipe = MakePipe();
  char byte = 'a';
  EXPECT_THAT(pread(pipe.reader.get(), &byte, 1, 0), SyscallFailsWithErrno(ESPIPE));
  EXPECT_THAT(pwrite(pipe.writer.get(), &byte, 1, 0), SyscallFailsWithErrno(ESPIPE));
}

TEST(PreadTest, UnmappedBufferIsEfault) {
  TempPath file = TempPath::File("abc");
  UniqueFd fd = Open(file.path(), O_RDWR);
  EXPECT_THAT(RawSyscall(SYS_pread64, fd.get(), BadPointer(), 1, 0), SyscallFailsWithErrno(EFAULT));
  EXPECT_THAT(RawSyscall(SYS_pwrite64, fd.get(), BadPointer(), 1, 0), SyscallFailsWithErrno(EFAULT));
}

TEST(PwriteTest, WritesAtOffsetAndLeavesTheFileOffset) {
  TempPath file = TempPath::File("0123456789");
  UniqueFd fd = Open(file.path(), O_RDWR);
  EXPECT_THAT(pwrite(fd.get(), "XYZ", 3, 8), SyscallSucceedsWithValue(3));
  EXPECT_THAT(lseek(fd.get(), 0, SEEK_CUR), SyscallSucceedsWithValue(0));
  EXPECT_EQ(ReadWholeFile(file.path()), "01234567XYZ");
}

TEST(PwriteTest, NegativeOffsetIsEinvalAndReadOnlyDescriptorEbadf) {
  TempPath file = TempPath::File("abc");
  UniqueFd fd = Open(file.path(), O_RDONLY);
  EXPECT_THAT(pwrite(fd.get(), "a", 1, -1), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(pwrite(fd.get(), "a", 1, 0), SyscallFailsWithErrno(EBADF));
}

TEST(PwriteTest, AppendModeIgnoresTheOffset) {
  TempPath file = TempPath::File("head");
  UniqueFd fd = Open(file.path(), O_RDWR | O_APPEND);
  EXPECT_THAT(pwrite(fd.get(), "tail", 4, 0), SyscallSucceedsWithValue(4));
  EXPECT_EQ(ReadWholeFile(file.path()), "headtail");
}

TEST(PreadvTest, ReadsAndWritesAtOffset) {
  TempPath file = TempPath::File("0123456789");
  UniqueFd fd = Open(file.path(), O_RDWR);
  char first[2];
  char second[2];
  iovec vector[] = {{first, 2}, {second, 2}};
  EXPECT_THAT(preadv(fd.get(), vector, 2, 5), SyscallSucceedsWithValue(4));
  EXPECT_EQ(std::string(first, 2) + std::string(second, 2), "5678");
  EXPECT_THAT(pwritev(fd.get(), vector, 2, 0), SyscallSucceedsWithValue(4));
  EXPECT_EQ(ReadWholeFile(file.path()), "5678456789");
  EXPECT_THAT(lseek(fd.get(), 0, SEEK_CUR), SyscallSucceedsWithValue(0));
}

TEST(PreadvTest, NegativeOffsetIsEinvalAndPipeEspipe) {
  TempPath file = TempPath::File("abc");
  UniqueFd fd = Open(file.path(), O_RDWR);
  char byte = 'a';
  const iovec vector[] = {{&byte, 1}};
  EXPECT_THAT(preadv(fd.get(), vector, 1, -1), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(pwritev(fd.get(), vector, 1, -1), SyscallFailsWithErrno(EINVAL));
  Pipe pipe = MakePipe();
  EXPECT_THAT(preadv(pipe.reader.get(), vector, 1, 0), SyscallFailsWithErrno(ESPIPE));
  EXPECT_THAT(pwritev(pipe.writer.get(), vector, 1, 0), SyscallFailsWithErrno(ESPIPE));
}

TEST(PreadvTest, Preadv2WithOffsetMinusOneUsesTheFileOffset) {
  TempPath file = TempPath::File("0123456789");
  UniqueFd fd = Open(file.path(), O_RDWR);
  char buffer[4];
  const iovec vector[] = {{buffer, 4}};
  EXPECT_THAT(preadv2(fd.get(), vector, 1, -1, 0), SyscallSucceedsWithValue(4));
  EXPECT_THAT(lseek(fd.get(), 0, SEEK_CUR), SyscallSucceedsWithValue(4));
  EXPECT_THAT(pwritev2(fd.get(), vector, 1, -1, 0), SyscallSucceedsWithValue(4));
  EXPECT_EQ(ReadWholeFile(file.path()), "0123012389");
}

TEST(PreadvTest, Preadv2UnknownFlagIsEopnotsupp) {
  TempPath file = TempPath::File("abc");
  UniqueFd fd = Open(file.path(), O_RDWR);
  char byte = 'a';
  const iovec vector[] = {{&byte, 1}};
  EXPECT_THAT(preadv2(fd.get(), vector, 1, 0, 1 << 20), SyscallFailsWithErrno(EOPNOTSUPP));
  EXPECT_THAT(pwritev2(fd.get(), vector, 1, 0, 1 << 20), SyscallFailsWithErrno(EOPNOTSUPP));
}

TEST(PreadvTest, UnmappedVectorIsEfault) {
  TempPath file = TempPath::File("abc");
  UniqueFd fd = Open(file.path(), O_RDWR);
  EXPECT_THAT(RawSyscall(SYS_preadv, fd.get(), BadPointer<iovec>(), 1, 0, 0), SyscallFailsWithErrno(EFAULT));
  EXPECT_THAT(RawSyscall(SYS_pwritev, fd.get(), BadPointer<iovec>(), 1, 0, 0), SyscallFailsWithErrno(EFAULT));
}

}  // namespace
}  // namespace tests
