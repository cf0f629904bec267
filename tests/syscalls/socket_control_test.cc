// SPDX-License-Identifier: Apache-2.0
// Descriptors and credentials through AF_UNIX sockets (unix(7), cmsg(3)).
#include <fcntl.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <string>
#include <vector>

#include "tests/util/fork.h"
#include "tests/util/matchers.h"
#include "tests/util/raw_syscall.h"
#include "tests/util/sockets.h"
#include "tests/util/unique_fd.h"

namespace tests {
namespace {

constexpr uid_t kSomebody = 12345;

class SocketControlTest : public testing::TestWithParam<int> {
 protected:
  void PassCredentials(int fd) {
    const int on = 1;
    ASSERT_THAT(setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)), SyscallSucceeds());
  }
  ucred Credentials(Message& message) {
    ucred credentials = {-1, 77, 77};
    const std::string bytes = message.Control(SCM_CREDENTIALS);
    EXPECT_EQ(bytes.size(), sizeof(credentials));
    if (bytes.size() == sizeof(credentials)) memcpy(&credentials, bytes.data(), sizeof(credentials));
    return credentials;
  }

  SocketPair pair_ = MakeSocketPair(GetParam());
  int a_ = pair_.first.get();
  int b_ = pair_.second.get();
};

TEST_P(SocketControlTest, DescriptorsArrive) {
  Pipe pipe = MakePipe();
  Message out("x");
  out.AddRights({pipe.reader.get(), pipe.writer.get()});
  ASSERT_THAT(sendmsg(a_, out.get(), 0), SyscallSucceedsWithValue(1));
  pipe.reader.reset();
  pipe.writer.reset();
  Message in(1);
  ASSERT_THAT(recvmsg(b_, in.get(), MSG_CMSG_CLOEXEC), SyscallSucceedsWithValue(1));
  EXPECT_EQ(in.get()->msg_controllen, CMSG_SPACE(2 * sizeof(int)));
  std::vector<UniqueFd> fds = in.Rights();
  ASSERT_EQ(fds.size(), 2u);
  EXPECT_EQ(fcntl(fds[0].get(), F_GETFD), FD_CLOEXEC);
  EXPECT_TRUE(WriteByte(fds[1].get(), 'p'));
  char byte = 0;
  EXPECT_TRUE(ReadByte(fds[0].get(), &byte));
  EXPECT_EQ(byte, 'p');
}

TEST_P(SocketControlTest, DescriptorsThatDoNotFitAreClosed) {
  Pipe pipe = MakePipe();
  Message out("x");
  out.AddRights({pipe.writer.get(), pipe.writer.get(), pipe.writer.get()});
  ASSERT_THAT(sendmsg(a_, out.get(), 0), SyscallSucceedsWithValue(1));
  pipe.writer.reset();
  Message in(1, CMSG_LEN(sizeof(int)));
  ASSERT_THAT(recvmsg(b_, in.get(), 0), SyscallSucceedsWithValue(1));
  EXPECT_EQ(in.get()->msg_flags, MSG_CTRUNC);
  EXPECT_EQ(in.get()->msg_controllen, CMSG_LEN(sizeof(int)));
  {
    std::vector<UniqueFd> fds = in.Rights();
    ASSERT_EQ(fds.size(), 1u);
    EXPECT_EQ(fcntl(fds[0].get(), F_GETFD), 0);
  }
  // The reader sees the end only when none is left.
  EXPECT_FALSE(ReadByte(pipe.reader.get()));
}

TEST_P(SocketControlTest, ReadingWithoutControlLosesDescriptors) {
  Pipe pipe = MakePipe();
  Message out("x");
  out.AddRights({pipe.writer.get()});
  ASSERT_THAT(sendmsg(a_, out.get(), 0), SyscallSucceedsWithValue(1));
  pipe.writer.reset();
  EXPECT_TRUE(ReadByte(b_));
  EXPECT_FALSE(ReadByte(pipe.reader.get()));
}

TEST_P(SocketControlTest, ClosingTheReceiverClosesWhatIsOnItsWay) {
  Pipe pipe = MakePipe();
  Message out("x");
  out.AddRights({pipe.writer.get()});
  ASSERT_THAT(sendmsg(a_, out.get(), 0), SyscallSucceedsWithValue(1));
  pipe.writer.reset();
  pair_.second.reset();
  EXPECT_FALSE(ReadByte(pipe.reader.get()));
}

