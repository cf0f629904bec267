// SPDX-License-Identifier: Apache-2.0
// Connected AF_UNIX streams: bytes, ends, flags of send(2) and recv(2).
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/sockios.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include <atomic>
#include <string>
#include <thread>

#include "tests/util/mapping.h"
#include "tests/util/matchers.h"
#include "tests/util/raw_syscall.h"
#include "tests/util/signals.h"
#include "tests/util/sockets.h"
#include "tests/util/temp_path.h"
#include "tests/util/unique_fd.h"

namespace tests {
namespace {

class SocketStreamTest : public testing::Test {
 protected:
  std::string Receive(int fd, size_t size, int flags = 0) {
    std::string text(size, '\0');
    const ssize_t count = recv(fd, text.data(), size, flags);
    EXPECT_GE(count, 0) << strerror(errno);
    text.resize(count < 0 ? 0 : count);
    return text;
  }
  // Sends until the (non-blocking) socket takes no more.
  size_t Fill(int fd) {
    const std::string block(4096, 'f');
    size_t total = 0;
    ssize_t count;
    while ((count = send(fd, block.data(), block.size(), MSG_DONTWAIT)) > 0) total += count;
    EXPECT_EQ(errno, EAGAIN);
    return total;
  }

  SocketPair pair_ = MakeSocketPair(SOCK_STREAM);
  int a_ = pair_.first.get();
  int b_ = pair_.second.get();
};

TEST(SocketCreateTest, RefusesUnknownKinds) {
  EXPECT_THAT(socket(-1, SOCK_STREAM, 0), SyscallFailsWithErrno(EAFNOSUPPORT));
  EXPECT_THAT(socket(255, SOCK_STREAM, 0), SyscallFailsWithErrno(EAFNOSUPPORT));
  EXPECT_THAT(socket(AF_UNIX, SOCK_STREAM, 7), SyscallFailsWithErrno(EPROTONOSUPPORT));
  EXPECT_THAT(socket(AF_UNIX, SOCK_RDM, 0), SyscallFailsWithErrno(ESOCKTNOSUPPORT));
  EXPECT_THAT(socket(AF_UNIX, 0, 0), SyscallFailsWithErrno(ESOCKTNOSUPPORT));
  EXPECT_THAT(socket(AF_UNIX, 11, 0), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(socket(AF_UNIX, SOCK_STREAM | 0x10, 0), SyscallFailsWithErrno(EINVAL));
  int fds[2];
  EXPECT_THAT(socketpair(AF_UNIX, SOCK_STREAM | 0x10, 0, fds), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RawSyscall(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, BadPointer<int>()), SyscallFailsWithErrno(EFAULT));
}

TEST(SocketCreateTest, FlagsAndIdentity) {
  UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, PF_UNIX));
  ASSERT_TRUE(fd.ok());
  EXPECT_EQ(fcntl(fd.get(), F_GETFD), FD_CLOEXEC);
  EXPECT_EQ(fcntl(fd.get(), F_GETFL), O_RDWR | O_NONBLOCK);
  struct stat status;
  ASSERT_THAT(fstat(fd.get(), &status), SyscallSucceeds());
  EXPECT_EQ(status.st_mode, S_IFSOCK | 0777u);
  char link[64];
  const std::string name = "/proc/self/fd/" + std::to_string(fd.get());
  const ssize_t length = readlink(name.c_str(), link, sizeof(link));
  ASSERT_GT(length, 0);
  EXPECT_EQ(std::string(link, length), "socket:[" + std::to_string(status.st_ino) + "]");
  EXPECT_THAT(open(name.c_str(), O_RDWR), SyscallFailsWithErrno(ENXIO));
  EXPECT_THAT(lseek(fd.get(), 0, SEEK_SET), SyscallFailsWithErrno(ESPIPE));
}

TEST(SocketCreateTest, CallsWantSockets) {
  Pipe pipe = MakePipe();
  sockaddr_un address = {};
  socklen_t length = sizeof(address);
  char byte = 0;
  for (const auto& [fd, error] : {std::pair(pipe.reader.get(), ENOTSOCK), std::pair(-1, EBADF)}) {
    EXPECT_THAT(listen(fd, 1), SyscallFailsWithErrno(error));
    EXPECT_THAT(shutdown(fd, SHUT_RD), SyscallFailsWithErrno(error));
    EXPECT_THAT(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length), SyscallFailsWithErrno(error));
    EXPECT_THAT(send(fd, &byte, 1, 0), SyscallFailsWithErrno(error));
    EXPECT_THAT(recv(fd, &byte, 1, 0), SyscallFailsWithErrno(error));
    EXPECT_THAT(accept(fd, nullptr, nullptr), SyscallFailsWithErrno(error));
    EXPECT_THAT(getsockopt(fd, SOL_SOCKET, SO_TYPE, &byte, &length), SyscallFailsWithErrno(error));
  }
}

