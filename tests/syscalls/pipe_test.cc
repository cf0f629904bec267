// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <gtest/gtest.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "tests/util/fork.h"
#include "tests/util/matchers.h"
#include "tests/util/raw_syscall.h"
#include "tests/util/signals.h"
#include "tests/util/temp_path.h"
#include "tests/util/unique_fd.h"

namespace tests {
namespace {

// Writes until the (non-blocking) pipe is full; returns the number of bytes.
size_t FillPipe(int fd) {
  const std::string block(4096, 'f');
  size_t total = 0;
  ssize_t count;
  while ((count = write(fd, block.data(), block.size())) > 0) total += count;
  EXPECT_EQ(errno, EAGAIN);
  return total;
}

TEST(PipeTest, CarriesBytesInOrder) {
  Pipe pipe = MakePipe();
  EXPECT_THAT(write(pipe.writer.get(), "abc", 3), SyscallSucceedsWithValue(3));
  EXPECT_THAT(write(pipe.writer.get(), "def", 3), SyscallSucceedsWithValue(3));
  char buffer[8];
  EXPECT_THAT(read(pipe.reader.get(), buffer, 4), SyscallSucceedsWithValue(4));
  EXPECT_EQ(std::string(buffer, 4), "abcd");
  EXPECT_THAT(read(pipe.reader.get(), buffer, 8), SyscallSucceedsWithValue(2));
  EXPECT_EQ(std::string(buffer, 2), "ef");
}

TEST(PipeTest, EndsHaveOneDirection) {
  Pipe pipe = MakePipe();
  char byte = 'a';
  EXPECT_THAT(write(pipe.reader.get(), &byte, 1), SyscallFailsWithErrno(EBADF));
  EXPECT_THAT(read(pipe.writer.get(), &byte, 1), SyscallFailsWithErrno(EBADF));
}

TEST(PipeTest, ReadAfterLastWriterClosedDrainsThenEnds) {
  Pipe pipe = MakePipe();
  ASSERT_TRUE(WriteByte(pipe.writer.get(), 'z'));
  pipe.writer.reset();
  char byte = 0;
  EXPECT_THAT(read(pipe.reader.get(), &byte, 1), SyscallSucceedsWithValue(1));
  EXPECT_EQ(byte, 'z');
  EXPECT_THAT(read(pipe.reader.get(), &byte, 1), SyscallSucceedsWithValue(0));
}

TEST(PipeTest, WriteToClosedReaderIsEpipeWhenSigpipeIsIgnored) {
  Pipe pipe = MakePipe();
  pipe.reader.reset();
  ScopedAction ignore(SIGPIPE, SIG_IGN);
  EXPECT_THAT(write(pipe.writer.get(), "a", 1), SyscallFailsWithErrno(EPIPE));
}

TEST(PipeTest, WriteToClosedReaderRaisesSigpipe) {
  Pipe pipe = MakePipe();
  pipe.reader.reset();
  EXPECT_THAT(RunInChild([&] { return static_cast<int>(write(pipe.writer.get(), "a", 1)); }), KilledBy(SIGPIPE));
}

TEST(PipeTest, SigpipeNamesTheThreadThatWrote) {
  static std::atomic<int> calls;
  static std::atomic<pid_t> tid;
  calls = 0;
  ScopedAction action(SIGPIPE, [](int) {
    tid = gettid();
    ++calls;
  });
  Pipe pipe = MakePipe();
  pipe.reader.reset();
  pid_t writer = 0;
  std::thread([&] {
    writer = gettid();
    EXPECT_THAT(write(pipe.writer.get(), "a", 1), SyscallFailsWithErrno(EPIPE));
  }).join();
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(tid, writer);
}

TEST(PipeTest, ZeroByteWriteToClosedReaderSucceeds) {
  Pipe pipe = MakePipe();
  pipe.reader.reset();
  EXPECT_THAT(write(pipe.writer.get(), "", 0), SyscallSucceedsWithValue(0));
}

TEST(PipeTest, NonblockingEmptyReadIsEagain) {
  Pipe pipe = MakePipe(O_NONBLOCK);
  char byte;
  EXPECT_THAT(read(pipe.reader.get(), &byte, 1), SyscallFailsWithErrno(EAGAIN));
}

TEST(PipeTest, ZeroByteReadOfAnEmptyPipeReturnsAtOnce) {
  Pipe pipe = MakePipe();
  char byte;
  EXPECT_THAT(read(pipe.reader.get(), &byte, 0), SyscallSucceedsWithValue(0));
}

TEST(PipeTest, HoldsSixteenPages) {
  Pipe pipe = MakePipe(O_NONBLOCK);
  EXPECT_EQ(FillPipe(pipe.writer.get()), 65536u);
  EXPECT_THAT(write(pipe.writer.get(), "a", 1), SyscallFailsWithErrno(EAGAIN));
}

TEST(PipeTest, NonblockingWriteUpToPipeBufIsAllOrNothing) {
  Pipe pipe = MakePipe(O_NONBLOCK);
  FillPipe(pipe.writer.get());
  std::string buffer(65536, 'x');
  ASSERT_THAT(read(pipe.reader.get(), buffer.data(), 2048), SyscallSucceedsWithValue(2048));
  EXPECT_THAT(write(pipe.writer.get(), buffer.data(), PIPE_BUF), SyscallFailsWithErrno(EAGAIN));
  ASSERT_THAT(read(pipe.reader.get(), buffer.data(), 2048), SyscallSucceedsWithValue(2048));
  EXPECT_THAT(write(pipe.writer.get(), buffer.data(), PIPE_BUF), SyscallSucceedsWithValue(PIPE_BUF));
}

TEST(PipeTest, NonblockingWriteBeyondPipeBufIsPartial) {
  Pipe pipe = MakePipe(O_NONBLOCK);
  const std::string data(65536 + 4096, 'x');
  EXPECT_THAT(write(pipe.writer.get(), data.data(), data.size()), SyscallSucceedsWithValue(65536));
}

TEST(PipeTest, BlockedReaderIsWokenByAWriter) {
  Pipe pipe = MakePipe();
  Child child([&] {
    char byte = 0;
    return ReadByte(pipe.reader.get(), &byte) && byte == 'k' ? 0 : 1;
  });
  ASSERT_TRUE(WriteByte(pipe.writer.get(), 'k'));
  EXPECT_THAT(child.Wait(), ExitedWith(0));
}

TEST(PipeTest, BlockedReaderIsWokenByTheLastClose) {
  Pipe pipe = MakePipe();
  ssize_t result = -2;
  std::thread reader([&] {
    char byte;
    result = read(pipe.reader.get(), &byte, 1);
  });
  pipe.writer.reset();
  reader.join();
  EXPECT_EQ(result, 0);
}

TEST(PipeTest, BlockedWriterGoesOnWhenRoomAppears) {
  Pipe pipe = MakePipe();
  const std::string data(300'000, 'w');
  Child writer(
      [&] { return write(pipe.writer.get(), data.data(), data.size()) == static_cast<ssize_t>(data.size()) ? 0 : 1; });
  pipe.writer.reset();
  std::string received;
  char buffer[10'000];
  for (ssize_t count; (count = read(pipe.reader.get(), buffer, sizeof(buffer))) > 0;) received.append(buffer, count);
  EXPECT_EQ(received.size(), data.size());
  EXPECT_EQ(std::count(received.begin(), received.end(), 'w'), 300'000);
  EXPECT_THAT(writer.Wait(), ExitedWith(0));
}

TEST(PipeTest, WriterBlockedOnAFullPipeGetsEpipeWhenTheReaderGoes) {
  ScopedAction ignore(SIGPIPE, SIG_IGN);
  Pipe pipe = MakePipe(O_NONBLOCK);
  FillPipe(pipe.writer.get());
  ASSERT_THAT(fcntl(pipe.writer.get(), F_SETFL, 0), SyscallSucceeds());
  int error = 0;
  std::thread writer([&] {
    if (write(pipe.writer.get(), "a", 1) == -1) error = errno;
  });
  pipe.reader.reset();
  writer.join();
  EXPECT_EQ(error, EPIPE);
}

TEST(PipeTest, WritesUpToPipeBufFromManyProcessesDoNotMix) {
  constexpr int kWriters = 4;
  constexpr int kRecords = 200;
  Pipe pipe = MakePipe();
  std::vector<Child> writers;
  for (int i = 0; i < kWriters; ++i) {
    writers.emplace_back([&, i] {
      const std::string record(PIPE_BUF, static_cast<char>('a' + i));
      for (int k = 0; k < kRecords; ++k) CHILD_CHECK(write(pipe.writer.get(), record.data(), PIPE_BUF) == PIPE_BUF);
      return 0;
    });
  }
  pipe.writer.reset();
  std::string received;
  char buffer[65536];
  for (ssize_t count; (count = read(pipe.reader.get(), buffer, sizeof(buffer))) > 0;) received.append(buffer, count);
  ASSERT_EQ(received.size(), size_t{kWriters} * kRecords * PIPE_BUF);
  std::map<char, int> records;
  for (size_t at = 0; at < received.size(); at += PIPE_BUF) {
    const std::string record = received.substr(at, PIPE_BUF);
    ASSERT_EQ(record.find_first_not_of(record[0]), std::string::npos) << "a record at " << at << " is mixed";
    ++records[record[0]];
  }
  for (int i = 0; i < kWriters; ++i) EXPECT_EQ(records[static_cast<char>('a' + i)], kRecords);
  for (Child& writer : writers) EXPECT_THAT(writer.Wait(), ExitedWith(0));
}

TEST(PipeTest, FionreadCountsBufferedBytes) {
  Pipe pipe = MakePipe();
  int count = -1;
  ASSERT_THAT(ioctl(pipe.reader.get(), FIONREAD, &count), SyscallSucceeds());
  EXPECT_EQ(count, 0);
  ASSERT_THAT(write(pipe.writer.get(), "abc", 3), SyscallSucceedsWithValue(3));
  ASSERT_THAT(ioctl(pipe.reader.get(), FIONREAD, &count), SyscallSucceeds());
  EXPECT_EQ(count, 3);
}

TEST(PipeTest, UnmappedBufferIsEfaultAndLosesNothing) {
  Pipe pipe = MakePipe();
  ASSERT_TRUE(WriteByte(pipe.writer.get(), 'q'));
  EXPECT_THAT(RawSyscall(SYS_read, pipe.reader.get(), BadPointer(), 1), SyscallFailsWithErrno(EFAULT));
  EXPECT_THAT(RawSyscall(SYS_write, pipe.writer.get(), BadPointer(), 1), SyscallFailsWithErrno(EFAULT));
  char byte = 0;
  EXPECT_THAT(read(pipe.reader.get(), &byte, 1), SyscallSucceedsWithValue(1));
  EXPECT_EQ(byte, 'q');
}

TEST(Pipe2Test, FlagsApplyToBothEnds) {
  Pipe pipe = MakePipe(O_CLOEXEC | O_NONBLOCK);
  for (int fd : {pipe.reader.get(), pipe.writer.get()}) {
    EXPECT_THAT(fcntl(fd, F_GETFD), SyscallSucceedsWithValue(FD_CLOEXEC));
    EXPECT_EQ(fcntl(fd, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
  }
}

TEST(Pipe2Test, UnknownFlagIsEinvalAndUnmappedEfault) {
  int fds[2];
  EXPECT_THAT(RawSyscall(SYS_pipe2, fds, O_APPEND), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RawSyscall(SYS_pipe2, BadPointer(), O_APPEND), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RawSyscall(SYS_pipe2, BadPointer(), 0), SyscallFailsWithErrno(EFAULT));
  EXPECT_THAT(RawSyscall(SYS_pipe, BadPointer()), SyscallFailsWithErrno(EFAULT));
}

TEST(Pipe2Test, FailedCallLeavesNoDescriptor) {
  UniqueFd before = Open("/dev/null", O_RDONLY);
  const int next = before.get();
  before.reset();
  ASSERT_THAT(RawSyscall(SYS_pipe2, BadPointer(), 0), SyscallFailsWithErrno(EFAULT));
  UniqueFd after = Open("/dev/null", O_RDONLY);
  EXPECT_EQ(after.get(), next);
}

TEST(PipeTest, OpenedAgainByItsDescriptorWaitsForNobody) {
  Pipe pipe = MakePipe();
  const std::string reader_name = "/proc/self/fd/" + std::to_string(pipe.reader.get());
  ASSERT_TRUE(WriteByte(pipe.writer.get(), 'p'));
  pipe.writer.reset();
  // Unlike a FIFO, without a writer.
  UniqueFd reader = Open(reader_name, O_RDONLY);
  char byte = 0;
  EXPECT_TRUE(ReadByte(reader.get(), &byte));
  EXPECT_EQ(byte, 'p');
  EXPECT_THAT(read(reader.get(), &byte, 1), SyscallSucceedsWithValue(0));
  pollfd polled{reader.get(), POLLIN, 0};
  EXPECT_THAT(poll(&polled, 1, 0), SyscallSucceedsWithValue(1));
  EXPECT_EQ(polled.revents, POLLHUP);

  Pipe other = MakePipe();
  other.reader.reset();
  const std::string other_name = "/proc/self/fd/" + std::to_string(other.writer.get());
  UniqueFd writer = Open(other_name, O_WRONLY);
  UniqueFd nonblocking = Open(other_name, O_WRONLY | O_NONBLOCK);
}

TEST(FifoTest, OpenBlocksUntilTheOtherEndCame) {
  TempPath name = TempPath::Name();
  ASSERT_THAT(mkfifo(name.c_str(), 0600), SyscallSucceeds());
  Child writer([&] {
    const int fd = open(name.c_str(), O_WRONLY);
    CHILD_CHECK(fd >= 0);
    CHILD_CHECK(WriteByte(fd, 'f'));
    return 0;
  });
  UniqueFd reader = Open(name.path(), O_RDONLY);
  char byte = 0;
  EXPECT_TRUE(ReadByte(reader.get(), &byte));
  EXPECT_EQ(byte, 'f');
  EXPECT_THAT(read(reader.get(), &byte, 1), SyscallSucceedsWithValue(0));
  EXPECT_THAT(writer.Wait(), ExitedWith(0));
}

}  // namespace
}  // namespace tests
