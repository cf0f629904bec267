// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>
#include <thread>

#include "tests/util/fork.h"
#include "tests/util/matchers.h"
#include "tests/util/raw_syscall.h"
#include "tests/util/signals.h"
#include "tests/util/temp_path.h"
#include "tests/util/unique_fd.h"

namespace tests {
namespace {

constexpr idtype_t kPidfd = static_cast<idtype_t>(3);  // P_PIDFD

UniqueFd OpenPidfd(pid_t pid, unsigned flags = 0) {
  return UniqueFd(static_cast<int>(RawSyscall(SYS_pidfd_open, pid, flags)));
}

int PauseForEver() {
  while (true) pause();
}

short Poll(int fd, int timeout) {
  pollfd request = {fd, POLLIN, 0};
  return poll(&request, 1, timeout) == 1 ? request.revents : static_cast<short>(0);
}

TEST(PidfdTest, IsReadableOnceTheProcessHasEnded) {
  Child child(PauseForEver);
  UniqueFd fd = OpenPidfd(child.pid());
  ASSERT_TRUE(fd.ok());
  EXPECT_EQ(fcntl(fd.get(), F_GETFD), FD_CLOEXEC);
  EXPECT_EQ(Poll(fd.get(), 0), 0);
  EXPECT_THAT(RawSyscall(SYS_pidfd_send_signal, fd.get(), SIGTERM, nullptr, 0), SyscallSucceeds());
  EXPECT_EQ(Poll(fd.get(), -1) & POLLIN, POLLIN);
  EXPECT_THAT(child.Wait(), KilledBy(SIGTERM));
  EXPECT_THAT(RawSyscall(SYS_pidfd_send_signal, fd.get(), 0, nullptr, 0), SyscallFailsWithErrno(ESRCH));
  EXPECT_EQ(Poll(fd.get(), 0) & POLLIN, POLLIN);
}

TEST(PidfdTest, WaitidTakesOne) {
  Child child([] { return 4; });
  UniqueFd fd = OpenPidfd(child.pid());
  siginfo_t info{};
  EXPECT_THAT(waitid(kPidfd, static_cast<id_t>(fd.get()), &info, WEXITED), SyscallSucceeds());
  EXPECT_EQ(info.si_pid, child.pid());
  EXPECT_EQ(info.si_status, 4);
  child.Disown();
  EXPECT_THAT(waitid(kPidfd, static_cast<id_t>(fd.get()), &info, WEXITED), SyscallFailsWithErrno(ECHILD));
}

TEST(PidfdTest, WaitidOfANonblockingOneIsEagain) {
  Child child(PauseForEver);
  UniqueFd fd = OpenPidfd(child.pid(), O_NONBLOCK);
  ASSERT_TRUE(fd.ok());
  siginfo_t info{};
  EXPECT_THAT(waitid(kPidfd, static_cast<id_t>(fd.get()), &info, WEXITED), SyscallFailsWithErrno(EAGAIN));
  EXPECT_THAT(waitid(kPidfd, static_cast<id_t>(fd.get()), &info, WEXITED | WNOHANG), SyscallSucceeds());
}

TEST(PidfdTest, WaitidErrors) {
  siginfo_t info{};
  EXPECT_THAT(waitid(kPidfd, static_cast<id_t>(-1), &info, WEXITED), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(waitid(kPidfd, 999, &info, WEXITED), SyscallFailsWithErrno(EBADF));
  UniqueFd null = Open("/dev/null", O_RDONLY);
  EXPECT_THAT(waitid(kPidfd, static_cast<id_t>(null.get()), &info, WEXITED), SyscallFailsWithErrno(EBADF));
}

TEST(PidfdTest, SendsDetails) {
  ScopedMask mask(SIG_BLOCK, {SIGUSR1});
  UniqueFd fd = OpenPidfd(getpid());
  siginfo_t info{};
  info.si_signo = SIGUSR1;
  info.si_code = SI_QUEUE;
  info.si_value.sival_int = 9;
  EXPECT_THAT(RawSyscall(SYS_pidfd_send_signal, fd.get(), SIGUSR1, &info, 0), SyscallSucceeds());
  const sigset_t set = SignalSet({SIGUSR1});
  siginfo_t got{};
  EXPECT_THAT(sigwaitinfo(&set, &got), SyscallSucceedsWithValue(SIGUSR1));
  EXPECT_EQ(got.si_value.sival_int, 9);
}

TEST(PidfdTest, SendErrors) {
  UniqueFd fd = OpenPidfd(getpid());
  siginfo_t info{};
  info.si_signo = SIGUSR2;
  EXPECT_THAT(RawSyscall(SYS_pidfd_send_signal, fd.get(), SIGUSR1, &info, 0), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RawSyscall(SYS_pidfd_send_signal, fd.get(), 65, nullptr, 0), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RawSyscall(SYS_pidfd_send_signal, fd.get(), 0, nullptr, 0x100), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RawSyscall(SYS_pidfd_send_signal, fd.get(), SIGUSR1, BadPointer(), 0), SyscallFailsWithErrno(EFAULT));
  EXPECT_THAT(RawSyscall(SYS_pidfd_send_signal, -1, 0, nullptr, 0), SyscallFailsWithErrno(EBADF));
  UniqueFd null = Open("/dev/null", O_RDONLY);
  EXPECT_THAT(RawSyscall(SYS_pidfd_send_signal, null.get(), 0, nullptr, 0), SyscallFailsWithErrno(EBADF));
}

TEST(PidfdTest, OpenErrors) {
  EXPECT_THAT(RawSyscall(SYS_pidfd_open, 0, 0), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RawSyscall(SYS_pidfd_open, -1, 0), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RawSyscall(SYS_pidfd_open, getpid(), 0x40000000), SyscallFailsWithErrno(EINVAL));
  pid_t gone = 0;
  {
    Child child([] { return 0; });
    gone = child.pid();
    child.Wait();
  }
  EXPECT_THAT(RawSyscall(SYS_pidfd_open, gone, 0), SyscallFailsWithErrno(ESRCH));
}

TEST(PidfdTest, CannotBeReadOrWritten) {
  UniqueFd fd = OpenPidfd(getpid());
  char byte = 0;
  EXPECT_THAT(read(fd.get(), &byte, 1), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(write(fd.get(), &byte, 1), SyscallFailsWithErrno(EINVAL));
}

TEST(PidfdTest, GetfdTakesADescriptorOfTheProcess) {
  Pipe pipe = MakePipe();
  Child child(PauseForEver);
  int number = pipe.writer.get();
  pipe.writer.reset();
  UniqueFd fd = OpenPidfd(child.pid());
  UniqueFd taken(static_cast<int>(RawSyscall(SYS_pidfd_getfd, fd.get(), number, 0)));
  ASSERT_TRUE(taken.ok());
  EXPECT_EQ(fcntl(taken.get(), F_GETFD), FD_CLOEXEC);
  EXPECT_TRUE(WriteByte(taken.get(), 'q'));
  char byte = 0;
  EXPECT_TRUE(ReadByte(pipe.reader.get(), &byte));
  EXPECT_EQ(byte, 'q');
  EXPECT_THAT(RawSyscall(SYS_pidfd_getfd, fd.get(), 999, 0), SyscallFailsWithErrno(EBADF));
  EXPECT_THAT(RawSyscall(SYS_pidfd_getfd, fd.get(), number, 1), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RawSyscall(SYS_pidfd_getfd, -1, number, 0), SyscallFailsWithErrno(EBADF));
}

TEST(PidfdTest, FdinfoTellsThePid) {
  UniqueFd fd = OpenPidfd(getpid());
  std::string text = ReadWholeFile("/proc/self/fdinfo/" + std::to_string(fd.get()));
  EXPECT_NE(text.find("Pid:\t" + std::to_string(getpid()) + "\n"), std::string::npos) << text;
}

TEST(PidfdTest, CloneGivesOneToTheParent) {
  int number = -1;
  pid_t child = static_cast<pid_t>(RawSyscall(SYS_clone, CLONE_PIDFD | SIGCHLD, nullptr, &number, nullptr, 0));
  if (child == 0) {
    pause();
    _exit(0);
  }
  ASSERT_THAT(child, SyscallSucceeds());
  UniqueFd fd(number);
  EXPECT_EQ(fcntl(fd.get(), F_GETFD), FD_CLOEXEC);
  EXPECT_THAT(RawSyscall(SYS_pidfd_send_signal, fd.get(), SIGKILL, nullptr, 0), SyscallSucceeds());
  siginfo_t info{};
  EXPECT_THAT(waitid(kPidfd, static_cast<id_t>(number), &info, WEXITED), SyscallSucceeds());
  EXPECT_EQ(info.si_pid, child);
}

TEST(PidfdTest, CloneRefusesItWithAnotherMeaningOfThePlace) {
  int number = -1;
  EXPECT_THAT(RawSyscall(SYS_clone, CLONE_PIDFD | CLONE_PARENT_SETTID | SIGCHLD, nullptr, &number, nullptr, 0),
              SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RawSyscall(SYS_clone, CLONE_PIDFD | CLONE_DETACHED | SIGCHLD, nullptr, &number, nullptr, 0),
              SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RawSyscall(SYS_clone, CLONE_PIDFD | SIGCHLD, nullptr, BadPointer(), nullptr, 0),
              SyscallFailsWithErrno(EFAULT));
}

}  // namespace
}  // namespace tests
