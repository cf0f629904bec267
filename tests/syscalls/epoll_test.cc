// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
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

UniqueFd MakeEpoll() {
  UniqueFd fd(epoll_create1(0));
  EXPECT_TRUE(fd.ok());
  return fd;
}

int Control(const UniqueFd& epoll, int operation, int fd, uint32_t events) {
  epoll_event event = {};
  event.events = events;
  event.data.u64 = 0xabcd'0000'0000'0000 + static_cast<uint64_t>(fd);
  return epoll_ctl(epoll.get(), operation, fd, &event);
}

// What one descriptor reports within the timeout; 0 when nothing does.
uint32_t WaitOne(const UniqueFd& epoll, int timeout = 0) {
  epoll_event events[4] = {};
  const int count = epoll_wait(epoll.get(), events, 4, timeout);
  EXPECT_GE(count, 0);
  EXPECT_LE(count, 1);
  return count == 1 ? events[0].events : 0;
}

TEST(EpollTest, LevelTriggeredReportsUntilDrained) {
  UniqueFd epoll = MakeEpoll();
  Pipe pipe = MakePipe();
  ASSERT_THAT(Control(epoll, EPOLL_CTL_ADD, pipe.reader.get(), EPOLLIN), SyscallSucceeds());
  EXPECT_EQ(WaitOne(epoll), 0u);
  ASSERT_TRUE(WriteByte(pipe.writer.get()));
  EXPECT_EQ(WaitOne(epoll), EPOLLIN + 0u);
  EXPECT_EQ(WaitOne(epoll), EPOLLIN + 0u);
  ASSERT_TRUE(ReadByte(pipe.reader.get()));
  EXPECT_EQ(WaitOne(epoll), 0u);
}

