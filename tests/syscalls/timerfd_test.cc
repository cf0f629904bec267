// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include <cstdint>
#include <string>

#include "tests/util/matchers.h"
#include "tests/util/raw_syscall.h"
#include "tests/util/signals.h"
#include "tests/util/temp_path.h"
#include "tests/util/unique_fd.h"

namespace tests {
namespace {

constexpr int64_t kMillisecond = 1'000'000;
constexpr int64_t kSecond = 1'000'000'000;

timespec ToTimespec(int64_t ns) { return {ns / kSecond, ns % kSecond}; }
int64_t ToNs(const timespec& time) { return time.tv_sec * kSecond + time.tv_nsec; }

int Set(int fd, int64_t value, int64_t interval, int flags = 0, itimerspec* old = nullptr) {
  const itimerspec wanted = {ToTimespec(interval), ToTimespec(value)};
  return timerfd_settime(fd, flags, &wanted, old);
}

uint64_t Read(int fd) {
  uint64_t ticks = 0;
  EXPECT_THAT(read(fd, &ticks, sizeof(ticks)), SyscallSucceedsWithValue(8));
  return ticks;
}

void Wait(int64_t ns) {
  const timespec pause = ToTimespec(ns);
  nanosleep(&pause, nullptr);
}

struct NamedClock {
  const char* name;
  clockid_t id;
};

class TimerfdClockTest : public ::testing::TestWithParam<NamedClock> {};

TEST_P(TimerfdClockTest, RelativeAndAbsoluteTimesAreReached) {
  UniqueFd fd(timerfd_create(GetParam().id, 0));
  ASSERT_TRUE(fd.ok());
  ASSERT_THAT(Set(fd.get(), kMillisecond, 0), SyscallSucceeds());
  EXPECT_EQ(Read(fd.get()), 1u);
  timespec now{};
  clock_gettime(GetParam().id, &now);
  ASSERT_THAT(Set(fd.get(), ToNs(now) + kMillisecond, 0, TFD_TIMER_ABSTIME), SyscallSucceeds());
  EXPECT_EQ(Read(fd.get()), 1u);
  timespec then{};
  clock_gettime(GetParam().id, &then);
  EXPECT_GE(ToNs(then), ToNs(now) + kMillisecond);
  ASSERT_THAT(Set(fd.get(), 1, 0, TFD_TIMER_ABSTIME), SyscallSucceeds());
  EXPECT_EQ(Read(fd.get()), 1u);
}

INSTANTIATE_TEST_SUITE_P(All, TimerfdClockTest,
                         ::testing::Values(NamedClock{"Realtime", CLOCK_REALTIME},
                                           NamedClock{"Monotonic", CLOCK_MONOTONIC},
                                           NamedClock{"Boottime", CLOCK_BOOTTIME}),
                         [](const auto& info) { return info.param.name; });

TEST(TimerfdTest, ReadCountsExpirationsAndStartsAgain) {
  UniqueFd fd(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK));
  ASSERT_THAT(Set(fd.get(), kMillisecond, kMillisecond), SyscallSucceeds());
  Wait(20 * kMillisecond);
  EXPECT_GE(Read(fd.get()), 15u);
  uint64_t ticks = 0;
  ASSERT_THAT(Set(fd.get(), 100 * kSecond, 0), SyscallSucceeds());
  EXPECT_THAT(read(fd.get(), &ticks, sizeof(ticks)), SyscallFailsWithErrno(EAGAIN));
}

TEST(TimerfdTest, GettimeTellsWhatIsLeft) {
  UniqueFd fd(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK));
  itimerspec now{};
  ASSERT_THAT(timerfd_gettime(fd.get(), &now), SyscallSucceeds());
  EXPECT_EQ(ToNs(now.it_value), 0);
  ASSERT_THAT(Set(fd.get(), 100 * kSecond, 7 * kSecond), SyscallSucceeds());
  ASSERT_THAT(timerfd_gettime(fd.get(), &now), SyscallSucceeds());
  EXPECT_GT(ToNs(now.it_value), 99 * kSecond);
  EXPECT_EQ(ToNs(now.it_interval), 7 * kSecond);
  itimerspec old{};
  ASSERT_THAT(Set(fd.get(), 0, 0, 0, &old), SyscallSucceeds());
  EXPECT_EQ(ToNs(old.it_interval), 7 * kSecond);
  ASSERT_THAT(timerfd_gettime(fd.get(), &now), SyscallSucceeds());
  EXPECT_EQ(ToNs(now.it_value), 0);
}

TEST(TimerfdTest, OnceExpiredItIsNotArmed) {
  UniqueFd fd(timerfd_create(CLOCK_MONOTONIC, 0));
  ASSERT_THAT(Set(fd.get(), 1, 0), SyscallSucceeds());
  EXPECT_EQ(Read(fd.get()), 1u);
  itimerspec now{};
  ASSERT_THAT(timerfd_gettime(fd.get(), &now), SyscallSucceeds());
  EXPECT_EQ(ToNs(now.it_value), 0);
}

