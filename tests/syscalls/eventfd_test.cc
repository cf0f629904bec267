// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>
#include <thread>

#include "tests/util/matchers.h"
#include "tests/util/raw_syscall.h"
#include "tests/util/signals.h"
#include "tests/util/unique_fd.h"

namespace tests {
namespace {

constexpr uint64_t kMax = 0xffff'ffff'ffff'fffe;

ssize_t Add(int fd, uint64_t value) { return write(fd, &value, sizeof(value)); }
ssize_t Take(int fd, uint64_t* value) { return read(fd, value, sizeof(*value)); }

TEST(EventfdTest, ReadReturnsTheSumAndResets) {
  UniqueFd fd(eventfd(5, EFD_NONBLOCK));
  ASSERT_TRUE(fd.ok());
  EXPECT_THAT(Add(fd.get(), 7), SyscallSucceedsWithValue(8));
  uint64_t value = 0;
  EXPECT_THAT(Take(fd.get(), &value), SyscallSucceedsWithValue(8));
  EXPECT_EQ(value, 12u);
  EXPECT_THAT(Take(fd.get(), &value), SyscallFailsWithErrno(EAGAIN));
}

TEST(EventfdTest, SemaphoreGivesOneAtATime) {
  UniqueFd fd(eventfd(2, EFD_NONBLOCK | EFD_SEMAPHORE));
  uint64_t value = 0;
  for (int i = 0; i < 2; ++i) {
    EXPECT_THAT(Take(fd.get(), &value), SyscallSucceedsWithValue(8));
    EXPECT_EQ(value, 1u);
  }
  EXPECT_THAT(Take(fd.get(), &value), SyscallFailsWithErrno(EAGAIN));
}

TEST(EventfdTest, OverflowIsEagainWhenNonblocking) {
  UniqueFd fd(eventfd(0, EFD_NONBLOCK));
  EXPECT_THAT(Add(fd.get(), kMax), SyscallSucceedsWithValue(8));
  EXPECT_THAT(Add(fd.get(), 1), SyscallFailsWithErrno(EAGAIN));
  EXPECT_THAT(Add(fd.get(), 0), SyscallSucceedsWithValue(8));
  uint64_t value = 0;
  EXPECT_THAT(Take(fd.get(), &value), SyscallSucceedsWithValue(8));
  EXPECT_EQ(value, kMax);
}

TEST(EventfdTest, AllOnesIsEinval) {
  UniqueFd fd(eventfd(0, EFD_NONBLOCK));
  EXPECT_THAT(Add(fd.get(), ~uint64_t{0}), SyscallFailsWithErrno(EINVAL));
}

TEST(EventfdTest, ReadsOfEightBytesOrMoreAndWritesOfExactlyEight) {
  UniqueFd fd(eventfd(1, EFD_NONBLOCK));
  uint64_t values[2] = {1, 1};
  EXPECT_THAT(read(fd.get(), values, 7), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(write(fd.get(), values, 7), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(write(fd.get(), values, 16), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(read(fd.get(), values, 16), SyscallSucceedsWithValue(8));
  EXPECT_EQ(values[0], 1u);
}

TEST(EventfdTest, UnmappedBufferIsEfault) {
  UniqueFd fd(eventfd(1, EFD_NONBLOCK));
  EXPECT_THAT(RawSyscall(SYS_write, fd.get(), BadPointer(), 8), SyscallFailsWithErrno(EFAULT));
  EXPECT_THAT(RawSyscall(SYS_read, fd.get(), BadPointer(), 8), SyscallFailsWithErrno(EFAULT));
}

TEST(EventfdTest, PollReflectsTheCounter) {
  UniqueFd fd(eventfd(0, EFD_NONBLOCK));
  pollfd entry = {fd.get(), POLLIN | POLLOUT, 0};
  EXPECT_THAT(poll(&entry, 1, 0), SyscallSucceedsWithValue(1));
  EXPECT_EQ(entry.revents, POLLOUT);
  ASSERT_THAT(Add(fd.get(), 1), SyscallSucceeds());
  EXPECT_THAT(poll(&entry, 1, 0), SyscallSucceedsWithValue(1));
  EXPECT_EQ(entry.revents, POLLIN | POLLOUT);
  ASSERT_THAT(Add(fd.get(), kMax - 1), SyscallSucceeds());
  EXPECT_THAT(poll(&entry, 1, 0), SyscallSucceedsWithValue(1));
  EXPECT_EQ(entry.revents, POLLIN);
}

TEST(EventfdTest, BlockedReaderIsWokenByAWrite) {
  UniqueFd fd(eventfd(0, 0));
  uint64_t value = 0;
  std::thread reader([&] { EXPECT_THAT(Take(fd.get(), &value), SyscallSucceedsWithValue(8)); });
  EXPECT_THAT(Add(fd.get(), 3), SyscallSucceedsWithValue(8));
  reader.join();
  EXPECT_EQ(value, 3u);
}

TEST(EventfdTest, BlockedWriterIsWokenByARead) {
  UniqueFd fd(eventfd(0, 0));
  ASSERT_THAT(Add(fd.get(), kMax), SyscallSucceedsWithValue(8));
  std::thread writer([&] { EXPECT_THAT(Add(fd.get(), 9), SyscallSucceedsWithValue(8)); });
  uint64_t value = 0;
  EXPECT_THAT(Take(fd.get(), &value), SyscallSucceedsWithValue(8));
  EXPECT_EQ(value, kMax);
  writer.join();
  EXPECT_THAT(Take(fd.get(), &value), SyscallSucceedsWithValue(8));
  EXPECT_EQ(value, 9u);
}

TEST(EventfdTest, BlockedReadIsInterruptedBySignal) {
  UniqueFd fd(eventfd(0, 0));
  ScopedAction action(SIGUSR1, [](int) {});
  Pester pester(SIGUSR1);
  uint64_t value = 0;
  EXPECT_THAT(Take(fd.get(), &value), SyscallFailsWithErrno(EINTR));
}

TEST(EventfdTest, SeekDoesNothingAndPositionedReadIsEspipe) {
  UniqueFd fd(eventfd(1, 0));
  uint64_t value;
  EXPECT_THAT(lseek(fd.get(), 100, SEEK_SET), SyscallSucceedsWithValue(0));
  EXPECT_THAT(pread(fd.get(), &value, 8, 0), SyscallFailsWithErrno(ESPIPE));
}

TEST(EventfdTest, UnknownFlagIsEinval) {
  EXPECT_THAT(eventfd(0, 0x10), SyscallFailsWithErrno(EINVAL));
  UniqueFd fd(eventfd(0, EFD_CLOEXEC));
  EXPECT_THAT(fcntl(fd.get(), F_GETFD), SyscallSucceedsWithValue(FD_CLOEXEC));
  EXPECT_EQ(fcntl(fd.get(), F_GETFL) & O_ACCMODE, O_RDWR);
}

}  // namespace
}  // namespace tests
