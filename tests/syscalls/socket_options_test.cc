// SPDX-License-Identifier: Apache-2.0
// getsockopt(2), setsockopt(2) of SOL_SOCKET; readiness of sockets in poll(2) and epoll(7).
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <string>

#include "tests/util/fork.h"
#include "tests/util/matchers.h"
#include "tests/util/raw_syscall.h"
#include "tests/util/sockets.h"
#include "tests/util/unique_fd.h"

namespace tests {
namespace {

constexpr uid_t kSomebody = 12345;

int GetInt(int fd, int name) {
  int value = -77;
  socklen_t length = sizeof(value);
  EXPECT_EQ(getsockopt(fd, SOL_SOCKET, name, &value, &length), 0) << strerror(errno);
  EXPECT_EQ(length, sizeof(value));
  return value;
}
int SetInt(int fd, int name, int value) { return setsockopt(fd, SOL_SOCKET, name, &value, sizeof(value)); }

class SocketOptionsTest : public testing::Test {
 protected:
  UniqueFd socket_ = MakeUnixSocket(SOCK_STREAM);
  int fd_ = socket_.get();
};

TEST_F(SocketOptionsTest, Identity) {
  EXPECT_EQ(GetInt(fd_, SO_TYPE), SOCK_STREAM);
  EXPECT_EQ(GetInt(fd_, SO_DOMAIN), AF_UNIX);
  EXPECT_EQ(GetInt(fd_, SO_PROTOCOL), 0);
  EXPECT_EQ(GetInt(fd_, SO_ERROR), 0);
  EXPECT_EQ(GetInt(fd_, SO_ACCEPTCONN), 0);
  EXPECT_EQ(GetInt(MakeUnixSocket(SOCK_RAW).get(), SO_TYPE), SOCK_DGRAM);
  UniqueFd listener = ListenOn(UnixAddress::Abstract("options-" + std::to_string(getpid())));
  EXPECT_EQ(GetInt(listener.get(), SO_ACCEPTCONN), 1);
  for (int name : {SO_TYPE, SO_DOMAIN, SO_PROTOCOL, SO_ERROR, SO_ACCEPTCONN}) {
    EXPECT_THAT(SetInt(fd_, name, 1), SyscallFailsWithErrno(ENOPROTOOPT)) << name;
  }
}

TEST_F(SocketOptionsTest, FlagsAreKept) {
  for (int name : {SO_REUSEADDR, SO_KEEPALIVE, SO_BROADCAST, SO_OOBINLINE, SO_DONTROUTE, SO_PASSCRED}) {
    EXPECT_EQ(GetInt(fd_, name), 0) << name;
    EXPECT_THAT(SetInt(fd_, name, 5), SyscallSucceeds()) << name;
    EXPECT_EQ(GetInt(fd_, name), 1) << name;
    EXPECT_THAT(SetInt(fd_, name, 0), SyscallSucceeds()) << name;
    EXPECT_EQ(GetInt(fd_, name), 0) << name;
  }
}

TEST_F(SocketOptionsTest, BuffersAreDoubledWithinBounds) {
  for (int name : {SO_SNDBUF, SO_RCVBUF}) {
    EXPECT_THAT(SetInt(fd_, name, 20000), SyscallSucceeds());
    EXPECT_EQ(GetInt(fd_, name), 40000);
    EXPECT_THAT(SetInt(fd_, name, 0), SyscallSucceeds());
    EXPECT_EQ(GetInt(fd_, name), name == SO_SNDBUF ? 4608 : 2304);
  }
  EXPECT_THAT(SetInt(fd_, SO_SNDBUFFORCE, 1 << 24), SyscallSucceeds());
  EXPECT_EQ(GetInt(fd_, SO_SNDBUF), 1 << 25);
  EXPECT_THAT(RunInChild([&] {
                CHILD_CHECK(setuid(kSomebody) == 0);
                CHILD_CHECK_ERRNO(SetInt(fd_, SO_SNDBUFFORCE, 1 << 24), EPERM);
                CHILD_CHECK_ERRNO(SetInt(fd_, SO_MARK, 1), EPERM);
                CHILD_CHECK_ERRNO(SetInt(fd_, SO_PRIORITY, 7), EPERM);
                CHILD_CHECK(SetInt(fd_, SO_PRIORITY, 6) == 0);
                return 0;
              }),
              ExitedWith(0));
}

TEST_F(SocketOptionsTest, Timeouts) {
  for (int name : {SO_RCVTIMEO, SO_SNDTIMEO}) {
    timeval value = {5, 5};
    socklen_t length = sizeof(value);
    EXPECT_THAT(getsockopt(fd_, SOL_SOCKET, name, &value, &length), SyscallSucceeds());
    EXPECT_EQ(value.tv_sec, 0);
    EXPECT_EQ(value.tv_usec, 0);
    value = {3, 500000};
    EXPECT_THAT(setsockopt(fd_, SOL_SOCKET, name, &value, sizeof(value)), SyscallSucceeds());
    value = {};
    EXPECT_THAT(getsockopt(fd_, SOL_SOCKET, name, &value, &length), SyscallSucceeds());
    EXPECT_EQ(value.tv_sec, 3);
    EXPECT_EQ(value.tv_usec, 500000);
    value = {0, 1000000};
    EXPECT_THAT(setsockopt(fd_, SOL_SOCKET, name, &value, sizeof(value)), SyscallFailsWithErrno(EDOM));
    EXPECT_THAT(setsockopt(fd_, SOL_SOCKET, name, &value, 8), SyscallFailsWithErrno(EINVAL));
    value = {-1, 0};
    EXPECT_THAT(setsockopt(fd_, SOL_SOCKET, name, &value, sizeof(value)), SyscallSucceeds());
  }
}

TEST_F(SocketOptionsTest, LingerAndLowWater) {
  linger value = {1, 30};
  socklen_t length = sizeof(value);
  EXPECT_THAT(setsockopt(fd_, SOL_SOCKET, SO_LINGER, &value, sizeof(value)), SyscallSucceeds());
  value = {};
  EXPECT_THAT(getsockopt(fd_, SOL_SOCKET, SO_LINGER, &value, &length), SyscallSucceeds());
  EXPECT_EQ(value.l_onoff, 1);
  EXPECT_EQ(value.l_linger, 30);
  EXPECT_THAT(setsockopt(fd_, SOL_SOCKET, SO_LINGER, &value, 4), SyscallFailsWithErrno(EINVAL));
  EXPECT_EQ(GetInt(fd_, SO_RCVLOWAT), 1);
  EXPECT_THAT(SetInt(fd_, SO_RCVLOWAT, 0), SyscallSucceeds());
  EXPECT_EQ(GetInt(fd_, SO_RCVLOWAT), 1);
  EXPECT_EQ(GetInt(fd_, SO_PEEK_OFF), -1);
}

TEST_F(SocketOptionsTest, Errors) {
  int value = 0;
  socklen_t length = sizeof(value);
  EXPECT_THAT(getsockopt(fd_, SOL_SOCKET, 9999, &value, &length), SyscallFailsWithErrno(ENOPROTOOPT));
  EXPECT_THAT(setsockopt(fd_, SOL_SOCKET, 9999, &value, length), SyscallFailsWithErrno(ENOPROTOOPT));
  EXPECT_THAT(getsockopt(fd_, 77, 1, &value, &length), SyscallFailsWithErrno(EOPNOTSUPP));
  EXPECT_THAT(setsockopt(fd_, 77, 1, &value, length), SyscallFailsWithErrno(EOPNOTSUPP));
  EXPECT_THAT(setsockopt(fd_, SOL_SOCKET, SO_REUSEADDR, &value, 3), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RawSyscall(SYS_setsockopt, fd_, SOL_SOCKET, SO_REUSEADDR, &value, -1), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RawSyscall(SYS_setsockopt, fd_, SOL_SOCKET, SO_REUSEADDR, BadPointer<int>(), 4),
              SyscallFailsWithErrno(EFAULT));
  EXPECT_THAT(RawSyscall(SYS_getsockopt, fd_, SOL_SOCKET, SO_TYPE, BadPointer<int>(), &length),
              SyscallFailsWithErrno(EFAULT));
  length = -1;
  EXPECT_THAT(getsockopt(fd_, SOL_SOCKET, SO_TYPE, &value, &length), SyscallFailsWithErrno(EINVAL));
  // A short buffer gets what fits.
  value = -1;
  length = 1;
  EXPECT_THAT(getsockopt(fd_, SOL_SOCKET, SO_TYPE, &value, &length), SyscallSucceeds());
  EXPECT_EQ(length, 1u);
  EXPECT_EQ(value, static_cast<int>(0xffffff01));
}

short Poll(int fd) {
  pollfd poll_fd = {fd, POLLIN | POLLOUT | POLLRDHUP | POLLPRI | POLLRDNORM | POLLWRNORM, 0};
  EXPECT_GE(poll(&poll_fd, 1, 0), 0);
  return poll_fd.revents;
}

constexpr short kIn = POLLIN | POLLRDNORM;
constexpr short kOut = POLLOUT | POLLWRNORM;

TEST(SocketPollTest, StatesOfAStream) {
  UniqueFd alone = MakeUnixSocket(SOCK_STREAM);
  EXPECT_EQ(Poll(alone.get()), kOut | POLLHUP);
  const UnixAddress address = UnixAddress::Abstract("poll-" + std::to_string(getpid()));
  UniqueFd listener = ListenOn(address);
  EXPECT_EQ(Poll(listener.get()), 0);
  ASSERT_EQ(connect(alone.get(), address.get(), address.length), 0);
  EXPECT_EQ(Poll(listener.get()), kIn);
  EXPECT_EQ(Poll(alone.get()), kOut);
  UniqueFd server(accept(listener.get(), nullptr, nullptr));
  EXPECT_EQ(Poll(listener.get()), 0);
  ASSERT_TRUE(WriteByte(server.get()));
  EXPECT_EQ(Poll(alone.get()), kIn | kOut);
  ASSERT_EQ(shutdown(server.get(), SHUT_WR), 0);
  EXPECT_EQ(Poll(alone.get()), kIn | kOut | POLLRDHUP);
  EXPECT_EQ(Poll(server.get()), kOut);
  ASSERT_EQ(shutdown(alone.get(), SHUT_WR), 0);
  EXPECT_EQ(Poll(alone.get()), kIn | kOut | POLLRDHUP | POLLHUP);
}

TEST(SocketPollTest, ResetIsAnError) {
  SocketPair pair = MakeSocketPair(SOCK_STREAM);
  ASSERT_TRUE(WriteByte(pair.second.get()));
  pair.first.reset();
  EXPECT_EQ(Poll(pair.second.get()), kIn | kOut | POLLRDHUP | POLLHUP | POLLERR);
  EXPECT_EQ(GetInt(pair.second.get(), SO_ERROR), ECONNRESET);
  EXPECT_EQ(GetInt(pair.second.get(), SO_ERROR), 0);
  EXPECT_EQ(Poll(pair.second.get()), kIn | kOut | POLLRDHUP | POLLHUP);
}

TEST(SocketPollTest, Datagrams) {
  UniqueFd alone = MakeUnixSocket(SOCK_DGRAM);
  EXPECT_EQ(Poll(alone.get()), kOut);
  SocketPair pair = MakeSocketPair(SOCK_DGRAM);
  ASSERT_TRUE(WriteByte(pair.first.get()));
  EXPECT_EQ(Poll(pair.second.get()), kIn | kOut);
  pair.first.reset();
  EXPECT_EQ(Poll(pair.second.get()), kIn | kOut);
}

class SocketEpollTest : public testing::Test {
 protected:
  void Watch(int fd, uint32_t events) {
    epoll_event event = {.events = events, .data = {.fd = fd}};
    ASSERT_EQ(epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event), 0);
  }
  uint32_t Wait(int timeout = 0) {
    epoll_event event = {};
    const int count = epoll_wait(epoll_.get(), &event, 1, timeout);
    EXPECT_GE(count, 0);
    return count == 1 ? event.events : 0;
  }