TEST(TimerfdTest, PollAndEpollWaitForIt) {
  UniqueFd fd(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK));
  pollfd request = {fd.get(), POLLIN | POLLOUT, 0};
  EXPECT_EQ(poll(&request, 1, 0), 0);
  ASSERT_THAT(Set(fd.get(), kMillisecond, kMillisecond), SyscallSucceeds());
  EXPECT_EQ(poll(&request, 1, -1), 1);
  EXPECT_EQ(request.revents, POLLIN);
  UniqueFd epoll(epoll_create1(0));
  epoll_event event = {EPOLLIN, {.u32 = 5}};
  ASSERT_THAT(epoll_ctl(epoll.get(), EPOLL_CTL_ADD, fd.get(), &event), SyscallSucceeds());
  for (int i = 0; i < 3; ++i) {
    epoll_event got{};
    ASSERT_THAT(epoll_wait(epoll.get(), &got, 1, -1), SyscallSucceedsWithValue(1));
    EXPECT_EQ(got.data.u32, 5u);
    Read(fd.get());
  }
}

TEST(TimerfdTest, EdgeTriggeredEpollSeesEachRound) {
  UniqueFd fd(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK));
  UniqueFd epoll(epoll_create1(0));
  epoll_event event = {EPOLLIN | EPOLLET, {.u32 = 5}};
  ASSERT_THAT(epoll_ctl(epoll.get(), EPOLL_CTL_ADD, fd.get(), &event), SyscallSucceeds());
  ASSERT_THAT(Set(fd.get(), kMillisecond, kMillisecond), SyscallSucceeds());
  for (int i = 0; i < 3; ++i) {
    epoll_event got{};
    ASSERT_THAT(epoll_wait(epoll.get(), &got, 1, -1), SyscallSucceedsWithValue(1));
    Read(fd.get());
  }
}

TEST(TimerfdTest, ABlockedReadIsInterrupted) {
  UniqueFd fd(timerfd_create(CLOCK_MONOTONIC, 0));
  ScopedAction action(SIGUSR1, [](int) {});
  Pester pester(SIGUSR1);
  uint64_t ticks = 0;
  EXPECT_THAT(read(fd.get(), &ticks, sizeof(ticks)), SyscallFailsWithErrno(EINTR));
}

TEST(TimerfdTest, FdinfoTellsClockAndInterval) {
  UniqueFd fd(timerfd_create(CLOCK_BOOTTIME, 0));
  ASSERT_THAT(Set(fd.get(), 100 * kSecond, 7 * kSecond), SyscallSucceeds());
  std::string text = ReadWholeFile("/proc/self/fdinfo/" + std::to_string(fd.get()));
  EXPECT_NE(text.find("clockid: 7\nticks: 0\nsettime flags: 00\n"), std::string::npos) << text;
  EXPECT_NE(text.find("it_interval: (7, 0)\n"), std::string::npos) << text;
}

TEST(TimerfdTest, CreateErrors) {
  EXPECT_THAT(timerfd_create(CLOCK_TAI, 0), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(timerfd_create(CLOCK_PROCESS_CPUTIME_ID, 0), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(timerfd_create(77, 0), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(timerfd_create(CLOCK_MONOTONIC, 1), SyscallFailsWithErrno(EINVAL));
}

TEST(TimerfdTest, SettimeAndGettimeErrors) {
  UniqueFd fd(timerfd_create(CLOCK_MONOTONIC, 0));
  UniqueFd other = Open("/dev/null", O_RDWR);
  const itimerspec value = {};
  EXPECT_THAT(Set(fd.get(), 1, 0, 0x10), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(Set(fd.get(), -1, 0), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(Set(fd.get(), 1, -1), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(Set(other.get(), 1, 0), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(Set(-1, 1, 0), SyscallFailsWithErrno(EBADF));
  EXPECT_THAT(RawSyscall(SYS_timerfd_settime, fd.get(), 0, BadPointer(), nullptr), SyscallFailsWithErrno(EFAULT));
  EXPECT_THAT(RawSyscall(SYS_timerfd_settime, fd.get(), 0, &value, BadPointer()), SyscallFailsWithErrno(EFAULT));
  itimerspec now{};
  EXPECT_THAT(timerfd_gettime(other.get(), &now), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(timerfd_gettime(-1, &now), SyscallFailsWithErrno(EBADF));
  EXPECT_THAT(RawSyscall(SYS_timerfd_gettime, fd.get(), BadPointer()), SyscallFailsWithErrno(EFAULT));
}

TEST(TimerfdTest, ReadAndWriteErrors) {
  UniqueFd fd(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK));
  uint64_t ticks = 0;
  EXPECT_THAT(read(fd.get(), &ticks, 7), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(write(fd.get(), &ticks, 8), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(lseek(fd.get(), 5, SEEK_SET), SyscallSucceedsWithValue(0));
  ASSERT_THAT(Set(fd.get(), 1, 0, TFD_TIMER_ABSTIME), SyscallSucceeds());
  EXPECT_THAT(RawSyscall(SYS_read, fd.get(), BadPointer(), 8), SyscallFailsWithErrno(EFAULT));
}

}  // namespace
}  // namespace tests
