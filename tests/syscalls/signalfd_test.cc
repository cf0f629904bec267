// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

#include "tests/util/fork.h"
#include "tests/util/matchers.h"
#include "tests/util/raw_syscall.h"
#include "tests/util/signals.h"
#include "tests/util/temp_path.h"
#include "tests/util/unique_fd.h"

namespace tests {
namespace {

class SignalfdTest : public ::testing::Test {
 protected:
  SignalfdTest()
      : mask_(SIG_BLOCK, {SIGUSR1, SIGUSR2, SIGCHLD, SIGRTMIN}),
        set_(SignalSet({SIGUSR1, SIGCHLD, SIGRTMIN})),
        fd_(signalfd(-1, &set_, SFD_NONBLOCK)) {}

  signalfd_siginfo Read() {
    signalfd_siginfo info{};
    EXPECT_THAT(read(fd_.get(), &info, sizeof(info)), SyscallSucceedsWithValue(128));
    return info;
  }

  ScopedMask mask_;
  sigset_t set_;
  UniqueFd fd_;
};

TEST_F(SignalfdTest, ReadTakesTheSignal) {
  ASSERT_TRUE(fd_.ok());
  signalfd_siginfo info{};
  EXPECT_THAT(read(fd_.get(), &info, sizeof(info)), SyscallFailsWithErrno(EAGAIN));
  kill(getpid(), SIGUSR1);
  info = Read();
  EXPECT_EQ(info.ssi_signo, static_cast<uint32_t>(SIGUSR1));
  EXPECT_EQ(info.ssi_code, SI_USER);
  EXPECT_EQ(info.ssi_pid, static_cast<uint32_t>(getpid()));
  EXPECT_EQ(info.ssi_uid, getuid());
  EXPECT_THAT(read(fd_.get(), &info, sizeof(info)), SyscallFailsWithErrno(EAGAIN));
}

TEST_F(SignalfdTest, SeveralAreReadAtOnceInOrder) {
  sigval value{};
  value.sival_int = 11;
  sigqueue(getpid(), SIGRTMIN, value);
  value.sival_int = 12;
  sigqueue(getpid(), SIGRTMIN, value);
  kill(getpid(), SIGUSR1);
  signalfd_siginfo info[4] = {};
  EXPECT_THAT(read(fd_.get(), info, sizeof(info)), SyscallSucceedsWithValue(3 * 128));
  EXPECT_EQ(info[0].ssi_signo, static_cast<uint32_t>(SIGUSR1));
  EXPECT_EQ(info[1].ssi_int, 11);
  EXPECT_EQ(info[2].ssi_int, 12);
  EXPECT_EQ(info[2].ssi_code, SI_QUEUE);
}

TEST_F(SignalfdTest, TellsOfChildren) {
  Child child([] { return 3; });
  pollfd request = {fd_.get(), POLLIN, 0};
  ASSERT_EQ(poll(&request, 1, -1), 1);
  signalfd_siginfo info = Read();
  EXPECT_EQ(info.ssi_signo, static_cast<uint32_t>(SIGCHLD));
  EXPECT_EQ(info.ssi_code, CLD_EXITED);
  EXPECT_EQ(info.ssi_pid, static_cast<uint32_t>(child.pid()));
  EXPECT_EQ(info.ssi_status, 3);
}

TEST_F(SignalfdTest, PollAndEpollSeeOnlySignalsOfTheMask) {
  pollfd request = {fd_.get(), POLLIN, 0};
  kill(getpid(), SIGUSR2);
  EXPECT_EQ(poll(&request, 1, 0), 0);
  kill(getpid(), SIGUSR1);
  EXPECT_EQ(poll(&request, 1, 0), 1);
  EXPECT_EQ(request.revents, POLLIN);
  UniqueFd epoll(epoll_create1(0));
  epoll_event event = {EPOLLIN, {.u32 = 1}};
  ASSERT_THAT(epoll_ctl(epoll.get(), EPOLL_CTL_ADD, fd_.get(), &event), SyscallSucceeds());
  EXPECT_THAT(epoll_wait(epoll.get(), &event, 1, -1), SyscallSucceedsWithValue(1));
  Read();
  EXPECT_THAT(epoll_wait(epoll.get(), &event, 1, 0), SyscallSucceedsWithValue(0));
  Child child([parent = getpid()] { return kill(parent, SIGUSR1); });
  EXPECT_THAT(epoll_wait(epoll.get(), &event, 1, -1), SyscallSucceedsWithValue(1));
  const sigset_t other = SignalSet({SIGUSR2});
  const timespec none = {0, 0};
  EXPECT_THAT(sigtimedwait(&other, nullptr, &none), SyscallSucceedsWithValue(SIGUSR2));
}

TEST_F(SignalfdTest, TheMaskCanBeReplaced) {
  const sigset_t other = SignalSet({SIGUSR2});
  EXPECT_THAT(signalfd(fd_.get(), &other, 0), SyscallSucceedsWithValue(fd_.get()));
  kill(getpid(), SIGUSR2);
  EXPECT_EQ(Read().ssi_signo, static_cast<uint32_t>(SIGUSR2));
}

TEST_F(SignalfdTest, ABlockingReadWaits) {
  UniqueFd fd(signalfd(-1, &set_, 0));
  Child child([parent = getpid()] { return kill(parent, SIGUSR1); });
  signalfd_siginfo info{};
  do {
    EXPECT_THAT(read(fd.get(), &info, sizeof(info)), SyscallSucceedsWithValue(128));
  } while (info.ssi_signo != static_cast<uint32_t>(SIGUSR1));
  EXPECT_EQ(info.ssi_pid, static_cast<uint32_t>(child.pid()));
}

TEST_F(SignalfdTest, KillAndStopAreLeftOutOfTheMask) {
  const sigset_t set = SignalSet({SIGKILL, SIGSTOP, SIGUSR1});
  UniqueFd fd(signalfd(-1, &set, 0));
  std::string text = ReadWholeFile("/proc/self/fdinfo/" + std::to_string(fd.get()));
  EXPECT_NE(text.find("sigmask:\t0000000000000200\n"), std::string::npos) << text;
}

TEST_F(SignalfdTest, Errors) {
  char small[127];
  EXPECT_THAT(read(fd_.get(), small, sizeof(small)), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(write(fd_.get(), small, 8), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RawSyscall(SYS_signalfd4, -1, &set_, 4, 0), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RawSyscall(SYS_signalfd4, -1, BadPointer(), 8, 0), SyscallFailsWithErrno(EFAULT));
  EXPECT_THAT(RawSyscall(SYS_signalfd4, -1, &set_, 8, 1), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RawSyscall(SYS_signalfd4, 999, &set_, 8, 0), SyscallFailsWithErrno(EBADF));
  UniqueFd null = Open("/dev/null", O_RDWR);
  EXPECT_THAT(RawSyscall(SYS_signalfd4, null.get(), &set_, 8, 0), SyscallFailsWithErrno(EINVAL));
  kill(getpid(), SIGUSR1);
  EXPECT_THAT(RawSyscall(SYS_read, fd_.get(), BadPointer(), 128), SyscallFailsWithErrno(EFAULT));
}

}  // namespace
}  // namespace tests
