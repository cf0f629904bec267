// SPDX-License-Identifier: Apache-2.0
// Names and connections of AF_UNIX: bind(2), listen(2), accept(2), connect(2), getsockname(2), getpeername(2).
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <string>
#include <thread>

#include "tests/util/fork.h"
#include "tests/util/matchers.h"
#include "tests/util/raw_syscall.h"
#include "tests/util/signals.h"
#include "tests/util/sockets.h"
#include "tests/util/temp_path.h"
#include "tests/util/unique_fd.h"

namespace tests {
namespace {

constexpr uid_t kSomebody = 12345;

std::string UniqueName(const char* what) { return std::string(what) + "-" + std::to_string(getpid()); }

int Bind(const UniqueFd& fd, const UnixAddress& address) { return bind(fd.get(), address.get(), address.length); }
int Connect(const UniqueFd& fd, const UnixAddress& address) { return connect(fd.get(), address.get(), address.length); }

TEST(SocketNameTest, PathIsASocketInTheTree) {
  TempPath directory = TempPath::Directory();
  const std::string path = directory / "socket";
  UniqueFd fd = MakeUnixSocket(SOCK_STREAM);
  const mode_t mask = umask(027);
  EXPECT_THAT(Bind(fd, UnixAddress::Path(path)), SyscallSucceeds());
  umask(mask);
  struct stat status;
  ASSERT_THAT(stat(path.c_str(), &status), SyscallSucceeds());
  EXPECT_EQ(status.st_mode, S_IFSOCK | 0750u);
  EXPECT_EQ(UnixAddress::Of(fd.get()).bytes(), path + '\0');
  EXPECT_THAT(open(path.c_str(), O_RDWR), SyscallFailsWithErrno(ENXIO));
  UniqueFd other = MakeUnixSocket(SOCK_STREAM);
  EXPECT_THAT(Bind(other, UnixAddress::Path(path)), SyscallFailsWithErrno(EADDRINUSE));
  EXPECT_THAT(Bind(fd, UnixAddress::Path(directory / "second")), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(access((directory / "second").c_str(), F_OK), SyscallFailsWithErrno(ENOENT));
  // The name stays when the socket is gone, and leads nowhere.
  fd.reset();
  EXPECT_THAT(Connect(other, UnixAddress::Path(path)), SyscallFailsWithErrno(ECONNREFUSED));
  EXPECT_THAT(unlink(path.c_str()), SyscallSucceeds());
  EXPECT_THAT(Bind(other, UnixAddress::Path(path)), SyscallSucceeds());
}

TEST(SocketNameTest, BindErrors) {
  UniqueFd fd = MakeUnixSocket(SOCK_STREAM);
  UnixAddress address = UnixAddress::Path("/nowhere/at/all");
  EXPECT_THAT(Bind(fd, address), SyscallFailsWithErrno(ENOENT));
  address.name.sun_family = AF_INET;
  EXPECT_THAT(Bind(fd, address), SyscallFailsWithErrno(EINVAL));
  address = UnixAddress::Path("/tmp/x");
  EXPECT_THAT(bind(fd.get(), address.get(), 1), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RawSyscall(SYS_bind, fd.get(), address.get(), 111), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RawSyscall(SYS_bind, fd.get(), address.get(), -1), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RawSyscall(SYS_bind, fd.get(), BadPointer<sockaddr>(), 20), SyscallFailsWithErrno(EFAULT));
  TempPath file = TempPath::File("");
  EXPECT_THAT(Bind(fd, UnixAddress::Path(file.path() + "/x")), SyscallFailsWithErrno(ENOTDIR));
  EXPECT_THAT(Bind(fd, UnixAddress::Path(file.path())), SyscallFailsWithErrno(EADDRINUSE));
}

TEST(SocketNameTest, LongestPathNeedsNoNul) {
  TempPath directory = TempPath::Directory();
  std::string path = directory / "";
  path.resize(sizeof(sockaddr_un::sun_path), 'n');
  UniqueFd fd = MakeUnixSocket(SOCK_DGRAM);
  EXPECT_THAT(Bind(fd, UnixAddress::Path(path)), SyscallSucceeds());
  EXPECT_THAT(access(path.c_str(), F_OK), SyscallSucceeds());
  sockaddr_un name;
  socklen_t length = sizeof(name);
  EXPECT_THAT(getsockname(fd.get(), reinterpret_cast<sockaddr*>(&name), &length), SyscallSucceeds());
  EXPECT_EQ(length, sizeof(name) + 1);
}

TEST(SocketNameTest, RelativePathStartsAtWorkingDirectory) {
  TempPath directory = TempPath::Directory();
  EXPECT_THAT(RunInChild([&] {
                CHILD_CHECK(chdir(directory.c_str()) == 0);
                UniqueFd listener = ListenOn(UnixAddress::Path("here"));
                UniqueFd client = MakeUnixSocket(SOCK_STREAM);
                CHILD_CHECK(Connect(client, UnixAddress::Path("./here")) == 0);
                return 0;
              }),
              ExitedWith(0));
}

TEST(SocketNameTest, AbstractNames) {
  const UnixAddress address = UnixAddress::Abstract(UniqueName("abstract") + std::string(1, '\0') + "x");
  UniqueFd listener = ListenOn(address);
  EXPECT_EQ(UnixAddress::Of(listener.get()).bytes(), address.bytes());
  UniqueFd other = MakeUnixSocket(SOCK_STREAM);
  EXPECT_THAT(Bind(other, address), SyscallFailsWithErrno(EADDRINUSE));
  UniqueFd datagram = MakeUnixSocket(SOCK_DGRAM);
  EXPECT_THAT(Connect(datagram, address), SyscallFailsWithErrno(ECONNREFUSED));
  EXPECT_THAT(Connect(other, address), SyscallSucceeds());
  EXPECT_EQ(UnixAddress::Of(other.get(), &getpeername).bytes(), address.bytes());
  EXPECT_EQ(UnixAddress::Of(other.get()).bytes(), "");
  // The name goes with its socket.
  listener.reset();
  UniqueFd again = MakeUnixSocket(SOCK_STREAM);
  EXPECT_THAT(Bind(again, address), SyscallSucceeds());
}

TEST(SocketNameTest, AutobindChoosesAName) {
  UniqueFd fd = MakeUnixSocket(SOCK_DGRAM);
  const UnixAddress nameless;
  EXPECT_THAT(bind(fd.get(), nameless.get(), sizeof(sa_family_t)), SyscallSucceeds());
  const std::string name = UnixAddress::Of(fd.get()).bytes();
  EXPECT_EQ(name.size(), 6u);
  EXPECT_EQ(name[0], '\0');
  EXPECT_EQ(name.find_first_not_of("0123456789abcdef", 1), std::string::npos);
  UniqueFd sender = MakeUnixSocket(SOCK_DGRAM);
  EXPECT_THAT(Connect(sender, UnixAddress::Of(fd.get())), SyscallSucceeds());
}

TEST(SocketNameTest, NamesAreCutToTheRoomGiven) {
  SocketPair pair = MakeSocketPair(SOCK_STREAM);
  sockaddr_un name;
  memset(&name, 0x55, sizeof(name));
  socklen_t length = 1;
  EXPECT_THAT(getsockname(pair.first.get(), reinterpret_cast<sockaddr*>(&name), &length), SyscallSucceeds());
  EXPECT_EQ(length, sizeof(sa_family_t));
  length = -1;
  EXPECT_THAT(getsockname(pair.first.get(), reinterpret_cast<sockaddr*>(&name), &length),
              SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RawSyscall(SYS_getsockname, pair.first.get(), &name, BadPointer<int>()), SyscallFailsWithErrno(EFAULT));
  UniqueFd alone = MakeUnixSocket(SOCK_STREAM);
  length = sizeof(name);
  EXPECT_THAT(getpeername(alone.get(), reinterpret_cast<sockaddr*>(&name), &length), SyscallFailsWithErrno(ENOTCONN));
}

class SocketConnectTest : public testing::TestWithParam<int> {
 protected:
  UnixAddress address_ = UnixAddress::Abstract(UniqueName("connect"));
};

TEST_P(SocketConnectTest, AcceptedConnectionTalksBothWays) {
  UniqueFd listener = ListenOn(address_, GetParam());
  UniqueFd client = MakeUnixSocket(GetParam());
  EXPECT_THAT(Connect(client, address_), SyscallSucceeds());
  EXPECT_THAT(write(client.get(), "early", 5), SyscallSucceedsWithValue(5));
  UnixAddress peer;
  peer.length = sizeof(peer.name);
  UniqueFd server(accept4(listener.get(), peer.get(), &peer.length, SOCK_CLOEXEC | SOCK_NONBLOCK));
  ASSERT_TRUE(server.ok());
  EXPECT_EQ(peer.bytes(), "");
  EXPECT_EQ(fcntl(server.get(), F_GETFD), FD_CLOEXEC);
  EXPECT_EQ(fcntl(server.get(), F_GETFL), O_RDWR | O_NONBLOCK);
  EXPECT_EQ(UnixAddress::Of(server.get()).bytes(), address_.bytes());
  char buffer[8];
  EXPECT_THAT(read(server.get(), buffer, 8), SyscallSucceedsWithValue(5));
  EXPECT_THAT(write(server.get(), "back", 4), SyscallSucceedsWithValue(4));
  EXPECT_THAT(read(client.get(), buffer, 8), SyscallSucceedsWithValue(4));
}

TEST_P(SocketConnectTest, Errors) {
  UniqueFd fd = MakeUnixSocket(GetParam());
  EXPECT_THAT(Connect(fd, address_), SyscallFailsWithErrno(ECONNREFUSED));
  EXPECT_THAT(listen(fd.get(), 1), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(accept(fd.get(), nullptr, nullptr), SyscallFailsWithErrno(EINVAL));
  ASSERT_THAT(Bind(fd, address_), SyscallSucceeds());
  UniqueFd client = MakeUnixSocket(GetParam());
  EXPECT_THAT(Connect(client, address_), SyscallFailsWithErrno(ECONNREFUSED));
  ASSERT_THAT(listen(fd.get(), 1), SyscallSucceeds());
  EXPECT_THAT(listen(fd.get(), 2), SyscallSucceeds());
  EXPECT_THAT(accept4(fd.get(), nullptr, nullptr, 1), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(Connect(client, address_), SyscallSucceeds());
  EXPECT_THAT(Connect(client, address_), SyscallFailsWithErrno(EISCONN));
  EXPECT_THAT(listen(client.get(), 1), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(Connect(fd, address_), SyscallFailsWithErrno(EINVAL));
  const sockaddr unspecific = {.sa_family = AF_UNSPEC, .sa_data = {}};
  EXPECT_THAT(connect(client.get(), &unspecific, sizeof(unspecific)), SyscallFailsWithErrno(EINVAL));
}

TEST_P(SocketConnectTest, FullBacklogMakesConnectWait) {
  UniqueFd listener = ListenOn(address_, GetParam(), 0);
  UniqueFd first = MakeUnixSocket(GetParam());
  EXPECT_THAT(Connect(first, address_), SyscallSucceeds());
  UniqueFd second = MakeUnixSocket(GetParam() | SOCK_NONBLOCK);
  EXPECT_THAT(Connect(second, address_), SyscallFailsWithErrno(EAGAIN));
  std::thread waiting([&] {
    UniqueFd third = MakeUnixSocket(GetParam());
    EXPECT_THAT(Connect(third, address_), SyscallSucceeds());
    char byte;
    EXPECT_THAT(read(third.get(), &byte, 1), SyscallSucceedsWithValue(1));
  });
  UniqueFd accepted(accept(listener.get(), nullptr, nullptr));
  EXPECT_TRUE(accepted.ok());
  UniqueFd accepted_third(accept(listener.get(), nullptr, nullptr));
  EXPECT_TRUE(WriteByte(accepted_third.get()));
  waiting.join();
}

TEST_P(SocketConnectTest, WaitingConnectIsInterruptedOrRefused) {
  UniqueFd listener = ListenOn(address_, GetParam(), 0);
  UniqueFd first = MakeUnixSocket(GetParam());
  EXPECT_THAT(Connect(first, address_), SyscallSucceeds());
  UniqueFd second = MakeUnixSocket(GetParam());
  {
    ScopedAction action(SIGUSR1, [](int) {});
    Pester pester(SIGUSR1);
    EXPECT_THAT(Connect(second, address_), SyscallFailsWithErrno(EINTR));
  }
  const timeval timeout = {0, 10000};
  ASSERT_THAT(setsockopt(second.get(), SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)), SyscallSucceeds());
  EXPECT_THAT(Connect(second, address_), SyscallFailsWithErrno(EAGAIN));
  std::thread waiting([&] {
    UniqueFd third = MakeUnixSocket(GetParam());
    EXPECT_THAT(Connect(third, address_), SyscallFailsWithErrno(ECONNREFUSED));
  });
  listener.reset();
  waiting.join();
  // A connection that was never accepted is reset.
  char byte;
  EXPECT_THAT(read(first.get(), &byte, 1), SyscallFailsWithErrno(ECONNRESET));
}

TEST_P(SocketConnectTest, AcceptWaitsForAConnection) {
  UniqueFd listener = ListenOn(address_, GetParam());
  ASSERT_THAT(fcntl(listener.get(), F_SETFL, O_NONBLOCK), SyscallSucceeds());
  EXPECT_THAT(accept(listener.get(), nullptr, nullptr), SyscallFailsWithErrno(EAGAIN));
  ASSERT_THAT(fcntl(listener.get(), F_SETFL, 0), SyscallSucceeds());
  std::thread server([&] { EXPECT_TRUE(UniqueFd(accept(listener.get(), nullptr, nullptr)).ok()); });
  UniqueFd client = MakeUnixSocket(GetParam());
  EXPECT_THAT(Connect(client, address_), SyscallSucceeds());
  server.join();
  std::thread stopped([&] { EXPECT_THAT(accept(listener.get(), nullptr, nullptr), SyscallFailsWithErrno(EINVAL)); });
  EXPECT_THAT(shutdown(listener.get(), SHUT_RD), SyscallSucceeds());
  stopped.join();
  EXPECT_THAT(Connect(MakeUnixSocket(GetParam()), address_), SyscallFailsWithErrno(ECONNREFUSED));
}

TEST_P(SocketConnectTest, PathsAreCheckedLikeFiles) {
  TempPath directory = TempPath::Directory();
  const UnixAddress path = UnixAddress::Path(directory / "socket");
  UniqueFd listener = ListenOn(path, GetParam());
  ASSERT_THAT(chmod((directory / "socket").c_str(), 0600), SyscallSucceeds());
  EXPECT_THAT(RunInChild([&] {
                CHILD_CHECK(setuid(kSomebody) == 0);
                UniqueFd client = MakeUnixSocket(GetParam());
                CHILD_CHECK_ERRNO(Connect(client, path), EACCES);
                return 0;
              }),
              ExitedWith(0));
  UniqueFd other = MakeUnixSocket(GetParam() == SOCK_STREAM ? SOCK_SEQPACKET : SOCK_STREAM);
  EXPECT_THAT(Connect(other, path), SyscallFailsWithErrno(EPROTOTYPE));
  UniqueFd client = MakeUnixSocket(GetParam());
  EXPECT_THAT(Connect(client, UnixAddress::Path(directory / "absent")), SyscallFailsWithErrno(ENOENT));
  TempPath file = TempPath::File("");
  EXPECT_THAT(Connect(client, UnixAddress::Path(file.path())), SyscallFailsWithErrno(ECONNREFUSED));
  // A link leads to the socket, and so does a second name.
  ASSERT_THAT(symlink("socket", (directory / "link").c_str()), SyscallSucceeds());
  EXPECT_THAT(Connect(client, UnixAddress::Path(directory / "link")), SyscallSucceeds());
  ASSERT_THAT(rename((directory / "socket").c_str(), (directory / "renamed").c_str()), SyscallSucceeds());
  EXPECT_THAT(Connect(MakeUnixSocket(GetParam()), UnixAddress::Path(directory / "renamed")), SyscallSucceeds());
}

INSTANTIATE_TEST_SUITE_P(Types, SocketConnectTest, testing::Values(SOCK_STREAM, SOCK_SEQPACKET),
                         [](const auto& info) { return info.param == SOCK_STREAM ? "Stream" : "Seqpacket"; });

TEST(SocketNameTest, DatagramSocketsDoNotListen) {
  UniqueFd fd = MakeUnixSocket(SOCK_DGRAM);
  EXPECT_THAT(listen(fd.get(), 1), SyscallFailsWithErrno(EOPNOTSUPP));
  EXPECT_THAT(accept(fd.get(), nullptr, nullptr), SyscallFailsWithErrno(EOPNOTSUPP));
}

TEST(SocketNameTest, ProcListsSockets) {
  const std::string name = UniqueName("listed");
  UniqueFd listener = ListenOn(UnixAddress::Abstract(name));
  struct stat status;
  ASSERT_THAT(fstat(listener.get(), &status), SyscallSucceeds());
  const std::string text = ReadWholeFile("/proc/net/unix");
  EXPECT_EQ(text.rfind("Num       RefCount Protocol Flags    Type St Inode Path\n", 0), 0u);
  const size_t at = text.find(" @" + name + "\n");
  ASSERT_NE(at, std::string::npos);
  const std::string line = text.substr(text.rfind('\n', at) + 1, at - text.rfind('\n', at) - 1);
  EXPECT_NE(line.find(": 00000002 00000000 00010000 0001 01 "), std::string::npos) << line;
  EXPECT_NE(line.find(std::to_string(status.st_ino)), std::string::npos) << line;
}

}  // namespace
}  // namespace tests
