// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <gtest/gtest.h>
#include <limits.h>
#include <unistd.h>

#include <string>

#include "tests/util/mapping.h"
#include "tests/util/matchers.h"
#include "tests/util/raw_syscall.h"
#include "tests/util/temp_path.h"
#include "tests/util/unique_fd.h"

namespace tests {
namespace {

TEST(ReadTest, ReturnsContentAndAdvancesOffset) {
  TempPath file = TempPath::File("hello world");
  UniqueFd fd = Open(file.path(), O_RDONLY);
  char buffer[16] = {};
  EXPECT_THAT(read(fd.get(), buffer, 5), SyscallSucceedsWithValue(5));
  EXPECT_STREQ(buffer, "hello");
  EXPECT_THAT(read(fd.get(), buffer, sizeof(buffer)), SyscallSucceedsWithValue(6));
  EXPECT_EQ(std::string(buffer, 6), " world");
  EXPECT_THAT(read(fd.get(), buffer, sizeof(buffer)), SyscallSucceedsWithValue(0));
}

TEST(ReadTest, ZeroCountReturnsZeroWithoutTouchingTheBuffer) {
  TempPath file = TempPath::File("abc");
  UniqueFd fd = Open(file.path(), O_RDONLY);
  EXPECT_THAT(RawSyscall(SYS_read, fd.get(), BadPointer(), 0), SyscallSucceedsWithValue(0));
  EXPECT_THAT(lseek(fd.get(), 0, SEEK_CUR), SyscallSucceedsWithValue(0));
}

TEST(ReadTest, BadDescriptorIsEbadf) {
  char byte;
  EXPECT_THAT(read(-1, &byte, 1), SyscallFailsWithErrno(EBADF));
  EXPECT_THAT(read(1 << 20, &byte, 1), SyscallFailsWithErrno(EBADF));
}

TEST(ReadTest, WriteOnlyDescriptorIsEbadfEvenForZeroBytes) {
  TempPath file = TempPath::File("abc");
  UniqueFd fd = Open(file.path(), O_WRONLY);
  char byte;
  EXPECT_THAT(read(fd.get(), &byte, 1), SyscallFailsWithErrno(EBADF));
  EXPECT_THAT(read(fd.get(), &byte, 0), SyscallFailsWithErrno(EBADF));
}

TEST(ReadTest, PathDescriptorIsEbadf) {
  TempPath file = TempPath::File("abc");
  UniqueFd fd = Open(file.path(), O_PATH);
  char byte;
  EXPECT_THAT(read(fd.get(), &byte, 1), SyscallFailsWithErrno(EBADF));
  EXPECT_THAT(write(fd.get(), &byte, 1), SyscallFailsWithErrno(EBADF));
}

TEST(ReadTest, DirectoryIsEisdir) {
  UniqueFd fd = Open("/tmp", O_RDONLY | O_DIRECTORY);
  char byte;
  EXPECT_THAT(read(fd.get(), &byte, 1), SyscallFailsWithErrno(EISDIR));
  EXPECT_THAT(pread(fd.get(), &byte, 1, 0), SyscallFailsWithErrno(EISDIR));
}

TEST(ReadTest, UnmappedBufferIsEfault) {
  TempPath file = TempPath::File("abc");
  UniqueFd fd = Open(file.path(), O_RDONLY);
  EXPECT_THAT(RawSyscall(SYS_read, fd.get(), BadPointer(), 3), SyscallFailsWithErrno(EFAULT));
  EXPECT_THAT(RawSyscall(SYS_read, fd.get(), KernelPointer(), 3), SyscallFailsWithErrno(EFAULT));
  EXPECT_THAT(lseek(fd.get(), 0, SEEK_CUR), SyscallSucceedsWithValue(0));
}

TEST(ReadTest, ReadOnlyBufferIsEfault) {
  TempPath file = TempPath::File("abc");
  UniqueFd fd = Open(file.path(), O_RDONLY);
  Mapping page = Mapping::Anonymous(kPageSize, PROT_READ);
  EXPECT_THAT(RawSyscall(SYS_read, fd.get(), page.get(), 3), SyscallFailsWithErrno(EFAULT));
}

TEST(ReadTest, UnmappedBufferAtEndOfFileIsNoError) {
  TempPath file = TempPath::File("");
  UniqueFd fd = Open(file.path(), O_RDONLY);
  EXPECT_THAT(RawSyscall(SYS_read, fd.get(), BadPointer(), 3), SyscallSucceedsWithValue(0));
}

TEST(ReadTest, BufferStraddlingUnmappedPageReadsWhatFits) {
  TempPath file = TempPath::File("0123456789");
  UniqueFd fd = Open(file.path(), O_RDONLY);
  Mapping pages = Mapping::WithGuard();
  char* buffer = pages.bytes() + kPageSize - 4;
  EXPECT_THAT(RawSyscall(SYS_read, fd.get(), buffer, 10), SyscallSucceedsWithValue(4));
  EXPECT_EQ(std::string(buffer, 4), "0123");
  EXPECT_THAT(lseek(fd.get(), 0, SEEK_CUR), SyscallSucceedsWithValue(4));
}

TEST(ReadTest, CountOfSizeMaxRunsOutOfTheAddressSpace) {
  TempPath file = TempPath::File("abc");
  UniqueFd fd = Open(file.path(), O_RDONLY);
  char byte;
  EXPECT_THAT(RawSyscall(SYS_read, fd.get(), &byte, -1L), SyscallFailsWithErrno(EFAULT));
}

TEST(WriteTest, StoresBytesAndExtendsTheFile) {
  TempPath file = TempPath::File("");
  UniqueFd fd = Open(file.path(), O_RDWR);
  EXPECT_THAT(write(fd.get(), "abc", 3), SyscallSucceedsWithValue(3));
  EXPECT_THAT(write(fd.get(), "defg", 4), SyscallSucceedsWithValue(4));
  EXPECT_EQ(ReadWholeFile(file.path()), "abcdefg");
}

TEST(WriteTest, OverwritesInPlace) {
  TempPath file = TempPath::File("0123456789");
  UniqueFd fd = Open(file.path(), O_WRONLY);
  ASSERT_THAT(lseek(fd.get(), 3, SEEK_SET), SyscallSucceedsWithValue(3));
  EXPECT_THAT(write(fd.get(), "XY", 2), SyscallSucceedsWithValue(2));
  EXPECT_EQ(ReadWholeFile(file.path()), "012XY56789");
}

TEST(WriteTest, BadDescriptorIsEbadf) {
  EXPECT_THAT(write(-1, "a", 1), SyscallFailsWithErrno(EBADF));
  TempPath file = TempPath::File("");
  UniqueFd fd = Open(file.path(), O_RDONLY);
  EXPECT_THAT(write(fd.get(), "a", 1), SyscallFailsWithErrno(EBADF));
  EXPECT_THAT(write(fd.get(), "a", 0), SyscallFailsWithErrno(EBADF));
}

TEST(WriteTest, UnmappedBufferIsEfaultAndWritesNothing) {
  TempPath file = TempPath::File("");
  UniqueFd fd = Open(file.path(), O_RDWR);
  EXPECT_THAT(RawSyscall(SYS_write, fd.get(), BadPointer(), 1), SyscallFailsWithErrno(EFAULT));
  EXPECT_THAT(RawSyscall(SYS_write, fd.get(), KernelPointer(), 1), SyscallFailsWithErrno(EFAULT));
  EXPECT_THAT(lseek(fd.get(), 0, SEEK_END), SyscallSucceedsWithValue(0));
}

TEST(WriteTest, BufferStraddlingUnmappedPageWritesWhatIsThere) {
  TempPath file = TempPath::File("");
  UniqueFd fd = Open(file.path(), O_RDWR);
  Mapping pages = Mapping::WithGuard();
  char* buffer = pages.bytes() + kPageSize - 4;
  memcpy(buffer, "wxyz", 4);
  EXPECT_THAT(RawSyscall(SYS_write, fd.get(), buffer, 10), SyscallSucceedsWithValue(4));
  EXPECT_EQ(ReadWholeFile(file.path()), "wxyz");
}

TEST(WriteTest, AppendModeWritesAtTheEndWhateverTheOffset) {
  TempPath file = TempPath::File("head");
  UniqueFd fd = Open(file.path(), O_RDWR | O_APPEND);
  ASSERT_THAT(lseek(fd.get(), 0, SEEK_SET), SyscallSucceedsWithValue(0));
  EXPECT_THAT(write(fd.get(), "tail", 4), SyscallSucceedsWithValue(4));
  EXPECT_THAT(lseek(fd.get(), 0, SEEK_CUR), SyscallSucceedsWithValue(8));
  EXPECT_EQ(ReadWholeFile(file.path()), "headtail");
}

TEST(WriteTest, BeyondTheEndLeavesAHoleOfZeroes) {
  TempPath file = TempPath::File("a");
  UniqueFd fd = Open(file.path(), O_RDWR);
  ASSERT_THAT(lseek(fd.get(), 5000, SEEK_SET), SyscallSucceedsWithValue(5000));
  EXPECT_THAT(write(fd.get(), "b", 1), SyscallSucceedsWithValue(1));
  EXPECT_EQ(ReadWholeFile(file.path()), "a" + std::string(4999, '\0') + "b");
}

TEST(WriteTest, LargeTransferIsWhole) {
  TempPath file = TempPath::File("");
  UniqueFd fd = Open(file.path(), O_RDWR);
  std::string data(3 * 1024 * 1024 + 17, '\0');
  for (size_t i = 0; i < data.size(); ++i) data[i] = static_cast<char>(i * 31 + (i >> 12));
  EXPECT_THAT(write(fd.get(), data.data(), data.size()), SyscallSucceedsWithValue(static_cast<long>(data.size())));
  EXPECT_EQ(ReadWholeFile(file.path()) == data, true);
}

TEST(WriteTest, NullDeviceSwallowsAndReadsEmpty) {
  UniqueFd fd = Open("/dev/null", O_RDWR);
  char byte;
  EXPECT_THAT(write(fd.get(), "abc", 3), SyscallSucceedsWithValue(3));
  EXPECT_THAT(read(fd.get(), &byte, 1), SyscallSucceedsWithValue(0));
}

TEST(WriteTest, ZeroDeviceReadsZeroes) {
  UniqueFd fd = Open("/dev/zero", O_RDONLY);
  char buffer[64];
  memset(buffer, 1, sizeof(buffer));
  EXPECT_THAT(read(fd.get(), buffer, sizeof(buffer)), SyscallSucceedsWithValue(64));
  for (char byte : buffer) EXPECT_EQ(byte, 0);
}

TEST(WriteTest, FullDeviceIsEnospc) {
  UniqueFd fd = Open("/dev/full", O_WRONLY);
  EXPECT_THAT(write(fd.get(), "abc", 3), SyscallFailsWithErrno(ENOSPC));
}

TEST(LseekTest, MovesByEachWhence) {
  TempPath file = TempPath::File("0123456789");
  UniqueFd fd = Open(file.path(), O_RDONLY);
  EXPECT_THAT(lseek(fd.get(), 4, SEEK_SET), SyscallSucceedsWithValue(4));
  EXPECT_THAT(lseek(fd.get(), 3, SEEK_CUR), SyscallSucceedsWithValue(7));
  EXPECT_THAT(lseek(fd.get(), -2, SEEK_END), SyscallSucceedsWithValue(8));
  EXPECT_THAT(lseek(fd.get(), 100, SEEK_END), SyscallSucceedsWithValue(110));
}

TEST(LseekTest, NegativeResultOrUnknownWhenceIsEinval) {
  TempPath file = TempPath::File("0123456789");
  UniqueFd fd = Open(file.path(), O_RDONLY);
  ASSERT_THAT(lseek(fd.get(), 5, SEEK_SET), SyscallSucceedsWithValue(5));
  EXPECT_THAT(lseek(fd.get(), -1, SEEK_SET), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(lseek(fd.get(), -6, SEEK_CUR), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(lseek(fd.get(), -11, SEEK_END), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(lseek(fd.get(), 0, 99), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(lseek(fd.get(), 0, SEEK_CUR), SyscallSucceedsWithValue(5));
}

TEST(LseekTest, PipeIsEspipeAndBadDescriptorEbadf) {
  Pipe pipe = MakePipe();
  EXPECT_THAT(lseek(pipe.reader.get(), 0, SEEK_SET), SyscallFailsWithErrno(ESPIPE));
  EXPECT_THAT(lseek(-1, 0, SEEK_SET), SyscallFailsWithErrno(EBADF));
}

TEST(LseekTest, PathDescriptorIsEbadf) {
  TempPath file = TempPath::File("abc");
  UniqueFd fd = Open(file.path(), O_PATH);
  EXPECT_THAT(lseek(fd.get(), 0, SEEK_SET), SyscallFailsWithErrno(EBADF));
}

TEST(LseekTest, SeekDataAndHoleStayWithinTheFile) {
  TempPath file = TempPath::File("0123456789");
  UniqueFd fd = Open(file.path(), O_RDONLY);
  EXPECT_THAT(lseek(fd.get(), 2, SEEK_DATA), SyscallSucceedsWithValue(2));
  EXPECT_THAT(lseek(fd.get(), 2, SEEK_HOLE), SyscallSucceedsWithValue(10));
  EXPECT_THAT(lseek(fd.get(), 10, SEEK_DATA), SyscallFailsWithErrno(ENXIO));
  EXPECT_THAT(lseek(fd.get(), 10, SEEK_HOLE), SyscallFailsWithErrno(ENXIO));
}

}  // namespace
}  // namespace tests
