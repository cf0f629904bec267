// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <unistd.h>

#include <atomic>
#include <thread>
#include <vector>

#include "tests/util/fork.h"
#include "tests/util/mapping.h"
#include "tests/util/matchers.h"
#include "tests/util/raw_syscall.h"
#include "tests/util/signals.h"
#include "tests/util/temp_path.h"
#include "tests/util/unique_fd.h"

namespace tests {
namespace {

short PollOne(int fd, short events, int timeout = 0) {
  pollfd entry = {fd, events, 0};
  const int count = poll(&entry, 1, timeout);
  EXPECT_EQ(count, entry.revents != 0 ? 1 : 0);
  return entry.revents;
}

TEST(PollTest, PipeEndsReportTheirReadiness) {
  Pipe pipe = MakePipe();
  EXPECT_EQ(PollOne(pipe.reader.get(), POLLIN), 0);
  EXPECT_EQ(PollOne(pipe.writer.get(), POLLOUT), POLLOUT);
  ASSERT_TRUE(WriteByte(pipe.writer.get()));
  EXPECT_EQ(PollOne(pipe.reader.get(), POLLIN | POLLRDNORM), POLLIN | POLLRDNORM);
  EXPECT_EQ(PollOne(pipe.reader.get(), POLLOUT), 0);
}

TEST(PollTest, FullPipeIsNotWritable) {
  Pipe pipe = MakePipe(O_NONBLOCK);
  const std::string block(65536, 'x');
  ASSERT_THAT(write(pipe.writer.get(), block.data(), block.size()), SyscallSucceedsWithValue(65536));
  EXPECT_EQ(PollOne(pipe.writer.get(), POLLOUT), 0);
}

TEST(PollTest, HangupAndErrorComeUnasked) {
  Pipe pipe = MakePipe();
  Pipe other = MakePipe();
  pipe.writer.reset();
  EXPECT_EQ(PollOne(pipe.reader.get(), 0), POLLHUP);
  EXPECT_EQ(PollOne(pipe.reader.get(), POLLIN), POLLHUP);
  other.reader.reset();
  EXPECT_EQ(PollOne(other.writer.get(), POLLOUT), POLLOUT | POLLERR);
}

TEST(PollTest, HangupComesWithTheRemainingData) {
  Pipe pipe = MakePipe();
  ASSERT_TRUE(WriteByte(pipe.writer.get()));
  pipe.writer.reset();
  EXPECT_EQ(PollOne(pipe.reader.get(), POLLIN), POLLIN | POLLHUP);
}

TEST(PollTest, ClosedDescriptorIsNvalAndNegativeIgnored) {
  Pipe pipe = MakePipe();
  const int closed = pipe.writer.get();
  pipe.writer.reset();
  pollfd entries[] = {{closed, POLLOUT, 0}, {-1, POLLIN, 77}};
  EXPECT_THAT(poll(entries, 2, -1), SyscallSucceedsWithValue(1));
  EXPECT_EQ(entries[0].revents, POLLNVAL);
  EXPECT_EQ(entries[1].revents, 0);
}

TEST(PollTest, RegularFileIsAlwaysReady) {
  TempPath file = TempPath::File("");
  UniqueFd fd = Open(file.path(), O_RDONLY);
  EXPECT_EQ(PollOne(fd.get(), POLLIN | POLLOUT), POLLIN | POLLOUT);
}

TEST(PollTest, TimeoutElapsesWithNothingReady) {
  Pipe pipe = MakePipe();
  timespec before;
  timespec after;
  clock_gettime(CLOCK_MONOTONIC, &before);
  EXPECT_EQ(PollOne(pipe.reader.get(), POLLIN, 20), 0);
  clock_gettime(CLOCK_MONOTONIC, &after);
  EXPECT_GE((after.tv_sec - before.tv_sec) * 1000 + (after.tv_nsec - before.tv_nsec) / 1'000'000, 19);
  EXPECT_THAT(poll(nullptr, 0, 1), SyscallSucceedsWithValue(0));
}

TEST(PollTest, BlockedCallIsWokenByAWrite) {
  Pipe pipe = MakePipe();
  short revents = 0;
  std::thread poller([&] { revents = PollOne(pipe.reader.get(), POLLIN, -1); });
  ASSERT_TRUE(WriteByte(pipe.writer.get()));
  poller.join();
  EXPECT_EQ(revents, POLLIN);
}

TEST(PollTest, SignalIsEintrEvenWithSaRestart) {
  Pipe pipe = MakePipe();
  ScopedAction action(
      SIGUSR1, [](int) {}, SA_RESTART);
  Pester pester(SIGUSR1);
  pollfd entry = {pipe.reader.get(), POLLIN, 0};
  EXPECT_THAT(poll(&entry, 1, -1), SyscallFailsWithErrno(EINTR));
}

TEST(PollTest, UnmappedArrayIsEfaultAndTooManyEinval) {
  EXPECT_THAT(RawSyscall(SYS_poll, BadPointer(), 1, 0), SyscallFailsWithErrno(EFAULT));
  rlimit limit = {};
  ASSERT_THAT(getrlimit(RLIMIT_NOFILE, &limit), SyscallSucceeds());
  EXPECT_THAT(RawSyscall(SYS_poll, BadPointer(), limit.rlim_cur + 1, 0), SyscallFailsWithErrno(EINVAL));
}

TEST(PollTest, ReadOnlyArrayIsEfaultForTheResults) {
  Mapping page = Mapping::Anonymous(kPageSize);
  Pipe pipe = MakePipe();
  *page.as<pollfd>() = {pipe.writer.get(), POLLOUT, 0};
  ASSERT_THAT(mprotect(page.get(), kPageSize, PROT_READ), SyscallSucceeds());
  EXPECT_THAT(RawSyscall(SYS_poll, page.get(), 1, 0), SyscallFailsWithErrno(EFAULT));
}

TEST(PpollTest, MaskIsInForceOnlyDuringTheCall) {
  static std::atomic<int> calls;
  calls = 0;
  ScopedAction action(SIGUSR1, [](int) { ++calls; });
  ScopedMask mask(SIG_BLOCK, {SIGUSR1});
  raise(SIGUSR1);
  EXPECT_EQ(calls, 0);
  const sigset_t empty = SignalSet({});
  EXPECT_THAT(ppoll(nullptr, 0, nullptr, &empty), SyscallFailsWithErrno(EINTR));
  EXPECT_EQ(calls, 1);
  sigset_t now;
  ASSERT_EQ(pthread_sigmask(SIG_SETMASK, nullptr, &now), 0);
  EXPECT_TRUE(sigismember(&now, SIGUSR1));
}

TEST(PpollTest, BadTimeoutOrMaskFails) {
  const timespec negative = {-1, 0};
  const timespec overflow = {0, 1'000'000'000};
  const timespec zero = {0, 0};
  sigset_t set = SignalSet({});
  EXPECT_THAT(RawSyscall(SYS_ppoll, nullptr, 0, &negative, nullptr, 8), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RawSyscall(SYS_ppoll, nullptr, 0, &overflow, nullptr, 8), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RawSyscall(SYS_ppoll, nullptr, 0, BadPointer(), nullptr, 8), SyscallFailsWithErrno(EFAULT));
  EXPECT_THAT(RawSyscall(SYS_ppoll, nullptr, 0, &zero, &set, 4), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RawSyscall(SYS_ppoll, nullptr, 0, &zero, BadPointer(), 8), SyscallFailsWithErrno(EFAULT));
}

TEST(SelectTest, ReportsReadableAndWritableSets) {
  Pipe pipe = MakePipe();
  fd_set readers;
  fd_set writers;
  const int top = std::max(pipe.reader.get(), pipe.writer.get()) + 1;
  FD_ZERO(&readers);
  FD_ZERO(&writers);
  FD_SET(pipe.reader.get(), &readers);
  FD_SET(pipe.writer.get(), &writers);
  EXPECT_THAT(select(top, &readers, &writers, nullptr, nullptr), SyscallSucceedsWithValue(1));
  EXPECT_FALSE(FD_ISSET(pipe.reader.get(), &readers));
  EXPECT_TRUE(FD_ISSET(pipe.writer.get(), &writers));
  ASSERT_TRUE(WriteByte(pipe.writer.get()));
  FD_SET(pipe.reader.get(), &readers);
  EXPECT_THAT(select(top, &readers, &writers, nullptr, nullptr), SyscallSucceedsWithValue(2));
  EXPECT_TRUE(FD_ISSET(pipe.reader.get(), &readers));
}

TEST(SelectTest, TimeoutClearsTheSets) {
  Pipe pipe = MakePipe();
  fd_set readers;
  FD_ZERO(&readers);
  FD_SET(pipe.reader.get(), &readers);
  timeval timeout = {0, 1000};
  EXPECT_THAT(select(pipe.reader.get() + 1, &readers, nullptr, nullptr, &timeout), SyscallSucceedsWithValue(0));
  EXPECT_FALSE(FD_ISSET(pipe.reader.get(), &readers));
  EXPECT_EQ(timeout.tv_sec, 0);
  EXPECT_EQ(timeout.tv_usec, 0);
}

TEST(SelectTest, BadDescriptorIsEbadf) {
  fd_set readers;
  FD_ZERO(&readers);
  UniqueFd fd = Open("/tmp", O_RDONLY);
  const int closed = fd.get();
  fd.reset();
  FD_SET(closed, &readers);
  EXPECT_THAT(select(closed + 1, &readers, nullptr, nullptr, nullptr), SyscallFailsWithErrno(EBADF));
}

TEST(SelectTest, BadCountOrTimeoutIsEinval) {
  timeval negative = {-1, 0};
  EXPECT_THAT(RawSyscall(SYS_select, -1, nullptr, nullptr, nullptr, nullptr), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RawSyscall(SYS_select, 0, nullptr, nullptr, nullptr, &negative), SyscallFailsWithErrno(EINVAL));
}

TEST(SelectTest, UnmappedSetOrTimeoutIsEfault) {
  EXPECT_THAT(RawSyscall(SYS_select, 1, BadPointer(), nullptr, nullptr, nullptr), SyscallFailsWithErrno(EFAULT));
  EXPECT_THAT(RawSyscall(SYS_select, 0, nullptr, nullptr, nullptr, BadPointer()), SyscallFailsWithErrno(EFAULT));
}

TEST(PselectTest, MaskLetsAPendingSignalThrough) {
  static std::atomic<int> calls;
  calls = 0;
  ScopedAction action(SIGUSR1, [](int) { ++calls; });
  ScopedMask mask(SIG_BLOCK, {SIGUSR1});
  raise(SIGUSR1);
  const sigset_t empty = SignalSet({});
  EXPECT_THAT(pselect(0, nullptr, nullptr, nullptr, nullptr, &empty), SyscallFailsWithErrno(EINTR));
  EXPECT_EQ(calls, 1);
}

TEST(PselectTest, HighDescriptorWorks) {
  Pipe pipe = MakePipe();
  UniqueFd high(fcntl(pipe.writer.get(), F_DUPFD, 900));
  ASSERT_TRUE(high.ok());
  fd_set writers;
  FD_ZERO(&writers);
  FD_SET(high.get(), &writers);
  const timespec zero = {0, 0};
  EXPECT_THAT(pselect(high.get() + 1, nullptr, &writers, nullptr, &zero, nullptr), SyscallSucceedsWithValue(1));
  EXPECT_TRUE(FD_ISSET(high.get(), &writers));
}

}  // namespace
}  // namespace tests