  UniqueFd epoll_{epoll_create1(0)};
  SocketPair pair_ = MakeSocketPair(SOCK_STREAM);
};

TEST_F(SocketEpollTest, EdgesOfReading) {
  Watch(pair_.second.get(), EPOLLIN | EPOLLRDHUP | EPOLLET);
  EXPECT_EQ(Wait(), 0u);
  ASSERT_TRUE(WriteByte(pair_.first.get()));
  EXPECT_EQ(Wait(), static_cast<uint32_t>(EPOLLIN));
  EXPECT_EQ(Wait(), 0u);
  // Another write is another edge, though bytes were there.
  ASSERT_TRUE(WriteByte(pair_.first.get()));
  EXPECT_EQ(Wait(), static_cast<uint32_t>(EPOLLIN));
  ASSERT_TRUE(ReadByte(pair_.second.get()));
  EXPECT_EQ(Wait(), 0u);
  ASSERT_EQ(shutdown(pair_.first.get(), SHUT_WR), 0);
  EXPECT_EQ(Wait(), static_cast<uint32_t>(EPOLLIN | EPOLLRDHUP));
  EXPECT_EQ(Wait(), 0u);
  pair_.first.reset();
  EXPECT_EQ(Wait(), static_cast<uint32_t>(EPOLLIN | EPOLLRDHUP | EPOLLHUP));
}

TEST_F(SocketEpollTest, EdgeOfWriting) {
  const std::string block(4096, 'x');
  size_t sent = 0;
  ssize_t count;
  while ((count = send(pair_.first.get(), block.data(), block.size(), MSG_DONTWAIT)) > 0) sent += count;
  Watch(pair_.first.get(), EPOLLOUT | EPOLLET);
  EXPECT_EQ(Wait(), 0u);
  std::string all(sent, '\0');
  ASSERT_EQ(recv(pair_.second.get(), all.data(), sent, MSG_WAITALL), static_cast<ssize_t>(sent));
  EXPECT_EQ(Wait(), static_cast<uint32_t>(EPOLLOUT));
  EXPECT_EQ(Wait(), 0u);
}

TEST_F(SocketEpollTest, WaiterIsWoken) {
  Watch(pair_.second.get(), EPOLLIN);
  Child child([&] { return WriteByte(pair_.first.get()) ? 0 : 1; });
  EXPECT_EQ(Wait(-1), static_cast<uint32_t>(EPOLLIN));
  EXPECT_THAT(child.Wait(), ExitedWith(0));
}

}  // namespace
}  // namespace tests
