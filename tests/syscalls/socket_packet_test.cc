// SPDX-License-Identifier: Apache-2.0
// AF_UNIX datagrams and sequenced packets.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>

#include <string>
#include <thread>

#include "tests/util/matchers.h"
#include "tests/util/raw_syscall.h"
#include "tests/util/signals.h"
#include "tests/util/sockets.h"
#include "tests/util/unique_fd.h"

namespace tests {
namespace {

UnixAddress Unique(const char* what) {
  return UnixAddress::Abstract(std::string(what) + "-" + std::to_string(getpid()));
}
int Bind(const UniqueFd& fd, const UnixAddress& address) { return bind(fd.get(), address.get(), address.length); }
int Connect(const UniqueFd& fd, const UnixAddress& address) { return connect(fd.get(), address.get(), address.length); }

std::string Receive(int fd, size_t size, int flags = 0) {
  std::string text(size, '\0');
  const ssize_t count = recv(fd, text.data(), size, flags);
  EXPECT_GE(count, 0) << strerror(errno);
  text.resize(count < 0 ? 0 : std::min<size_t>(count, size));
  return text;
}

// Gives each message a buffer of its own.
void Point(mmsghdr* messages, iovec* vectors, int count) {
  for (int i = 0; i < count; ++i) {
    messages[i].msg_hdr.msg_iov = &vectors[i];
    messages[i].msg_hdr.msg_iovlen = 1;
  }
}

class SocketPacketTest : public testing::TestWithParam<int> {
 protected:
  SocketPair pair_ = MakeSocketPair(GetParam());
  int a_ = pair_.first.get();
  int b_ = pair_.second.get();
};

TEST_P(SocketPacketTest, KeepsBorders) {
  EXPECT_THAT(send(a_, "one", 3, 0), SyscallSucceedsWithValue(3));
  EXPECT_THAT(write(a_, "second", 6), SyscallSucceedsWithValue(6));
  EXPECT_THAT(send(a_, "", 0, 0), SyscallSucceedsWithValue(0));
  EXPECT_EQ(Receive(b_, 10), "one");
  int unread = 0;
  EXPECT_THAT(ioctl(b_, FIONREAD, &unread), SyscallSucceeds());
  EXPECT_EQ(unread, 6);
  EXPECT_EQ(Receive(b_, 3), "sec");
  char byte;
  EXPECT_THAT(recv(b_, &byte, 1, MSG_DONTWAIT), SyscallSucceedsWithValue(0));
  EXPECT_THAT(recv(b_, &byte, 1, MSG_DONTWAIT), SyscallFailsWithErrno(EAGAIN));
}

TEST_P(SocketPacketTest, TruncationIsReported) {
  EXPECT_THAT(send(a_, "abcdef", 6, 0), SyscallSucceedsWithValue(6));
  char buffer[4];
  EXPECT_THAT(recv(b_, buffer, 4, MSG_PEEK | MSG_TRUNC), SyscallSucceedsWithValue(6));
  Message message(4);
  EXPECT_THAT(recvmsg(b_, message.get(), 0), SyscallSucceedsWithValue(4));
  EXPECT_EQ(message.get()->msg_flags, MSG_TRUNC);
  EXPECT_EQ(message.data(), "abcd");
  EXPECT_THAT(send(a_, "xy", 2, 0), SyscallSucceedsWithValue(2));
  Message whole(4);
  EXPECT_THAT(recvmsg(b_, whole.get(), MSG_CMSG_CLOEXEC), SyscallSucceedsWithValue(2));
  EXPECT_EQ(whole.get()->msg_flags, MSG_CMSG_CLOEXEC);
}

TEST_P(SocketPacketTest, PeekOffsetCountsAcrossPackets) {
  const int offset = 0;
  EXPECT_THAT(setsockopt(b_, SOL_SOCKET, SO_PEEK_OFF, &offset, sizeof(offset)), SyscallSucceeds());
  EXPECT_THAT(send(a_, "abc", 3, 0), SyscallSucceedsWithValue(3));
  EXPECT_THAT(send(a_, "def", 3, 0), SyscallSucceedsWithValue(3));
  EXPECT_EQ(Receive(b_, 2, MSG_PEEK), "ab");
  EXPECT_EQ(Receive(b_, 2, MSG_PEEK), "c");
  EXPECT_EQ(Receive(b_, 9, MSG_PEEK), "def");
  EXPECT_EQ(Receive(b_, 9), "abc");
  EXPECT_EQ(Receive(b_, 9), "def");
}

TEST_P(SocketPacketTest, TooLongAndFull) {
  int size = 0;
  socklen_t length = sizeof(size);
  ASSERT_THAT(getsockopt(a_, SOL_SOCKET, SO_SNDBUF, &size, &length), SyscallSucceeds());
  std::string data(size, 'x');
  EXPECT_THAT(send(a_, data.data(), size, 0), SyscallFailsWithErrno(EMSGSIZE));
  EXPECT_THAT(send(a_, data.data(), size - 32, 0), SyscallSucceedsWithValue(size - 32));
  EXPECT_EQ(Receive(b_, size).size(), size - 32u);
  int packets = 0;
  while (send(a_, data.data(), 4096, MSG_DONTWAIT) > 0) ++packets;
  EXPECT_EQ(errno, EAGAIN);
  EXPECT_GT(packets, 10);
  pollfd poll_fd = {a_, POLLOUT, 0};
  EXPECT_EQ(poll(&poll_fd, 1, 0), 0);
  std::thread sender([&] { EXPECT_THAT(send(a_, "end", 3, 0), SyscallSucceedsWithValue(3)); });
  for (int i = 0; i < packets; ++i) EXPECT_EQ(Receive(b_, 4096).size(), 4096u);
  sender.join();
  EXPECT_EQ(Receive(b_, 10), "end");
}

TEST_P(SocketPacketTest, BadBufferLosesThePacket) {
  EXPECT_THAT(send(a_, "lost", 4, 0), SyscallSucceedsWithValue(4));
  EXPECT_THAT(send(a_, "kept", 4, 0), SyscallSucceedsWithValue(4));
  EXPECT_THAT(RawSyscall(SYS_recvfrom, b_, BadPointer<char>(), 4, 0, 0, 0), SyscallFailsWithErrno(EFAULT));
  EXPECT_EQ(Receive(b_, 4), "kept");
  EXPECT_THAT(RawSyscall(SYS_sendto, a_, BadPointer<char>(), 4, 0, 0, 0), SyscallFailsWithErrno(EFAULT));
}

TEST_P(SocketPacketTest, SeveralMessagesInOneCall) {
  char in[4][4] = {"a", "bb", "ccc", ""};
  iovec vectors[4] = {{in[0], 1}, {in[1], 2}, {in[2], 3}, {in[3], 0}};
  mmsghdr messages[4] = {};
  Point(messages, vectors, 4);
  EXPECT_THAT(sendmmsg(a_, messages, 4, 0), SyscallSucceedsWithValue(4));
  EXPECT_EQ(messages[2].msg_len, 3u);
  char out[6][4] = {};
  iovec targets[6];
  mmsghdr received[6] = {};
  for (int i = 0; i < 6; ++i) targets[i] = {out[i], 4};
  Point(received, targets, 6);
  EXPECT_THAT(recvmmsg(b_, received, 3, 0, nullptr), SyscallSucceedsWithValue(3));
  EXPECT_EQ(received[1].msg_len, 2u);
  EXPECT_STREQ(out[2], "ccc");
  EXPECT_THAT(recvmmsg(b_, received, 6, MSG_WAITFORONE, nullptr), SyscallSucceedsWithValue(1));
  EXPECT_THAT(recvmmsg(b_, received, 6, MSG_DONTWAIT, nullptr), SyscallFailsWithErrno(EAGAIN));
  timespec bad = {-1, 0};
  EXPECT_THAT(recvmmsg(b_, received, 6, 0, &bad), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(sendmmsg(a_, messages, 0, 0), SyscallSucceedsWithValue(0));
  EXPECT_THAT(RawSyscall(SYS_sendmmsg, a_, BadPointer<mmsghdr>(), 1, 0), SyscallFailsWithErrno(EFAULT));
}

TEST_P(SocketPacketTest, TooManyBuffers) {
  iovec vector = {};
  msghdr message = {};
  message.msg_iov = &vector;
  message.msg_iovlen = 1025;
  EXPECT_THAT(sendmsg(a_, &message, 0), SyscallFailsWithErrno(EMSGSIZE));
  EXPECT_THAT(recvmsg(b_, &message, 0), SyscallFailsWithErrno(EMSGSIZE));
}

INSTANTIATE_TEST_SUITE_P(Types, SocketPacketTest, testing::Values(SOCK_DGRAM, SOCK_SEQPACKET),
                         [](const auto& info) { return info.param == SOCK_DGRAM ? "Datagram" : "Seqpacket"; });

TEST(SeqpacketTest, EndAndBrokenPipe) {
  SocketPair pair = MakeSocketPair(SOCK_SEQPACKET);
  EXPECT_THAT(send(pair.first.get(), "last", 4, 0), SyscallSucceedsWithValue(4));
  pair.first.reset();
  EXPECT_EQ(Receive(pair.second.get(), 9), "last");
  EXPECT_EQ(Receive(pair.second.get(), 9), "");
  EXPECT_EQ(Receive(pair.second.get(), 9, MSG_DONTWAIT), "");
  // No SIGPIPE: that is for streams.
  EXPECT_THAT(send(pair.second.get(), "x", 1, 0), SyscallFailsWithErrno(EPIPE));
  UniqueFd alone = MakeUnixSocket(SOCK_SEQPACKET);
  char byte = 0;
  EXPECT_THAT(send(alone.get(), &byte, 1, 0), SyscallFailsWithErrno(ENOTCONN));
  EXPECT_THAT(recv(alone.get(), &byte, 1, 0), SyscallFailsWithErrno(ENOTCONN));
}

TEST(DatagramTest, SenderIsNamed) {
  UniqueFd server = MakeUnixSocket(SOCK_DGRAM);
  UniqueFd client = MakeUnixSocket(SOCK_DGRAM);
  const UnixAddress server_name = Unique("server"), client_name = Unique("client");
  ASSERT_THAT(Bind(server, server_name), SyscallSucceeds());
  char byte = 'x';
  EXPECT_THAT(send(client.get(), &byte, 1, 0), SyscallFailsWithErrno(ENOTCONN));
  EXPECT_THAT(sendto(client.get(), &byte, 1, 0, client_name.get(), client_name.length),
              SyscallFailsWithErrno(ECONNREFUSED));
  EXPECT_THAT(sendto(client.get(), &byte, 1, 0, server_name.get(), server_name.length), SyscallSucceedsWithValue(1));
  UnixAddress from;
  from.length = sizeof(from.name);
  EXPECT_THAT(recvfrom(server.get(), &byte, 1, 0, from.get(), &from.length), SyscallSucceedsWithValue(1));
  EXPECT_EQ(from.length, 0u);
  ASSERT_THAT(Bind(client, client_name), SyscallSucceeds());
  EXPECT_THAT(sendto(client.get(), &byte, 1, 0, server_name.get(), server_name.length), SyscallSucceedsWithValue(1));
  from.length = sizeof(from.name);
  EXPECT_THAT(recvfrom(server.get(), &byte, 1, 0, from.get(), &from.length), SyscallSucceedsWithValue(1));
  EXPECT_EQ(from.bytes(), client_name.bytes());
}

TEST(DatagramTest, ConnectedSocketHearsItsPeerOnly) {
  UniqueFd one = MakeUnixSocket(SOCK_DGRAM), two = MakeUnixSocket(SOCK_DGRAM), stranger = MakeUnixSocket(SOCK_DGRAM);
  const UnixAddress first = Unique("first"), second = Unique("second");
  ASSERT_THAT(Bind(one, first), SyscallSucceeds());
  ASSERT_THAT(Bind(two, second), SyscallSucceeds());
  ASSERT_THAT(Connect(one, second), SyscallSucceeds());
  EXPECT_THAT(sendto(stranger.get(), "x", 1, 0, first.get(), first.length), SyscallFailsWithErrno(EPERM));
  EXPECT_THAT(Connect(stranger, first), SyscallFailsWithErrno(EPERM));
  EXPECT_THAT(Connect(two, first), SyscallSucceeds());
  EXPECT_THAT(send(two.get(), "hi", 2, 0), SyscallSucceedsWithValue(2));
  EXPECT_EQ(Receive(one.get(), 9), "hi");
  const sockaddr unspecific = {.sa_family = AF_UNSPEC, .sa_data = {}};
  EXPECT_THAT(connect(one.get(), &unspecific, sizeof(unspecific)), SyscallSucceeds());
  EXPECT_THAT(send(one.get(), "x", 1, 0), SyscallFailsWithErrno(ENOTCONN));
  EXPECT_THAT(sendto(stranger.get(), "now", 3, 0, first.get(), first.length), SyscallSucceedsWithValue(3));
  EXPECT_EQ(Receive(one.get(), 9), "now");
}

TEST(DatagramTest, ClosedPeerRefusesThenIsForgotten) {
  SocketPair pair = MakeSocketPair(SOCK_DGRAM);
  EXPECT_THAT(send(pair.first.get(), "left", 4, 0), SyscallSucceedsWithValue(4));
  pair.first.reset();
  EXPECT_EQ(Receive(pair.second.get(), 9), "left");
  EXPECT_THAT(send(pair.second.get(), "x", 1, 0), SyscallFailsWithErrno(ECONNREFUSED));
  EXPECT_THAT(send(pair.second.get(), "x", 1, 0), SyscallFailsWithErrno(ENOTCONN));
}

TEST(DatagramTest, ShutdownOfReadingStopsSenders) {
  SocketPair pair = MakeSocketPair(SOCK_DGRAM);
  EXPECT_THAT(shutdown(pair.first.get(), SHUT_RD), SyscallSucceeds());
  EXPECT_THAT(send(pair.second.get(), "x", 1, 0), SyscallFailsWithErrno(EPIPE));
  char byte;
  EXPECT_THAT(recv(pair.first.get(), &byte, 1, MSG_DONTWAIT), SyscallFailsWithErrno(EAGAIN));
  EXPECT_THAT(recv(pair.first.get(), &byte, 1, 0), SyscallSucceedsWithValue(0));
  EXPECT_THAT(shutdown(pair.second.get(), SHUT_WR), SyscallSucceeds());
  EXPECT_THAT(send(pair.second.get(), "x", 1, 0), SyscallFailsWithErrno(EPIPE));
}

TEST(DatagramTest, FullReceiverHoldsSendersBack) {
  UniqueFd server = MakeUnixSocket(SOCK_DGRAM);
  const UnixAddress name = Unique("busy");
  ASSERT_THAT(Bind(server, name), SyscallSucceeds());
  UniqueFd client = MakeUnixSocket(SOCK_DGRAM);
  ASSERT_THAT(Connect(client, name), SyscallSucceeds());
  int sent = 0;
  while (send(client.get(), "x", 1, MSG_DONTWAIT) == 1) ++sent;
  EXPECT_EQ(errno, EAGAIN);
  EXPECT_GE(sent, 10);
  pollfd poll_fd = {client.get(), POLLOUT, 0};
  EXPECT_EQ(poll(&poll_fd, 1, 0), 0);
  std::thread waiting([&] {
    pollfd waiting_fd = {client.get(), POLLOUT, 0};
    EXPECT_EQ(poll(&waiting_fd, 1, -1), 1);
    EXPECT_THAT(send(client.get(), "y", 1, 0), SyscallSucceedsWithValue(1));
  });
  EXPECT_EQ(Receive(server.get(), 1), "x");
  waiting.join();
  UniqueFd unconnected = MakeUnixSocket(SOCK_DGRAM);
  EXPECT_THAT(sendto(unconnected.get(), "z", 1, MSG_DONTWAIT, name.get(), name.length), SyscallFailsWithErrno(EAGAIN));
  std::thread blocked(
      [&] { EXPECT_THAT(sendto(unconnected.get(), "z", 1, 0, name.get(), name.length), SyscallSucceedsWithValue(1)); });
  EXPECT_EQ(Receive(server.get(), 1), "x");
  blocked.join();
}

TEST(DatagramTest, ReconnectingForgetsWhatCame) {
  UniqueFd server = MakeUnixSocket(SOCK_DGRAM), other = MakeUnixSocket(SOCK_DGRAM);
  const UnixAddress name = Unique("new-peer");
  ASSERT_THAT(Bind(other, name), SyscallSucceeds());
  SocketPair pair = MakeSocketPair(SOCK_DGRAM);
  EXPECT_THAT(send(pair.first.get(), "old", 3, 0), SyscallSucceedsWithValue(3));
  EXPECT_THAT(Connect(pair.second, name), SyscallSucceeds());
  char byte;
  EXPECT_THAT(recv(pair.second.get(), &byte, 1, MSG_DONTWAIT), SyscallFailsWithErrno(EAGAIN));
  EXPECT_THAT(recv(pair.first.get(), &byte, 1, MSG_DONTWAIT), SyscallFailsWithErrno(ECONNRESET));
}

}  // namespace
}  // namespace tests