TEST_P(SocketControlTest, PeekDuplicatesDescriptors) {
  Pipe pipe = MakePipe();
  Message out("x");
  out.AddRights({pipe.reader.get()});
  ASSERT_THAT(sendmsg(a_, out.get(), 0), SyscallSucceedsWithValue(1));
  Message peeked(1), in(1);
  ASSERT_THAT(recvmsg(b_, peeked.get(), MSG_PEEK), SyscallSucceedsWithValue(1));
  ASSERT_THAT(recvmsg(b_, in.get(), 0), SyscallSucceedsWithValue(1));
  EXPECT_EQ(peeked.Rights().size(), 1u);
  EXPECT_EQ(in.Rights().size(), 1u);
}

TEST_P(SocketControlTest, SocketsThatHoldEachOtherAreNotLeaked) {
  Pipe pipe = MakePipe();
  {
    SocketPair inner = MakeSocketPair(GetParam());
    // Each end waits in the queue of the other; a pipe goes with them.
    Message first("x"), second("x");
    first.AddRights({inner.first.get(), pipe.writer.get()});
    ASSERT_THAT(sendmsg(inner.first.get(), first.get(), 0), SyscallSucceedsWithValue(1));
    second.AddRights({inner.second.get()});
    ASSERT_THAT(sendmsg(inner.second.get(), second.get(), 0), SyscallSucceedsWithValue(1));
  }
  pipe.writer.reset();
  // The search runs when some socket ends.
  MakeSocketPair(GetParam());
  EXPECT_FALSE(ReadByte(pipe.reader.get()));
}

TEST_P(SocketControlTest, SocketOnItsWayThroughItselfIsKeptWhileItCanBeRead) {
  Message out("x");
  out.AddRights({b_});
  ASSERT_THAT(sendmsg(a_, out.get(), 0), SyscallSucceedsWithValue(1));
  MakeSocketPair(GetParam());
  Message in(1);
  ASSERT_THAT(recvmsg(b_, in.get(), 0), SyscallSucceedsWithValue(1));
  std::vector<UniqueFd> fds = in.Rights();
  ASSERT_EQ(fds.size(), 1u);
  pair_.second.reset();
  EXPECT_TRUE(WriteByte(a_));
  EXPECT_TRUE(ReadByte(fds[0].get()));
}

TEST_P(SocketControlTest, LongChainOfSocketsEnds) {
  Pipe pipe = MakePipe();
  UniqueFd carried = std::move(pipe.writer);
  for (int i = 0; i < 3000; ++i) {
    SocketPair link = MakeSocketPair(GetParam());
    Message out("x");
    out.AddRights({carried.get()});
    ASSERT_THAT(sendmsg(link.first.get(), out.get(), 0), SyscallSucceedsWithValue(1));
    carried = std::move(link.second);
  }
  carried.reset();
  EXPECT_FALSE(ReadByte(pipe.reader.get()));
}

TEST_P(SocketControlTest, MalformedControlIsRefused) {
  Message short_header("x");
  short_header.Add(SOL_SOCKET, SCM_RIGHTS, &a_, sizeof(a_));
  CMSG_FIRSTHDR(short_header.get())->cmsg_len = sizeof(cmsghdr) - 1;
  EXPECT_THAT(sendmsg(a_, short_header.get(), 0), SyscallFailsWithErrno(EINVAL));
  CMSG_FIRSTHDR(short_header.get())->cmsg_len = 4096;
  EXPECT_THAT(sendmsg(a_, short_header.get(), 0), SyscallFailsWithErrno(EINVAL));
  Message unknown("x");
  unknown.Add(SOL_SOCKET, 77, &a_, sizeof(a_));
  EXPECT_THAT(sendmsg(a_, unknown.get(), 0), SyscallFailsWithErrno(EINVAL));
  Message other_level("x");
  other_level.Add(SOL_SOCKET + 5, 77, &a_, sizeof(a_));
  EXPECT_THAT(sendmsg(a_, other_level.get(), 0), SyscallSucceedsWithValue(1));
  Message closed("x");
  closed.AddRights({-1});
  EXPECT_THAT(sendmsg(a_, closed.get(), 0), SyscallFailsWithErrno(EBADF));
  Message many("x");
  many.AddRights(std::vector<int>(254, a_));
  EXPECT_THAT(sendmsg(a_, many.get(), 0), SyscallFailsWithErrno(EINVAL));
  Message most("x");
  most.AddRights(std::vector<int>(253, a_));
  EXPECT_THAT(sendmsg(a_, most.get(), 0), SyscallSucceedsWithValue(1));
  Message bad("x");
  bad.get()->msg_control = BadPointer();
  bad.get()->msg_controllen = 64;
  EXPECT_THAT(sendmsg(a_, bad.get(), 0), SyscallFailsWithErrno(EFAULT));
  Message huge("x");
  huge.get()->msg_control = huge.get();
  huge.get()->msg_controllen = size_t{1} << 32;
  EXPECT_THAT(sendmsg(a_, huge.get(), 0), SyscallFailsWithErrno(ENOBUFS));
}