TEST_F(SocketStreamTest, CarriesBytesWithoutBorders) {
  EXPECT_THAT(write(a_, "abc", 3), SyscallSucceedsWithValue(3));
  EXPECT_THAT(send(a_, "def", 3, 0), SyscallSucceedsWithValue(3));
  char first[2], second[8];
  iovec vector[] = {{first, 2}, {second, 8}};
  EXPECT_THAT(readv(b_, vector, 2), SyscallSucceedsWithValue(6));
  EXPECT_EQ(std::string(first, 2) + std::string(second, 4), "abcdef");
  EXPECT_THAT(recv(b_, first, 1, MSG_DONTWAIT), SyscallFailsWithErrno(EAGAIN));
  EXPECT_THAT(recv(b_, first, 0, MSG_DONTWAIT), SyscallFailsWithErrno(EAGAIN));
  EXPECT_THAT(read(b_, first, 0), SyscallSucceedsWithValue(0));
  EXPECT_THAT(write(a_, "", 0), SyscallSucceedsWithValue(0));
  EXPECT_THAT(recv(b_, first, 1, MSG_DONTWAIT), SyscallFailsWithErrno(EAGAIN));
}

TEST_F(SocketStreamTest, LargeTransferArrivesWhole) {
  constexpr size_t kTotal = 8 << 20;
  std::string data(kTotal, '\0');
  for (size_t i = 0; i < kTotal; ++i) data[i] = static_cast<char>(i * 2654435761u >> 13);
  std::thread writer([&] { EXPECT_THAT(write(a_, data.data(), kTotal), SyscallSucceedsWithValue(kTotal)); });
  std::string got;
  std::string block(100000, '\0');
  while (got.size() < kTotal) {
    const ssize_t count = read(b_, block.data(), block.size());
    ASSERT_GT(count, 0);
    got.append(block, 0, count);
  }
  writer.join();
  EXPECT_TRUE(got == data);
}

TEST_F(SocketStreamTest, BlockedReaderIsWokenByBytes) {
  std::thread reader([&] { EXPECT_EQ(Receive(b_, 10), "hello"); });
  EXPECT_THAT(write(a_, "hello", 5), SyscallSucceedsWithValue(5));
  reader.join();
}

TEST_F(SocketStreamTest, EndOfStream) {
  EXPECT_THAT(write(a_, "last", 4), SyscallSucceedsWithValue(4));
  pair_.first.reset();
  EXPECT_EQ(Receive(b_, 10), "last");
  EXPECT_EQ(Receive(b_, 10), "");
  ScopedAction ignore(SIGPIPE, SIG_IGN);
  EXPECT_THAT(write(b_, "x", 1), SyscallFailsWithErrno(EPIPE));
}

TEST_F(SocketStreamTest, UnreadBytesOfAClosedPeerReset) {
  EXPECT_THAT(write(b_, "unread", 6), SyscallSucceedsWithValue(6));
  EXPECT_THAT(write(a_, "read", 4), SyscallSucceedsWithValue(4));
  pair_.first.reset();
  EXPECT_EQ(Receive(b_, 10), "read");
  char byte;
  EXPECT_THAT(read(b_, &byte, 1), SyscallFailsWithErrno(ECONNRESET));
  EXPECT_THAT(read(b_, &byte, 1), SyscallSucceedsWithValue(0));
}

std::atomic<int> g_pipes{0};

TEST_F(SocketStreamTest, WritingToAClosedPeerRaisesSigpipe) {
  ScopedAction action(SIGPIPE, [](int) { ++g_pipes; });
  pair_.second.reset();
  g_pipes = 0;
  EXPECT_THAT(write(a_, "x", 1), SyscallFailsWithErrno(EPIPE));
  EXPECT_EQ(g_pipes, 1);
  EXPECT_THAT(send(a_, "x", 1, 0), SyscallFailsWithErrno(EPIPE));
  EXPECT_EQ(g_pipes, 2);
  EXPECT_THAT(send(a_, "x", 1, MSG_NOSIGNAL), SyscallFailsWithErrno(EPIPE));
  EXPECT_EQ(g_pipes, 2);
}

