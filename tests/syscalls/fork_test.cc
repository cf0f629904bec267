// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/times.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <set>
#include <thread>
#include <vector>

#include "tests/util/fork.h"
#include "tests/util/mapping.h"
#include "tests/util/matchers.h"
#include "tests/util/raw_syscall.h"
#include "tests/util/signals.h"
#include "tests/util/temp_path.h"
#include "tests/util/unique_fd.h"

namespace tests {
namespace {

// Runs `body(argument)` in a child made with these clone flags on a stack of its own; returns its tid.
class ClonedChild {
 public:
  ClonedChild(int (*body)(void*), void* argument, int flags, pid_t* parent_tid = nullptr, pid_t* child_tid = nullptr)
      : stack_(Mapping::Anonymous(16 * kPageSize)) {
    tid_ = clone(body, stack_.bytes() + stack_.size(), flags, argument, parent_tid, nullptr, child_tid);
  }
  int tid() const { return tid_; }
  int Wait() const {
    int status = -1;
    EXPECT_THAT(waitpid(tid_, &status, __WALL), SyscallSucceedsWithValue(tid_));
    return status;
  }

 private:
  Mapping stack_;
  int tid_;
};

TEST(ForkTest, ChildHasItsOwnPidAndKnowsItsParent) {
  const pid_t parent = getpid();
  Pipe pipe = MakePipe();
  Child child([&] {
    const pid_t self = getpid();
    CHILD_CHECK(self != parent && getppid() == parent && gettid() == self);
    return write(pipe.writer.get(), &self, sizeof(self)) == sizeof(self) ? 0 : 1;
  });
  pid_t told = 0;
  ASSERT_THAT(read(pipe.reader.get(), &told, sizeof(told)), SyscallSucceedsWithValue(4));
  EXPECT_EQ(told, child.pid());
  EXPECT_THAT(child.Wait(), ExitedWith(0));
}

TEST(ForkTest, PrivateMemoryIsCopiedBothWays) {
  Mapping page = Mapping::Anonymous(kPageSize);
  Pipe pipe = MakePipe();
  volatile char* value = page.bytes();
  *value = 1;
  Child child([&] {
    CHILD_CHECK(ReadByte(pipe.reader.get()));
    CHILD_CHECK(*value == 1);
    *value = 3;
    return 0;
  });
  *value = 2;
  ASSERT_TRUE(WriteByte(pipe.writer.get()));
  EXPECT_THAT(child.Wait(), ExitedWith(0));
  EXPECT_EQ(*value, 2);
}

TEST(ForkTest, LargeDirtyMemoryArrivesWhole) {
  constexpr size_t kSize = 32 * 1024 * 1024;
  Mapping memory = Mapping::Anonymous(kSize);
  for (size_t at = 0; at < kSize; at += kPageSize) memory.bytes()[at] = static_cast<char>(at / kPageSize);
  EXPECT_THAT(RunInChild([&] {
                for (size_t at = 0; at < kSize; at += kPageSize) {
                  CHILD_CHECK(memory.bytes()[at] == static_cast<char>(at / kPageSize));
                }
                return 0;
              }),
              ExitedWith(0));
}

TEST(ForkTest, DescriptorsAreCopiedButShareTheOffset) {
  TempPath file = TempPath::File("0123456789");
  UniqueFd fd = Open(file.path(), O_RDONLY);
  EXPECT_THAT(RunInChild([&] {
                CHILD_CHECK(lseek(fd.get(), 4, SEEK_SET) == 4);
                CHILD_CHECK(close(fd.get()) == 0);
                return 0;
              }),
              ExitedWith(0));
  EXPECT_THAT(lseek(fd.get(), 0, SEEK_CUR), SyscallSucceedsWithValue(4));
}

TEST(ForkTest, OnlyTheCallingThreadIsCopied) {
  std::atomic<bool> stop{false};
  static std::atomic<uint64_t> ticks;
  std::thread ticker([&] {
    while (!stop) {
      ++ticks;
      sched_yield();
    }
  });
  EXPECT_THAT(RunInChild([] {
                const uint64_t before = ticks;
                for (int i = 0; i < 1000; ++i) sched_yield();
                return ticks == before ? 0 : 1;
              }),
              ExitedWith(0));
  stop = true;
  ticker.join();
}

TEST(ForkTest, PendingSignalsAreNotInheritedButTheMaskIs) {
  ScopedMask mask(SIG_BLOCK, {SIGUSR1});
  raise(SIGUSR1);
  EXPECT_THAT(RunInChild([] {
                sigset_t pending;
                sigset_t blocked;
                CHILD_CHECK(sigpending(&pending) == 0 && !sigismember(&pending, SIGUSR1));
                CHILD_CHECK(sigprocmask(SIG_SETMASK, nullptr, &blocked) == 0 && sigismember(&blocked, SIGUSR1));
                return 0;
              }),
              ExitedWith(0));
  const sigset_t set = SignalSet({SIGUSR1});
  siginfo_t info;
  EXPECT_THAT(sigwaitinfo(&set, &info), SyscallSucceedsWithValue(SIGUSR1));
}

TEST(ForkTest, ChildTimesStartAtZero) {
  EXPECT_THAT(RunInChild([] {
                struct tms times_now = {};
                CHILD_CHECK(times(&times_now) != -1);
                CHILD_CHECK(times_now.tms_cutime == 0 && times_now.tms_cstime == 0);
                return 0;
              }),
              ExitedWith(0));
}

TEST(ForkTest, ManyGenerationsEachForkTheNext) {
  EXPECT_THAT(RunInChild([] {
                for (int depth = 0; depth < 20; ++depth) {
                  const pid_t pid = fork();
                  CHILD_CHECK(pid >= 0);
                  if (pid > 0) {
                    int status = 0;
                    CHILD_CHECK(waitpid(pid, &status, 0) == pid);
                    CHILD_CHECK(WIFEXITED(status));
                    _exit(WEXITSTATUS(status) + 1);
                  }
                }
                return 0;
              }),
              ExitedWith(20));
}

TEST(ForkTest, FiftyChildrenAtOnceAllReport) {
  Pipe pipe = MakePipe();
  std::vector<Child> children;
  for (int i = 0; i < 50; ++i) {
    children.emplace_back([&, i] { return WriteByte(pipe.writer.get(), static_cast<char>(i)) ? i : 99; });
  }
  pipe.writer.reset();
  std::set<char> seen;
  for (char byte; ReadByte(pipe.reader.get(), &byte);) seen.insert(byte);
  EXPECT_EQ(seen.size(), 50u);
  for (int i = 0; i < 50; ++i) EXPECT_THAT(children[i].Wait(), ExitedWith(i));
}

TEST(VforkTest, ParentSeesTheChildsWritesAndWaitsForItsExit) {
  volatile int value = 0;
  const pid_t pid = vfork();
  if (pid == 0) {
    value = 42;
    _exit(7);
  }
  ASSERT_GT(pid, 0);
  EXPECT_EQ(value, 42);
  int status = 0;
  EXPECT_THAT(waitpid(pid, &status, 0), SyscallSucceedsWithValue(pid));
  EXPECT_THAT(status, ExitedWith(7));
}

TEST(CloneTest, VmSharesMemoryAndStaysAProcess) {
  static std::atomic<int> value;
  static std::atomic<pid_t> seen_pid;
  value = 0;
  ClonedChild child(
      [](void*) {
        value = 5;
        seen_pid = static_cast<pid_t>(RawSyscall(SYS_getpid));
        return 9;
      },
      nullptr, CLONE_VM | SIGCHLD);
  ASSERT_GT(child.tid(), 0);
  EXPECT_THAT(child.Wait(), ExitedWith(9));
  EXPECT_EQ(value, 5);
  EXPECT_EQ(seen_pid, child.tid());
}

TEST(CloneTest, WithoutVmMemoryIsCopied) {
  static int value = 1;
  ClonedChild child([](void*) { return value = 2; }, nullptr, SIGCHLD);
  EXPECT_THAT(child.Wait(), ExitedWith(2));
  EXPECT_EQ(value, 1);
}

TEST(CloneTest, FilesSharesTheDescriptorTable) {
  static int fd;
  fd = -1;
  ClonedChild child(
      [](void*) {
        fd = static_cast<int>(RawSyscall(SYS_open, "/dev/null", O_RDONLY, 0));
        return 0;
      },
      nullptr, CLONE_VM | CLONE_FILES | SIGCHLD);
  EXPECT_THAT(child.Wait(), ExitedWith(0));
  EXPECT_THAT(fcntl(fd, F_GETFD), SyscallSucceeds());
  EXPECT_THAT(close(fd), SyscallSucceeds());
}

TEST(CloneTest, FsSharesTheWorkingDirectoryAndUmask) {
  EXPECT_THAT(RunInChild([] {
                umask(022);
                ClonedChild child(
                    [](void*) {
                      RawSyscall(SYS_umask, 071);
                      return static_cast<int>(RawSyscall(SYS_chdir, "/tmp"));
                    },
                    nullptr, CLONE_VM | CLONE_FS | SIGCHLD);
                CHILD_CHECK(child.Wait() == 0);
                char buffer[64];
                CHILD_CHECK(getcwd(buffer, sizeof(buffer)) && strcmp(buffer, "/tmp") == 0);
                CHILD_CHECK(umask(0) == 071);
                return 0;
              }),
              ExitedWith(0));
}

TEST(CloneTest, ParentSettidAndChildSettidAreStored) {
  static pid_t parent_tid;
  static pid_t child_tid;
  parent_tid = child_tid = 0;
  ClonedChild child([](void*) { return 0; }, nullptr, CLONE_VM | CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | SIGCHLD,
                    &parent_tid, &child_tid);
  EXPECT_EQ(parent_tid, child.tid());
  EXPECT_THAT(child.Wait(), ExitedWith(0));
  EXPECT_EQ(child_tid, child.tid());
}

TEST(CloneTest, ChildCleartidZeroesTheWordAtExit) {
  static pid_t word;
  word = 77;
  ClonedChild child([](void*) { return 0; }, nullptr, CLONE_VM | CLONE_CHILD_CLEARTID | SIGCHLD, nullptr, &word);
  EXPECT_THAT(child.Wait(), ExitedWith(0));
  EXPECT_EQ(word, 0);
}

TEST(CloneTest, VforkFlagWaitsForTheChild) {
  static std::atomic<int> value;
  value = 0;
  ClonedChild child(
      [](void*) {
        for (int i = 0; i < 1000; ++i) RawSyscall(SYS_sched_yield);
        value = 1;
        return 0;
      },
      nullptr, CLONE_VM | CLONE_VFORK | SIGCHLD);
  EXPECT_EQ(value, 1);
  EXPECT_THAT(child.Wait(), ExitedWith(0));
}

TEST(CloneTest, ParentFlagMakesASibling) {
  EXPECT_THAT(RunInChild([] {
                // The middle process clones its own sibling, which this one, the parent of both, reaps.
                Pipe pipe = MakePipe();
                const pid_t middle = fork();
                if (middle == 0) {
                  const pid_t sibling = static_cast<pid_t>(RawSyscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0));
                  if (sibling == 0) _exit(33);
                  CHILD_CHECK(write(pipe.writer.get(), &sibling, sizeof(sibling)) == sizeof(sibling));
                  _exit(0);
                }
                pid_t sibling = 0;
                int status = 0;
                CHILD_CHECK(read(pipe.reader.get(), &sibling, sizeof(sibling)) == sizeof(sibling));
                CHILD_CHECK(waitpid(sibling, &status, 0) == sibling && WEXITSTATUS(status) == 33);
                CHILD_CHECK(waitpid(middle, &status, 0) == middle);
                return 0;
              }),
              ExitedWith(0));
}

TEST(CloneTest, FlagsThatNeedOthersAreEinval) {
  EXPECT_THAT(RawSyscall(SYS_clone, CLONE_SIGHAND | SIGCHLD, 0, 0, 0, 0), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RawSyscall(SYS_clone, CLONE_THREAD | CLONE_VM, 0, 0, 0, 0), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RawSyscall(SYS_clone, CLONE_NEWNS | CLONE_FS | SIGCHLD, 0, 0, 0, 0), SyscallFailsWithErrno(EINVAL));
}

TEST(CloneTest, ExitSignalOtherThanSigchldNeedsWall) {
  ClonedChild child([](void*) { return 3; }, nullptr, CLONE_VM);
  EXPECT_THAT(waitpid(child.tid(), nullptr, WNOHANG), SyscallFailsWithErrno(ECHILD));
  EXPECT_THAT(child.Wait(), ExitedWith(3));
}

TEST(CloneTest, ExitSignalThatIsNoSignalIsNotSent) {
  for (const int number : {65, 200, 255}) {
    const long pid = RawSyscall(SYS_clone, number, 0, 0, 0, 0);
    if (pid == 0) _exit(4);
    ASSERT_GT(pid, 0);
    int status = 0;
    EXPECT_THAT(waitpid(static_cast<pid_t>(pid), &status, __WALL), SyscallSucceedsWithValue(pid));
    EXPECT_THAT(status, ExitedWith(4));
  }
}

TEST(Clone3Test, ForksLikeClone) {
  clone_args arguments = {};
  arguments.exit_signal = SIGCHLD;
  const long pid = RawSyscall(SYS_clone3, &arguments, sizeof(arguments));
  if (pid == 0) _exit(11);
  ASSERT_GT(pid, 0);
  int status = 0;
  EXPECT_THAT(waitpid(static_cast<pid_t>(pid), &status, 0), SyscallSucceedsWithValue(pid));
  EXPECT_THAT(status, ExitedWith(11));
}

TEST(Clone3Test, SizeAndContentAreChecked) {
  Mapping page = Mapping::Anonymous(kPageSize);
  clone_args* arguments = page.as<clone_args>();
  arguments->exit_signal = SIGCHLD;
  EXPECT_THAT(RawSyscall(SYS_clone3, arguments, 63), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RawSyscall(SYS_clone3, arguments, kPageSize + 1), SyscallFailsWithErrno(E2BIG));
  EXPECT_THAT(RawSyscall(SYS_clone3, BadPointer(), 64), SyscallFailsWithErrno(EFAULT));
  page.bytes()[200] = 1;
  EXPECT_THAT(RawSyscall(SYS_clone3, arguments, 256), SyscallFailsWithErrno(E2BIG));
  arguments->exit_signal = 65;
  EXPECT_THAT(RawSyscall(SYS_clone3, arguments, 64), SyscallFailsWithErrno(EINVAL));
  arguments->exit_signal = SIGCHLD;
  arguments->stack = 4096;
  EXPECT_THAT(RawSyscall(SYS_clone3, arguments, 64), SyscallFailsWithErrno(EINVAL)) << "a stack without a size";
}

}  // namespace
}  // namespace tests
