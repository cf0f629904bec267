// SPDX-License-Identifier: Apache-2.0
// sendfile(2), splice(2), tee(2), vmsplice(2), copy_file_range(2), sync_file_range(2), readahead(2).
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <unistd.h>

#include <string>

#include "tests/util/fork.h"
#include "tests/util/matchers.h"
#include "tests/util/raw_syscall.h"
#include "tests/util/temp_path.h"
#include "tests/util/unique_fd.h"

namespace tests {
namespace {

struct PipeEnds {
  UniqueFd reader, writer;
};

PipeEnds NewPipe(int flags = O_NONBLOCK) {
  int ends[2] = {-1, -1};
  EXPECT_EQ(pipe2(ends, flags), 0);
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

std::string Drain(const UniqueFd& fd) {
  char buffer[4096];
  ssize_t size = read(fd.get(), buffer, sizeof(buffer));
  return {buffer, size > 0 ? static_cast<size_t>(size) : 0};
}

off_t OffsetOf(const UniqueFd& fd) { return lseek(fd.get(), 0, SEEK_CUR); }

TEST(SendfileTest, MovesBytesAndOffsets) {
  TempPath from = TempPath::File("0123456789"), to = TempPath::File();
  UniqueFd in = Open(from.path(), O_RDONLY), out = Open(to.path(), O_WRONLY);
  EXPECT_THAT(sendfile(out.get(), in.get(), nullptr, 4), SyscallSucceedsWithValue(4));
  EXPECT_EQ(OffsetOf(in), 4);
  off_t offset = 8;
  EXPECT_THAT(sendfile(out.get(), in.get(), &offset, 100), SyscallSucceedsWithValue(2));
  EXPECT_EQ(offset, 10);
  EXPECT_EQ(OffsetOf(in), 4);
  EXPECT_THAT(sendfile(out.get(), in.get(), &offset, 100), SyscallSucceedsWithValue(0));
  EXPECT_EQ(ReadWholeFile(to.path()), "012389");
}

TEST(SendfileTest, RefusesBadArguments) {
  TempPath file = TempPath::File("text");
  UniqueFd reader = Open(file.path(), O_RDONLY), writer = Open(file.path(), O_WRONLY);
  UniqueFd append = Open(file.path(), O_WRONLY | O_APPEND);
  PipeEnds pipe = NewPipe();
  off_t offset = -1;
  EXPECT_THAT(sendfile(writer.get(), writer.get(), nullptr, 1), SyscallFailsWithErrno(EBADF));
  EXPECT_THAT(sendfile(reader.get(), reader.get(), nullptr, 1), SyscallFailsWithErrno(EBADF));
  EXPECT_THAT(sendfile(writer.get(), reader.get(), &offset, 1), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(sendfile(append.get(), reader.get(), nullptr, 1), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(sendfile(writer.get(), pipe.reader.get(), nullptr, 1), SyscallFailsWithErrno(EINVAL));
  offset = 0;
  EXPECT_THAT(sendfile(writer.get(), pipe.reader.get(), &offset, 1), SyscallFailsWithErrno(ESPIPE));
  EXPECT_THAT(RawSyscall(SYS_sendfile, writer.get(), reader.get(), BadPointer(), 1), SyscallFailsWithErrno(EFAULT));
}

TEST(SpliceTest, FileToPipeAndBack) {
  TempPath from = TempPath::File("0123456789"), to = TempPath::File("abcdefgh");
  UniqueFd in = Open(from.path(), O_RDONLY), out = Open(to.path(), O_RDWR);
  PipeEnds pipe = NewPipe();
  loff_t offset = 5;
  EXPECT_THAT(splice(in.get(), &offset, pipe.writer.get(), nullptr, 3, 0), SyscallSucceedsWithValue(3));
  EXPECT_EQ(offset, 8);
  EXPECT_EQ(OffsetOf(in), 0);
  EXPECT_THAT(splice(in.get(), nullptr, pipe.writer.get(), nullptr, 2, 0), SyscallSucceedsWithValue(2));
  EXPECT_EQ(OffsetOf(in), 2);
  loff_t place = 1;
  EXPECT_THAT(splice(pipe.reader.get(), nullptr, out.get(), &place, 4, 0), SyscallSucceedsWithValue(4));
  EXPECT_EQ(place, 5);
  EXPECT_THAT(splice(pipe.reader.get(), nullptr, out.get(), nullptr, 100, 0), SyscallSucceedsWithValue(1));
  EXPECT_EQ(OffsetOf(out), 1);
  EXPECT_EQ(ReadWholeFile(to.path()), "15670fgh");
  offset = 10;
  EXPECT_THAT(splice(in.get(), &offset, pipe.writer.get(), nullptr, 3, 0), SyscallSucceedsWithValue(0));
}

TEST(SpliceTest, PipeToPipe) {
  PipeEnds one = NewPipe(), other = NewPipe();
  EXPECT_THAT(splice(one.reader.get(), nullptr, other.writer.get(), nullptr, 10, 0), SyscallFailsWithErrno(EAGAIN));
  ASSERT_THAT(write(one.writer.get(), "0123456789", 10), SyscallSucceedsWithValue(10));
  EXPECT_THAT(splice(one.reader.get(), nullptr, other.writer.get(), nullptr, 4, 0), SyscallSucceedsWithValue(4));
  EXPECT_EQ(Drain(other.reader), "0123");
  EXPECT_EQ(Drain(one.reader), "456789");
  one.writer.reset();
  EXPECT_THAT(splice(one.reader.get(), nullptr, other.writer.get(), nullptr, 4, 0), SyscallSucceedsWithValue(0));
}

TEST(SpliceTest, WaitsForBytes) {
  PipeEnds pipe = NewPipe(0);
  TempPath to = TempPath::File();
  Child child([&] {
    int out = open(to.c_str(), O_WRONLY);
    CHILD_CHECK(splice(pipe.reader.get(), nullptr, out, nullptr, 100, 0) == 4);
    return 0;
  });
  ASSERT_THAT(write(pipe.writer.get(), "late", 4), SyscallSucceedsWithValue(4));
  EXPECT_THAT(child.Wait(), ExitedWith(0));
  EXPECT_EQ(ReadWholeFile(to.path()), "late");
  EXPECT_THAT(splice(pipe.reader.get(), nullptr, pipe.writer.get(), nullptr, 1, SPLICE_F_NONBLOCK),
              SyscallFailsWithErrno(EINVAL));
}

TEST(SpliceTest, WithoutReadersItIsAWriteToABrokenPipe) {
  TempPath from = TempPath::File("text");
  UniqueFd in = Open(from.path(), O_RDONLY);
  PipeEnds pipe = NewPipe();
  pipe.reader.reset();
  EXPECT_THAT(RunInChild([&] {
                signal(SIGPIPE, SIG_IGN);
                CHILD_CHECK_ERRNO(splice(in.get(), nullptr, pipe.writer.get(), nullptr, 4, 0), EPIPE);
                signal(SIGPIPE, SIG_DFL);
                splice(in.get(), nullptr, pipe.writer.get(), nullptr, 4, 0);
                return 0;
              }),
              KilledBy(SIGPIPE));
}

TEST(SpliceTest, RefusesBadArguments) {
  TempPath file = TempPath::File("text");
  UniqueFd reader = Open(file.path(), O_RDONLY), writer = Open(file.path(), O_WRONLY);
  UniqueFd append = Open(file.path(), O_WRONLY | O_APPEND);
  PipeEnds pipe = NewPipe();
  loff_t offset = 0;
  int in = reader.get(), out = pipe.writer.get();
  EXPECT_THAT(splice(in, nullptr, writer.get(), nullptr, 1, 0), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(splice(in, nullptr, out, &offset, 1, 0), SyscallFailsWithErrno(ESPIPE));
  EXPECT_THAT(splice(pipe.reader.get(), &offset, writer.get(), nullptr, 1, 0), SyscallFailsWithErrno(ESPIPE));
  EXPECT_THAT(splice(in, nullptr, out, nullptr, 1, 0x100), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(splice(in, nullptr, out, nullptr, 0, 0x100), SyscallSucceedsWithValue(0));
  EXPECT_THAT(splice(-1, nullptr, out, nullptr, 1, 0), SyscallFailsWithErrno(EBADF));
  EXPECT_THAT(splice(writer.get(), nullptr, out, nullptr, 1, 0), SyscallFailsWithErrno(EBADF));
  ASSERT_THAT(write(out, "x", 1), SyscallSucceedsWithValue(1));
  EXPECT_THAT(splice(pipe.reader.get(), nullptr, append.get(), nullptr, 1, 0), SyscallFailsWithErrno(EINVAL));
  EXPECT_EQ(Drain(pipe.reader), "x");
  EXPECT_THAT(RawSyscall(SYS_splice, in, BadPointer(), out, 0, 1, 0), SyscallFailsWithErrno(EFAULT));
}

TEST(TeeTest, CopiesAndLeaves) {
  PipeEnds one = NewPipe(), other = NewPipe();
  EXPECT_THAT(tee(one.reader.get(), other.writer.get(), 10, 0), SyscallFailsWithErrno(EAGAIN));
  ASSERT_THAT(write(one.writer.get(), "0123456789", 10), SyscallSucceedsWithValue(10));
  EXPECT_THAT(tee(one.reader.get(), other.writer.get(), 4, 0), SyscallSucceedsWithValue(4));
  EXPECT_EQ(Drain(other.reader), "0123");
  EXPECT_EQ(Drain(one.reader), "0123456789");
  EXPECT_THAT(tee(one.reader.get(), one.writer.get(), 4, 0), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(tee(one.writer.get(), other.writer.get(), 4, 0), SyscallFailsWithErrno(EBADF));
  EXPECT_THAT(tee(one.reader.get(), other.writer.get(), 4, 0x100), SyscallFailsWithErrno(EINVAL));
  UniqueFd null = Open("/dev/null", O_RDWR);
  EXPECT_THAT(tee(null.get(), other.writer.get(), 4, 0), SyscallFailsWithErrno(EINVAL));
}

TEST(VmspliceTest, MemoryToPipeAndBack) {
  PipeEnds pipe = NewPipe();
  char one[] = "0123", other[] = "456789";
  iovec out[] = {{one, 4}, {other, 6}};
  EXPECT_THAT(vmsplice(pipe.writer.get(), out, 2, 0), SyscallSucceedsWithValue(10));
  char buffer[8] = {};
  iovec in[] = {{buffer, 7}};
  EXPECT_THAT(vmsplice(pipe.reader.get(), in, 1, 0), SyscallSucceedsWithValue(7));
  EXPECT_STREQ(buffer, "0123456");
  EXPECT_EQ(Drain(pipe.reader), "789");
  EXPECT_THAT(vmsplice(pipe.reader.get(), in, 1, SPLICE_F_NONBLOCK), SyscallFailsWithErrno(EAGAIN));
  EXPECT_THAT(vmsplice(pipe.writer.get(), out, 2, 0x100), SyscallFailsWithErrno(EINVAL));
  UniqueFd null = Open("/dev/null", O_RDWR);
  EXPECT_THAT(vmsplice(null.get(), out, 2, 0), SyscallFailsWithErrno(EBADF));
}

TEST(CopyFileRangeTest, CopiesWithinAndBetweenFiles) {
  TempPath from = TempPath::File("0123456789"), to = TempPath::File("abcdefghij");
  UniqueFd in = Open(from.path(), O_RDWR), out = Open(to.path(), O_RDWR);
  EXPECT_THAT(copy_file_range(in.get(), nullptr, out.get(), nullptr, 3, 0), SyscallSucceedsWithValue(3));
  EXPECT_EQ(OffsetOf(in), 3);
  EXPECT_EQ(OffsetOf(out), 3);
  loff_t source = 8, target = 9;
  EXPECT_THAT(copy_file_range(in.get(), &source, out.get(), &target, 100, 0), SyscallSucceedsWithValue(2));
  EXPECT_EQ(source, 10);
  EXPECT_EQ(target, 11);
  EXPECT_EQ(ReadWholeFile(to.path()), "012defghi89");
  EXPECT_THAT(copy_file_range(in.get(), &source, out.get(), &target, 100, 0), SyscallSucceedsWithValue(0));
  source = 0;
  target = 5;
  EXPECT_THAT(copy_file_range(in.get(), &source, in.get(), &target, 5, 0), SyscallSucceedsWithValue(5));
  EXPECT_EQ(ReadWholeFile(from.path()), "0123401234");
}

TEST(CopyFileRangeTest, RefusesBadArguments) {
  TempPath file = TempPath::File("0123456789");
  UniqueFd both = Open(file.path(), O_RDWR), reader = Open(file.path(), O_RDONLY);
  UniqueFd writer = Open(file.path(), O_WRONLY), append = Open(file.path(), O_RDWR | O_APPEND);
  UniqueFd directory = Open("/tmp", O_RDONLY);
  PipeEnds pipe = NewPipe();
  loff_t source = 0, target = 4;
  EXPECT_THAT(copy_file_range(both.get(), &source, both.get(), &target, 5, 0), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(copy_file_range(both.get(), &source, both.get(), &target, 1, 1), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(copy_file_range(writer.get(), &source, both.get(), &target, 1, 0), SyscallFailsWithErrno(EBADF));
  EXPECT_THAT(copy_file_range(both.get(), &source, reader.get(), &target, 1, 0), SyscallFailsWithErrno(EBADF));
  EXPECT_THAT(copy_file_range(both.get(), &source, append.get(), &target, 1, 0), SyscallFailsWithErrno(EBADF));
  EXPECT_THAT(copy_file_range(directory.get(), nullptr, both.get(), &target, 1, 0), SyscallFailsWithErrno(EISDIR));
  EXPECT_THAT(copy_file_range(pipe.reader.get(), nullptr, both.get(), &target, 1, 0), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RawSyscall(SYS_copy_file_range, both.get(), BadPointer(), both.get(), 0, 1, 0),
              SyscallFailsWithErrno(EFAULT));
}

TEST(SyncFileRangeTest, ChecksItsArguments) {
  TempPath file = TempPath::File("text");
  UniqueFd fd = Open(file.path(), O_RDWR);
  PipeEnds pipe = NewPipe();
  constexpr unsigned kAll = SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;
  EXPECT_THAT(sync_file_range(fd.get(), 0, 0, kAll), SyscallSucceeds());
  EXPECT_THAT(sync_file_range(fd.get(), 0, 4, SYNC_FILE_RANGE_WRITE), SyscallSucceeds());
  EXPECT_THAT(sync_file_range(fd.get(), 0, 4, 8), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(sync_file_range(fd.get(), -1, 4, kAll), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(sync_file_range(fd.get(), 0, -4, kAll), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(sync_file_range(pipe.reader.get(), 0, 4, kAll), SyscallFailsWithErrno(ESPIPE));
  EXPECT_THAT(sync_file_range(-1, 0, 4, kAll), SyscallFailsWithErrno(EBADF));
}

TEST(ReadaheadTest, ChecksItsArguments) {
  TempPath file = TempPath::File("text");
  UniqueFd reader = Open(file.path(), O_RDONLY), writer = Open(file.path(), O_WRONLY);
  PipeEnds pipe = NewPipe();
  EXPECT_THAT(readahead(reader.get(), 0, 4), SyscallSucceeds());
  EXPECT_THAT(readahead(writer.get(), 0, 4), SyscallFailsWithErrno(EBADF));
  EXPECT_THAT(readahead(-1, 0, 4), SyscallFailsWithErrno(EBADF));
  EXPECT_THAT(readahead(pipe.reader.get(), 0, 4), SyscallFailsWithErrno(EINVAL));
}

}  // namespace
}  // namespace tests