TEST_F(SocketStreamTest, ShutdownOfOneDirection) {
  EXPECT_THAT(write(a_, "abc", 3), SyscallSucceedsWithValue(3));
  EXPECT_THAT(shutdown(a_, SHUT_WR), SyscallSucceeds());
  EXPECT_THAT(send(a_, "x", 1, MSG_NOSIGNAL), SyscallFailsWithErrno(EPIPE));
  EXPECT_EQ(Receive(b_, 10), "abc");
  EXPECT_EQ(Receive(b_, 10), "");
  EXPECT_THAT(write(b_, "back", 4), SyscallSucceedsWithValue(4));
  EXPECT_EQ(Receive(a_, 10), "back");
  EXPECT_THAT(shutdown(a_, SHUT_RD), SyscallSucceeds());
  EXPECT_THAT(send(b_, "x", 1, MSG_NOSIGNAL), SyscallFailsWithErrno(EPIPE));
  EXPECT_THAT(shutdown(a_, 3), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(shutdown(a_, -1), SyscallFailsWithErrno(EINVAL));
}

TEST_F(SocketStreamTest, ShutdownWakesBlockedReader) {
  std::thread reader([&] { EXPECT_EQ(Receive(b_, 10), ""); });
  EXPECT_THAT(shutdown(a_, SHUT_RDWR), SyscallSucceeds());
  reader.join();
}

TEST_F(SocketStreamTest, PeekLeavesBytes) {
  EXPECT_THAT(write(a_, "abc", 3), SyscallSucceedsWithValue(3));
  EXPECT_THAT(write(a_, "def", 3), SyscallSucceedsWithValue(3));
  EXPECT_EQ(Receive(b_, 2, MSG_PEEK), "ab");
  EXPECT_EQ(Receive(b_, 5, MSG_PEEK), "abcde");
  EXPECT_EQ(Receive(b_, 10), "abcdef");
}

TEST_F(SocketStreamTest, PeekOffsetMovesOn) {
  const int offset = 1;
  EXPECT_THAT(setsockopt(b_, SOL_SOCKET, SO_PEEK_OFF, &offset, sizeof(offset)), SyscallSucceeds());
  EXPECT_THAT(write(a_, "abc", 3), SyscallSucceedsWithValue(3));
  EXPECT_THAT(write(a_, "def", 3), SyscallSucceedsWithValue(3));
  EXPECT_EQ(Receive(b_, 3, MSG_PEEK), "bcd");
  EXPECT_EQ(Receive(b_, 9, MSG_PEEK), "ef");
  EXPECT_EQ(Receive(b_, 4), "abcd");
  EXPECT_THAT(write(a_, "g", 1), SyscallSucceedsWithValue(1));
  EXPECT_EQ(Receive(b_, 9, MSG_PEEK), "g");
}

TEST_F(SocketStreamTest, WaitallCollects) {
  std::thread reader([&] { EXPECT_EQ(Receive(b_, 6, MSG_WAITALL), "abcdef"); });
  for (const char* part : {"a", "bcd", "ef"}) {
    EXPECT_THAT(write(a_, part, strlen(part)), SyscallSucceedsWithValue(strlen(part)));
  }
  reader.join();
  std::thread short_reader([&] { EXPECT_EQ(Receive(b_, 6, MSG_WAITALL), "gh"); });
  EXPECT_THAT(write(a_, "gh", 2), SyscallSucceedsWithValue(2));
  pair_.first.reset();
  short_reader.join();
}

TEST_F(SocketStreamTest, FullSocketSaysSoUntilItIsRead) {
  const size_t sent = Fill(a_);
  EXPECT_GE(sent, 4096u);
  pollfd poll_fd = {a_, POLLOUT, 0};
  EXPECT_EQ(poll(&poll_fd, 1, 0), 0);
  int queued = 0;
  EXPECT_THAT(ioctl(b_, FIONREAD, &queued), SyscallSucceeds());
  EXPECT_EQ(queued, static_cast<int>(sent));
  EXPECT_THAT(ioctl(a_, SIOCOUTQ, &queued), SyscallSucceeds());
  EXPECT_GE(queued, static_cast<int>(sent));
  std::string all(sent, '\0');
  EXPECT_THAT(recv(b_, all.data(), sent, MSG_WAITALL), SyscallSucceedsWithValue(static_cast<int>(sent)));
  EXPECT_EQ(poll(&poll_fd, 1, 0), 1);
  EXPECT_EQ(poll_fd.revents, POLLOUT);
  EXPECT_THAT(ioctl(a_, SIOCOUTQ, &queued), SyscallSucceeds());
  EXPECT_EQ(queued, 0);
}

TEST_F(SocketStreamTest, SmallSendBufferBoundsWhatIsQueued) {
  const int size = 4608;
  ASSERT_THAT(setsockopt(a_, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)), SyscallSucceeds());
  EXPECT_LT(Fill(a_), 65536u);
}