TEST(EpollTest, DataComesBackUntouched) {
  UniqueFd epoll = MakeEpoll();
  Pipe pipe = MakePipe();
  ASSERT_THAT(Control(epoll, EPOLL_CTL_ADD, pipe.writer.get(), EPOLLOUT), SyscallSucceeds());
  epoll_event event = {};
  ASSERT_THAT(epoll_wait(epoll.get(), &event, 1, -1), SyscallSucceedsWithValue(1));
  EXPECT_EQ(event.data.u64, 0xabcd'0000'0000'0000 + static_cast<uint64_t>(pipe.writer.get()));
}

TEST(EpollTest, EdgeTriggeredReportsOncePerEdge) {
  UniqueFd epoll = MakeEpoll();
  Pipe pipe = MakePipe();
  ASSERT_THAT(Control(epoll, EPOLL_CTL_ADD, pipe.reader.get(), EPOLLIN | EPOLLET), SyscallSucceeds());
  ASSERT_TRUE(WriteByte(pipe.writer.get()));
  EXPECT_EQ(WaitOne(epoll), EPOLLIN + 0u);
  EXPECT_EQ(WaitOne(epoll), 0u);
  ASSERT_TRUE(WriteByte(pipe.writer.get()));
  EXPECT_EQ(WaitOne(epoll), EPOLLIN + 0u);
  ASSERT_TRUE(ReadByte(pipe.reader.get()));
  EXPECT_EQ(WaitOne(epoll), 0u);
}

TEST(EpollTest, EdgeTriggeredReportsWhatWasReadyWhenAdded) {
  UniqueFd epoll = MakeEpoll();
  Pipe pipe = MakePipe();
  ASSERT_TRUE(WriteByte(pipe.writer.get()));
  ASSERT_THAT(Control(epoll, EPOLL_CTL_ADD, pipe.reader.get(), EPOLLIN | EPOLLET), SyscallSucceeds());
  EXPECT_EQ(WaitOne(epoll), EPOLLIN + 0u);
  EXPECT_EQ(WaitOne(epoll), 0u);
  ASSERT_THAT(Control(epoll, EPOLL_CTL_MOD, pipe.reader.get(), EPOLLIN | EPOLLET), SyscallSucceeds());
  EXPECT_EQ(WaitOne(epoll), EPOLLIN + 0u);
}

TEST(EpollTest, OneshotIsSilentUntilRearmed) {
  UniqueFd epoll = MakeEpoll();
  Pipe pipe = MakePipe();
  ASSERT_THAT(Control(epoll, EPOLL_CTL_ADD, pipe.reader.get(), EPOLLIN | EPOLLONESHOT), SyscallSucceeds());
  ASSERT_TRUE(WriteByte(pipe.writer.get()));
  EXPECT_EQ(WaitOne(epoll), EPOLLIN + 0u);
  ASSERT_TRUE(WriteByte(pipe.writer.get()));
  EXPECT_EQ(WaitOne(epoll), 0u);
  ASSERT_THAT(Control(epoll, EPOLL_CTL_MOD, pipe.reader.get(), EPOLLIN | EPOLLONESHOT), SyscallSucceeds());
  EXPECT_EQ(WaitOne(epoll), EPOLLIN + 0u);
}

TEST(EpollTest, HangupComesUnasked) {
  UniqueFd epoll = MakeEpoll();
  Pipe pipe = MakePipe();
  ASSERT_THAT(Control(epoll, EPOLL_CTL_ADD, pipe.reader.get(), 0), SyscallSucceeds());
  EXPECT_EQ(WaitOne(epoll), 0u);
  pipe.writer.reset();
  EXPECT_EQ(WaitOne(epoll, -1), EPOLLHUP + 0u);
}

TEST(EpollTest, BlockedWaitIsWokenByAWrite) {
  UniqueFd epoll = MakeEpoll();
  Pipe pipe = MakePipe();
  ASSERT_THAT(Control(epoll, EPOLL_CTL_ADD, pipe.reader.get(), EPOLLIN), SyscallSucceeds());
  uint32_t events = 0;
  std::thread waiter([&] { events = WaitOne(epoll, -1); });
  ASSERT_TRUE(WriteByte(pipe.writer.get()));
  waiter.join();
  EXPECT_EQ(events, EPOLLIN + 0u);
}

TEST(EpollTest, BlockedWaitSeesADescriptorAddedLater) {
  UniqueFd epoll = MakeEpoll();
  Pipe pipe = MakePipe();
  uint32_t events = 0;
  std::thread waiter([&] { events = WaitOne(epoll, -1); });
  ASSERT_THAT(Control(epoll, EPOLL_CTL_ADD, pipe.writer.get(), EPOLLOUT), SyscallSucceeds());
  waiter.join();
  EXPECT_EQ(events, EPOLLOUT + 0u);
}

TEST(EpollTest, DelStopsReports) {
  UniqueFd epoll = MakeEpoll();
  Pipe pipe = MakePipe();
  ASSERT_THAT(Control(epoll, EPOLL_CTL_ADD, pipe.writer.get(), EPOLLOUT), SyscallSucceeds());
  EXPECT_EQ(WaitOne(epoll), EPOLLOUT + 0u);
  EXPECT_THAT(epoll_ctl(epoll.get(), EPOLL_CTL_DEL, pipe.writer.get(), nullptr), SyscallSucceeds());
  EXPECT_EQ(WaitOne(epoll), 0u);
}

TEST(EpollTest, ClosingTheLastDescriptorRemovesTheEntry) {
  UniqueFd epoll = MakeEpoll();
  Pipe pipe = MakePipe();
  ASSERT_THAT(Control(epoll, EPOLL_CTL_ADD, pipe.writer.get(), EPOLLOUT), SyscallSucceeds());
  UniqueFd copy(dup(pipe.writer.get()));
  pipe.writer.reset();
  EXPECT_EQ(WaitOne(epoll), EPOLLOUT + 0u) << "the copy keeps the file, and so the entry, alive";
  copy.reset();
  EXPECT_EQ(WaitOne(epoll), 0u);
}

TEST(EpollTest, ReturnsAtMostMaxEventsAndRotates) {
  UniqueFd epoll = MakeEpoll();
  std::vector<Pipe> pipes;
  for (int i = 0; i < 4; ++i) {
    pipes.push_back(MakePipe());
    ASSERT_THAT(Control(epoll, EPOLL_CTL_ADD, pipes.back().writer.get(), EPOLLOUT), SyscallSucceeds());
  }
  epoll_event events[4] = {};
  EXPECT_THAT(epoll_wait(epoll.get(), events, 4, 0), SyscallSucceedsWithValue(4));
  EXPECT_THAT(epoll_wait(epoll.get(), events, 2, 0), SyscallSucceedsWithValue(2));
  EXPECT_THAT(epoll_wait(epoll.get(), events + 2, 2, 0), SyscallSucceedsWithValue(2));
  EXPECT_NE(events[0].data.u64, events[2].data.u64);
  EXPECT_NE(events[0].data.u64, events[3].data.u64);
}

TEST(EpollTest, NestedEpollIsReadableWhenItsContentIs) {
  UniqueFd inner = MakeEpoll();
  UniqueFd outer = MakeEpoll();
  Pipe pipe = MakePipe();
  ASSERT_THAT(Control(inner, EPOLL_CTL_ADD, pipe.reader.get(), EPOLLIN), SyscallSucceeds());
  ASSERT_THAT(Control(outer, EPOLL_CTL_ADD, inner.get(), EPOLLIN), SyscallSucceeds());
  EXPECT_EQ(WaitOne(outer), 0u);
  ASSERT_TRUE(WriteByte(pipe.writer.get()));
  EXPECT_EQ(WaitOne(outer), EPOLLIN + 0u);
  EXPECT_EQ(WaitOne(inner), EPOLLIN + 0u);
}

TEST(EpollCtlTest, AddTwiceIsEexist) {
  UniqueFd epoll = MakeEpoll();
  Pipe pipe = MakePipe();
  ASSERT_THAT(Control(epoll, EPOLL_CTL_ADD, pipe.reader.get(), EPOLLIN), SyscallSucceeds());
  EXPECT_THAT(Control(epoll, EPOLL_CTL_ADD, pipe.reader.get(), EPOLLIN), SyscallFailsWithErrno(EEXIST));
  UniqueFd copy(dup(pipe.reader.get()));
  EXPECT_THAT(Control(epoll, EPOLL_CTL_ADD, copy.get(), EPOLLIN), SyscallSucceeds());
}

TEST(EpollCtlTest, ModOrDelOfAStrangerIsEnoent) {
  UniqueFd epoll = MakeEpoll();
  Pipe pipe = MakePipe();
  EXPECT_THAT(Control(epoll, EPOLL_CTL_MOD, pipe.reader.get(), EPOLLIN), SyscallFailsWithErrno(ENOENT));
  EXPECT_THAT(Control(epoll, EPOLL_CTL_DEL, pipe.reader.get(), 0), SyscallFailsWithErrno(ENOENT));
}

TEST(EpollCtlTest, RegularFileOrDirectoryIsEperm) {
  UniqueFd epoll = MakeEpoll();
  TempPath file = TempPath::File("");
  UniqueFd fd = Open(file.path(), O_RDONLY);
  EXPECT_THAT(Control(epoll, EPOLL_CTL_ADD, fd.get(), EPOLLIN), SyscallFailsWithErrno(EPERM));
  UniqueFd directory = Open("/tmp", O_RDONLY);
  EXPECT_THAT(Control(epoll, EPOLL_CTL_ADD, directory.get(), EPOLLIN), SyscallFailsWithErrno(EPERM));
}

TEST(EpollCtlTest, ItselfOrNotAnEpollIsEinval) {
  UniqueFd epoll = MakeEpoll();
  Pipe pipe = MakePipe();
  EXPECT_THAT(Control(epoll, EPOLL_CTL_ADD, epoll.get(), EPOLLIN), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(Control(pipe.reader, EPOLL_CTL_ADD, pipe.writer.get(), EPOLLIN), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(Control(epoll, 99, pipe.reader.get(), EPOLLIN), SyscallFailsWithErrno(EINVAL));
}

TEST(EpollCtlTest, BadDescriptorsAreEbadf) {
  UniqueFd epoll = MakeEpoll();
  Pipe pipe = MakePipe();
  epoll_event event = {};
  EXPECT_THAT(epoll_ctl(-1, EPOLL_CTL_ADD, pipe.reader.get(), &event), SyscallFailsWithErrno(EBADF));
  EXPECT_THAT(epoll_ctl(epoll.get(), EPOLL_CTL_ADD, -1, &event), SyscallFailsWithErrno(EBADF));
}

TEST(EpollCtlTest, CycleIsEloop) {
  UniqueFd first = MakeEpoll();
  UniqueFd second = MakeEpoll();
  ASSERT_THAT(Control(first, EPOLL_CTL_ADD, second.get(), EPOLLIN), SyscallSucceeds());
  EXPECT_THAT(Control(second, EPOLL_CTL_ADD, first.get(), EPOLLIN), SyscallFailsWithErrno(ELOOP));
}

TEST(EpollCtlTest, ChainOfMoreThanFiveIsEloop) {
  std::vector<UniqueFd> chain;
  chain.push_back(MakeEpoll());
  while (chain.size() < 10) {
    UniqueFd outer = MakeEpoll();
    if (Control(outer, EPOLL_CTL_ADD, chain.back().get(), EPOLLIN) == -1) break;
    chain.push_back(std::move(outer));
  }
  EXPECT_EQ(errno, ELOOP);
  EXPECT_EQ(chain.size(), 5u);
}

TEST(EpollCtlTest, UnmappedEventIsEfaultExceptForDel) {
  UniqueFd epoll = MakeEpoll();
  Pipe pipe = MakePipe();
  const int fd = pipe.reader.get();
  EXPECT_THAT(RawSyscall(SYS_epoll_ctl, epoll.get(), EPOLL_CTL_ADD, fd, BadPointer()), SyscallFailsWithErrno(EFAULT));
  EXPECT_THAT(RawSyscall(SYS_epoll_ctl, -1, EPOLL_CTL_ADD, fd, BadPointer()), SyscallFailsWithErrno(EFAULT));
  ASSERT_THAT(Control(epoll, EPOLL_CTL_ADD, fd, EPOLLIN), SyscallSucceeds());
  EXPECT_THAT(RawSyscall(SYS_epoll_ctl, epoll.get(), EPOLL_CTL_DEL, fd, BadPointer()), SyscallSucceeds());
}

TEST(EpollCtlTest, ExclusiveAllowsNoModification) {
  UniqueFd epoll = MakeEpoll();
  Pipe pipe = MakePipe();
  ASSERT_THAT(Control(epoll, EPOLL_CTL_ADD, pipe.reader.get(), EPOLLIN | EPOLLEXCLUSIVE), SyscallSucceeds());
  EXPECT_THAT(Control(epoll, EPOLL_CTL_MOD, pipe.reader.get(), EPOLLIN), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(Control(epoll, EPOLL_CTL_ADD, pipe.writer.get(), EPOLLONESHOT | EPOLLEXCLUSIVE),
              SyscallFailsWithErrno(EINVAL));
}

TEST(EpollCreateTest, BadSizeOrFlagIsEinval) {
  EXPECT_THAT(RawSyscall(SYS_epoll_create, 0), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RawSyscall(SYS_epoll_create, -1), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(epoll_create1(1), SyscallFailsWithErrno(EINVAL));
  UniqueFd fd(epoll_create1(EPOLL_CLOEXEC));
  EXPECT_THAT(fcntl(fd.get(), F_GETFD), SyscallSucceedsWithValue(FD_CLOEXEC));
}

TEST(EpollWaitTest, BadArgumentsFail) {
  UniqueFd epoll = MakeEpoll();
  Pipe pipe = MakePipe();
  epoll_event event = {};
  EXPECT_THAT(epoll_wait(epoll.get(), &event, 0, 0), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RawSyscall(SYS_epoll_wait, epoll.get(), &event, -1, 0), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(epoll_wait(pipe.reader.get(), &event, 1, 0), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(epoll_wait(-1, &event, 1, 0), SyscallFailsWithErrno(EBADF));
  EXPECT_THAT(RawSyscall(SYS_epoll_wait, epoll.get(), KernelPointer(), 1, 0), SyscallFailsWithErrno(EFAULT));
}

TEST(EpollWaitTest, UnmappedBufferIsEfaultOnlyWhenThereIsAnEvent) {
  UniqueFd epoll = MakeEpoll();
  Pipe pipe = MakePipe();
  EXPECT_THAT(RawSyscall(SYS_epoll_wait, epoll.get(), BadPointer(), 1, 0), SyscallSucceedsWithValue(0));
  ASSERT_THAT(Control(epoll, EPOLL_CTL_ADD, pipe.writer.get(), EPOLLOUT), SyscallSucceeds());
  EXPECT_THAT(RawSyscall(SYS_epoll_wait, epoll.get(), BadPointer(), 1, 0), SyscallFailsWithErrno(EFAULT));
  EXPECT_EQ(WaitOne(epoll), EPOLLOUT + 0u);
}

TEST(EpollWaitTest, SignalIsEintr) {
  UniqueFd epoll = MakeEpoll();
  ScopedAction action(
      SIGUSR1, [](int) {}, SA_RESTART);
  Pester pester(SIGUSR1);
  epoll_event event = {};
  EXPECT_THAT(epoll_wait(epoll.get(), &event, 1, -1), SyscallFailsWithErrno(EINTR));
}

TEST(EpollPwaitTest, MaskLetsAPendingSignalThrough) {
  static std::atomic<int> calls;
  calls = 0;
  UniqueFd epoll = MakeEpoll();
  ScopedAction action(SIGUSR1, [](int) { ++calls; });
  ScopedMask mask(SIG_BLOCK, {SIGUSR1});
  raise(SIGUSR1);
  const sigset_t empty = SignalSet({});
  epoll_event event = {};
  EXPECT_THAT(epoll_pwait(epoll.get(), &event, 1, -1, &empty), SyscallFailsWithErrno(EINTR));
  EXPECT_EQ(calls, 1);
  EXPECT_THAT(RawSyscall(SYS_epoll_pwait, epoll.get(), &event, 1, 0, &empty, 4), SyscallFailsWithErrno(EINVAL));
}

TEST(EpollPwaitTest, Pwait2TakesATimespec) {
  UniqueFd epoll = MakeEpoll();
  epoll_event event = {};
  const timespec short_time = {0, 1000};
  const timespec bad = {0, -1};
  EXPECT_THAT(RawSyscall(SYS_epoll_pwait2, epoll.get(), &event, 1, &short_time, nullptr, 8),
              SyscallSucceedsWithValue(0));
  EXPECT_THAT(RawSyscall(SYS_epoll_pwait2, epoll.get(), &event, 1, &bad, nullptr, 8), SyscallFailsWithErrno(EINVAL));
}

TEST(EpollTest, EventfdEdgesRepeatWithEachWrite) {
  UniqueFd epoll = MakeEpoll();
  UniqueFd event(eventfd(0, EFD_NONBLOCK));
  ASSERT_TRUE(event.ok());
  ASSERT_THAT(Control(epoll, EPOLL_CTL_ADD, event.get(), EPOLLIN | EPOLLET), SyscallSucceeds());
  EXPECT_EQ(WaitOne(epoll), 0u);
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(eventfd_write(event.get(), 1), 0);
    EXPECT_EQ(WaitOne(epoll), EPOLLIN + 0u);
    EXPECT_EQ(WaitOne(epoll), 0u);
  }
}

TEST(EpollTest, GivesAsManyEventsAsAsked) {
  constexpr int kFiles = 1500;
  rlimit limit = {};
  ASSERT_THAT(getrlimit(RLIMIT_NOFILE, &limit), SyscallSucceeds());
  const rlimit more = {kFiles + 100, limit.rlim_max};
  ASSERT_THAT(setrlimit(RLIMIT_NOFILE, &more), SyscallSucceeds());
  UniqueFd epoll = MakeEpoll();
  std::vector<UniqueFd> files;
  for (int i = 0; i < kFiles; ++i) {
    files.emplace_back(eventfd(1, 0));
    ASSERT_THAT(Control(epoll, EPOLL_CTL_ADD, files.back().get(), EPOLLIN), SyscallSucceeds());
  }
  std::vector<epoll_event> events(kFiles + 1);
  EXPECT_THAT(epoll_wait(epoll.get(), events.data(), kFiles + 1, 0), SyscallSucceedsWithValue(kFiles));
  EXPECT_THAT(epoll_wait(epoll.get(), events.data(), 1100, 0), SyscallSucceedsWithValue(1100));
  EXPECT_THAT(setrlimit(RLIMIT_NOFILE, &limit), SyscallSucceeds());
}

}  // namespace
}  // namespace tests
