// SPDX-License-Identifier: Apache-2.0
//
// The PASS and FAIL samples of the helpers' comments, run: a helper that cannot fail tests nothing.
#include <fcntl.h>
#include <gtest/gtest-spi.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/util/fork.h"
#include "tests/util/mapping.h"
#include "tests/util/matchers.h"
#include "tests/util/raw_syscall.h"
#include "tests/util/signals.h"
#include "tests/util/temp_path.h"
#include "tests/util/unique_fd.h"

namespace tests {
namespace {

TEST(MatcherTest, SyscallSucceeds) {
  EXPECT_THAT(close(open("/tmp", O_RDONLY)), SyscallSucceeds());
  EXPECT_NONFATAL_FAILURE(EXPECT_THAT(close(-1), SyscallSucceeds()), "which failed with EBADF (Bad file descriptor)");
}

TEST(MatcherTest, SyscallSucceedsWithValue) {
  EXPECT_THAT(getpid(), SyscallSucceedsWithValue(testing::Gt(0)));
  EXPECT_THAT(fcntl(0, F_GETFD), SyscallSucceedsWithValue(0));
  EXPECT_NONFATAL_FAILURE(EXPECT_THAT(getuid() + 1L, SyscallSucceedsWithValue(2)), "is equal to 2");
  EXPECT_NONFATAL_FAILURE(EXPECT_THAT(close(-1), SyscallSucceedsWithValue(-1)), "EBADF");
}

TEST(MatcherTest, SyscallFailsWithErrno) {
  EXPECT_THAT(close(-1), SyscallFailsWithErrno(EBADF));
  EXPECT_NONFATAL_FAILURE(EXPECT_THAT(close(-1), SyscallFailsWithErrno(EINVAL)), "which failed with EBADF");
  EXPECT_NONFATAL_FAILURE(EXPECT_THAT(getpid(), SyscallFailsWithErrno(EINVAL)), "which succeeded");
}

TEST(MatcherTest, WaitStatus) {
  EXPECT_THAT(RunInChild([] { return 3; }), ExitedWith(3));
  EXPECT_THAT(RunInChild([] { return raise(SIGKILL); }), KilledBy(SIGKILL));
  EXPECT_NONFATAL_FAILURE(EXPECT_THAT(3 << 8, ExitedWith(0)), "which exited with 3");
  EXPECT_NONFATAL_FAILURE(EXPECT_THAT(int{SIGTERM}, ExitedWith(0)), "which was killed by SIGTERM");
  EXPECT_NONFATAL_FAILURE(EXPECT_THAT(0, KilledBy(SIGTERM)), "which exited with 0");
}

TEST(ForkHelperTest, FailedChecksEndTheChild) {
  const int null = open("/dev/null", O_WRONLY);
  auto quietly = [null](auto body) {
    return RunInChild([=] {
      dup2(null, STDERR_FILENO);
      body();
      return 0;
    });
  };
  EXPECT_THAT(quietly([] { CHILD_CHECK(true); }), ExitedWith(0));
  EXPECT_THAT(quietly([] { CHILD_CHECK(false); }), ExitedWith(kChildCheckFailed));
  EXPECT_THAT(quietly([] { CHILD_CHECK_ERRNO(close(-1), EBADF); }), ExitedWith(0));
  EXPECT_THAT(quietly([] { CHILD_CHECK_ERRNO(close(-1), EINVAL); }), ExitedWith(kChildCheckFailed));
  EXPECT_THAT(quietly([] { CHILD_CHECK_ERRNO(getpid(), EBADF); }), ExitedWith(kChildCheckFailed));
  close(null);
}

TEST(ForkHelperTest, AbandonedChildIsKilledAndReaped) {
  pid_t pid = 0;
  {
    Child child([] {
      for (;;) pause();
      return 0;
    });
    pid = child.pid();
    EXPECT_EQ(kill(pid, 0), 0);
  }
  EXPECT_THAT(kill(pid, 0), SyscallFailsWithErrno(ESRCH));
}

TEST(TempPathTest, IsRemovedByItsMakerOnly) {
  std::string kept;
  {
    TempPath directory = TempPath::Directory();
    kept = directory.path();
    Open(directory / "file", O_CREAT | O_RDWR);
    ASSERT_EQ(mkdir((directory / "sub").c_str(), 0000), 0);
    EXPECT_THAT(RunInChild([&] {
                  TempPath moved = std::move(directory);
                  return 0;
                }),
                ExitedWith(0));
    EXPECT_EQ(access(kept.c_str(), F_OK), 0);
  }
  EXPECT_THAT(access(kept.c_str(), F_OK), SyscallFailsWithErrno(ENOENT));
}

TEST(UniqueFdTest, ClosesOnce) {
  int number = -1;
  {
    UniqueFd fd = Open("/tmp", O_RDONLY);
    number = fd.get();
    UniqueFd moved = std::move(fd);
    EXPECT_FALSE(fd.ok());
    EXPECT_EQ(moved.get(), number);
  }
  EXPECT_THAT(fcntl(number, F_GETFD), SyscallFailsWithErrno(EBADF));
  EXPECT_NONFATAL_FAILURE(Open("/nowhere", O_RDONLY), "open /nowhere: No such file or directory");
}

TEST(MappingTest, UnmapsAndGuards) {
  const void* address;
  {
    Mapping page = Mapping::Anonymous(kPageSize);
    address = page.get();
    page.bytes()[0] = 1;
  }
  EXPECT_THAT(RawSyscall(SYS_msync, address, kPageSize, MS_ASYNC), SyscallFailsWithErrno(ENOMEM));
  EXPECT_THAT(RunInChild([] {
                Mapping guarded = Mapping::WithGuard();
                static_cast<volatile char*>(guarded.bytes())[kPageSize] = 1;
                return 0;
              }),
              KilledBy(SIGSEGV));
}

TEST(SignalHelperTest, ActionsAndMasksAreRestored) {
  struct sigaction before = {};
  sigaction(SIGUSR1, nullptr, &before);
  {
    ScopedAction action(SIGUSR1, SIG_IGN);
    ScopedMask mask(SIG_BLOCK, {SIGUSR2});
    raise(SIGUSR1);
  }
  struct sigaction after = {};
  sigset_t blocked;
  sigaction(SIGUSR1, nullptr, &after);
  pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
  EXPECT_EQ(after.sa_handler, before.sa_handler);
  EXPECT_FALSE(sigismember(&blocked, SIGUSR2));
}

TEST(SignalHelperTest, PesterInterruptsWhatBlocks) {
  ScopedAction action(SIGUSR1, [](int) {});
  Pester pester(SIGUSR1);
  EXPECT_THAT(pause(), SyscallFailsWithErrno(EINTR));
}

TEST(RawSyscallTest, WidensSignedValues) {
  EXPECT_EQ(SyscallWord(-1), -1L);
  EXPECT_EQ(SyscallWord(0xffffffffu), 0xffffffffL);
  EXPECT_EQ(SyscallWord(nullptr), 0);
}

}  // namespace
}  // namespace tests