TEST_F(SocketStreamTest, TimeoutsEndWaits) {
  const timeval timeout = {0, 20000};
  ASSERT_THAT(setsockopt(b_, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)), SyscallSucceeds());
  char byte;
  EXPECT_THAT(recv(b_, &byte, 1, 0), SyscallFailsWithErrno(EAGAIN));
  EXPECT_THAT(read(b_, &byte, 1), SyscallFailsWithErrno(EAGAIN));
  ASSERT_THAT(setsockopt(a_, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)), SyscallSucceeds());
  Fill(a_);
  EXPECT_THAT(write(a_, &byte, 1), SyscallFailsWithErrno(EAGAIN));
}

TEST_F(SocketStreamTest, SignalsInterruptWaits) {
  ScopedAction action(SIGUSR1, [](int) {});
  char byte;
  {
    Pester pester(SIGUSR1);
    EXPECT_THAT(recv(b_, &byte, 1, 0), SyscallFailsWithErrno(EINTR));
  }
  Fill(a_);
  Pester pester(SIGUSR1);
  EXPECT_THAT(send(a_, &byte, 1, 0), SyscallFailsWithErrno(EINTR));
}

TEST_F(SocketStreamTest, RestartingHandlerKeepsWaitWithoutTimeout) {
  static int writer_fd;
  writer_fd = a_;
  ScopedAction action(
      SIGUSR1,
      [](int) {
        if (write(writer_fd, "x", 1) < 0) abort();
      },
      SA_RESTART);
  Pester pester(SIGUSR1);
  char byte = 0;
  EXPECT_THAT(recv(b_, &byte, 1, 0), SyscallSucceedsWithValue(1));
  EXPECT_EQ(byte, 'x');
}

TEST_F(SocketStreamTest, TimeoutIsNotRestarted) {
  const timeval timeout = {3600, 0};
  ASSERT_THAT(setsockopt(b_, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)), SyscallSucceeds());
  ScopedAction action(
      SIGUSR1, [](int) {}, SA_RESTART);
  Pester pester(SIGUSR1);
  char byte;
  EXPECT_THAT(recv(b_, &byte, 1, 0), SyscallFailsWithErrno(EINTR));
}

TEST_F(SocketStreamTest, Errors) {
  char byte = 0;
  EXPECT_THAT(RawSyscall(SYS_sendto, a_, BadPointer<char>(), 1, 0, 0, 0), SyscallFailsWithErrno(EFAULT));
  EXPECT_THAT(write(a_, "ab", 2), SyscallSucceedsWithValue(2));
  EXPECT_THAT(RawSyscall(SYS_recvfrom, b_, BadPointer<char>(), 1, 0, 0, 0), SyscallFailsWithErrno(EFAULT));
  EXPECT_EQ(Receive(b_, 2), "ab");
  const UnixAddress address = UnixAddress::Abstract("nobody");
  EXPECT_THAT(sendto(a_, &byte, 1, 0, address.get(), address.length), SyscallFailsWithErrno(EISCONN));
  UniqueFd alone = MakeUnixSocket(SOCK_STREAM);
  EXPECT_THAT(sendto(alone.get(), &byte, 1, 0, address.get(), address.length), SyscallFailsWithErrno(EOPNOTSUPP));
  EXPECT_THAT(send(alone.get(), &byte, 1, 0), SyscallFailsWithErrno(ENOTCONN));
  EXPECT_THAT(recv(alone.get(), &byte, 1, 0), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(shutdown(alone.get(), SHUT_RDWR), SyscallSucceeds());
  EXPECT_THAT(ioctl(a_, 0x12345678, 0), SyscallFailsWithErrno(ENOTTY));
  EXPECT_THAT(pread(a_, &byte, 1, 0), SyscallFailsWithErrno(ESPIPE));
}

TEST_F(SocketStreamTest, PartlyBadBufferFails) {
  Mapping pages = Mapping::WithGuard();
  EXPECT_THAT(write(a_, "abcdef", 6), SyscallSucceedsWithValue(6));
  EXPECT_THAT(RawSyscall(SYS_recvfrom, b_, pages.bytes() + kPageSize - 2, 6, MSG_DONTWAIT, 0, 0),
              SyscallFailsWithErrno(EFAULT));
  EXPECT_EQ(Receive(b_, 6), "abcdef");
}

}  // namespace
}  // namespace tests