TEST_P(SocketControlTest, DescriptorsOnTheirWayAreLimited) {
  EXPECT_THAT(RunInChild([&] {
                const rlimit limit = {40, 40};
                CHILD_CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
                CHILD_CHECK(setuid(kSomebody) == 0);
                for (int i = 0; i < 10; ++i) {
                  Message out("x");
                  out.AddRights(std::vector<int>(20, a_));
                  if (sendmsg(a_, out.get(), MSG_DONTWAIT) == 1) continue;
                  CHILD_CHECK(errno == ETOOMANYREFS);
                  return 0;
                }
                return 1;
              }),
              ExitedWith(0));
}

TEST_P(SocketControlTest, CredentialsComeWhenAskedFor) {
  ASSERT_THAT(send(a_, "before", 6, 0), SyscallSucceedsWithValue(6));
  PassCredentials(b_);
  ASSERT_THAT(send(a_, "after", 5, 0), SyscallSucceedsWithValue(5));
  Message first(20);
  ASSERT_THAT(recvmsg(b_, first.get(), 0), SyscallSucceedsWithValue(6)) << "not mixed with what has another sender";
  ucred who = Credentials(first);
  EXPECT_EQ(who.pid, 0);
  EXPECT_EQ(who.uid, 65534u);
  EXPECT_EQ(who.gid, 65534u);
  Message second(20);
  ASSERT_THAT(recvmsg(b_, second.get(), 0), SyscallSucceedsWithValue(5));
  who = Credentials(second);
  EXPECT_EQ(who.pid, getpid());
  EXPECT_EQ(who.uid, getuid());
  EXPECT_EQ(who.gid, getgid());
  // No room for them.
  ASSERT_THAT(send(a_, "x", 1, 0), SyscallSucceedsWithValue(1));
  Message none(20, 0);
  ASSERT_THAT(recvmsg(b_, none.get(), 0), SyscallSucceedsWithValue(1));
  EXPECT_EQ(none.get()->msg_flags, MSG_CTRUNC);
}

TEST_P(SocketControlTest, CredentialsAreChecked) {
  PassCredentials(b_);
  ucred claimed = {1, 12, 13};
  Message out("x");
  out.Add(SOL_SOCKET, SCM_CREDENTIALS, &claimed, sizeof(claimed));
  ASSERT_THAT(sendmsg(a_, out.get(), 0), SyscallSucceedsWithValue(1)) << "privileged";
  Message in(1);
  ASSERT_THAT(recvmsg(b_, in.get(), 0), SyscallSucceedsWithValue(1));
  EXPECT_EQ(Credentials(in).pid, 1);
  EXPECT_EQ(Credentials(in).uid, 12u);
  EXPECT_EQ(Credentials(in).gid, 13u);
  Message longer("x");
  longer.Add(SOL_SOCKET, SCM_CREDENTIALS, &claimed, sizeof(claimed) - 1);
  EXPECT_THAT(sendmsg(a_, longer.get(), 0), SyscallFailsWithErrno(EINVAL));
  claimed.pid = 4'000'000;
  Message nobody("x");
  nobody.Add(SOL_SOCKET, SCM_CREDENTIALS, &claimed, sizeof(claimed));
  EXPECT_THAT(sendmsg(a_, nobody.get(), 0), SyscallFailsWithErrno(ESRCH));
  EXPECT_THAT(RunInChild([&] {
                CHILD_CHECK(setgid(kSomebody) == 0);
                CHILD_CHECK(setuid(kSomebody) == 0);
                for (const ucred& wrong :
                     {ucred{1, kSomebody, kSomebody}, ucred{getpid(), 0, kSomebody}, ucred{getpid(), kSomebody, 0}}) {
                  Message lie("x");
                  lie.Add(SOL_SOCKET, SCM_CREDENTIALS, &wrong, sizeof(wrong));
                  CHILD_CHECK_ERRNO(sendmsg(a_, lie.get(), 0), EPERM);
                }
                const ucred right = {getpid(), kSomebody, kSomebody};
                Message truth("x");
                truth.Add(SOL_SOCKET, SCM_CREDENTIALS, &right, sizeof(right));
                CHILD_CHECK(sendmsg(a_, truth.get(), 0) == 1);
                return 0;
              }),
              ExitedWith(0));
}

INSTANTIATE_TEST_SUITE_P(Types, SocketControlTest, testing::Values(SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET),
                         [](const auto& info) {
                           return info.param == SOCK_STREAM  ? "Stream"
                                  : info.param == SOCK_DGRAM ? "Datagram"
                                                             : "Seqpacket";
                         });

TEST(StreamControlTest, ReadStopsBehindDescriptors) {
  SocketPair pair = MakeSocketPair(SOCK_STREAM);
  Message out("with");
  out.AddRights({pair.first.get()});
  ASSERT_THAT(write(pair.first.get(), "before", 6), SyscallSucceedsWithValue(6));
  ASSERT_THAT(sendmsg(pair.first.get(), out.get(), 0), SyscallSucceedsWithValue(4));
  ASSERT_THAT(write(pair.first.get(), "after", 5), SyscallSucceedsWithValue(5));
  Message in(100);
  ASSERT_THAT(recvmsg(pair.second.get(), in.get(), 0), SyscallSucceedsWithValue(10));
  EXPECT_EQ(in.data().substr(0, 10), "beforewith");
  EXPECT_EQ(in.Rights().size(), 1u);
  Message rest(100);
  ASSERT_THAT(recvmsg(pair.second.get(), rest.get(), MSG_DONTWAIT), SyscallSucceedsWithValue(5));
  EXPECT_EQ(rest.get()->msg_controllen, 0u);
}

TEST(PeerCredentialsTest, TellWhoConnected) {
  SocketPair pair = MakeSocketPair(SOCK_STREAM);
  ucred who = {};
  socklen_t length = sizeof(who);
  ASSERT_THAT(getsockopt(pair.first.get(), SOL_SOCKET, SO_PEERCRED, &who, &length), SyscallSucceeds());
  EXPECT_EQ(length, sizeof(who));
  EXPECT_EQ(who.pid, getpid());
  EXPECT_EQ(who.uid, geteuid());
  EXPECT_EQ(who.gid, getegid());
  UniqueFd alone = MakeUnixSocket(SOCK_STREAM);
  ASSERT_THAT(getsockopt(alone.get(), SOL_SOCKET, SO_PEERCRED, &who, &length), SyscallSucceeds());
  EXPECT_EQ(who.pid, 0);
  EXPECT_EQ(who.uid, static_cast<uid_t>(-1));
  EXPECT_EQ(who.gid, static_cast<gid_t>(-1));
  gid_t groups[4];
  length = sizeof(groups);
  EXPECT_THAT(getsockopt(alone.get(), SOL_SOCKET, SO_PEERGROUPS, groups, &length), SyscallFailsWithErrno(ENODATA));
}

TEST(PeerCredentialsTest, BothEndsOfAConnection) {
  const UnixAddress address = UnixAddress::Abstract("peers-" + std::to_string(getpid()));
  UniqueFd listener = ListenOn(address);
  Child child([&] {
    const gid_t groups[] = {7, 5};
    CHILD_CHECK(setgroups(2, groups) == 0);
    CHILD_CHECK(setegid(4321) == 0);
    CHILD_CHECK(seteuid(1234) == 0);
    UniqueFd client = MakeUnixSocket(SOCK_STREAM);
    CHILD_CHECK(connect(client.get(), address.get(), address.length) == 0);
    ucred who = {};
    socklen_t length = sizeof(who);
    CHILD_CHECK(getsockopt(client.get(), SOL_SOCKET, SO_PEERCRED, &who, &length) == 0);
    CHILD_CHECK(who.pid == getppid() && who.uid == 0);
    return ReadByte(client.get()) ? 0 : 1;
  });
  UniqueFd server(accept(listener.get(), nullptr, nullptr));
  ucred who = {};
  socklen_t length = sizeof(who);
  ASSERT_THAT(getsockopt(server.get(), SOL_SOCKET, SO_PEERCRED, &who, &length), SyscallSucceeds());
  EXPECT_EQ(who.pid, child.pid());
  EXPECT_EQ(who.uid, 1234u);
  EXPECT_EQ(who.gid, 4321u);
  gid_t groups[2] = {};
  length = sizeof(gid_t);
  EXPECT_THAT(getsockopt(server.get(), SOL_SOCKET, SO_PEERGROUPS, groups, &length), SyscallFailsWithErrno(ERANGE));
  EXPECT_EQ(length, sizeof(groups));
  ASSERT_THAT(getsockopt(server.get(), SOL_SOCKET, SO_PEERGROUPS, groups, &length), SyscallSucceeds());
  EXPECT_EQ(groups[0], 5u);
  EXPECT_EQ(groups[1], 7u);
  EXPECT_TRUE(WriteByte(server.get()));
  EXPECT_THAT(child.Wait(), ExitedWith(0));
}

}  // namespace
}  // namespace tests
