// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/file.h>
#include <unistd.h>

#include <string>
#include <thread>

#include "tests/util/fork.h"
#include "tests/util/matchers.h"
#include "tests/util/raw_syscall.h"
#include "tests/util/temp_path.h"
#include "tests/util/unique_fd.h"

namespace tests {
namespace {

struct flock Bytes(short type, off_t start, off_t length, short whence = SEEK_SET) {
  struct flock lock {};
  lock.l_type = type;
  lock.l_whence = whence;
  lock.l_start = start;
  lock.l_len = length;
  return lock;
}

int Set(int fd, struct flock lock, int command = F_SETLK) { return fcntl(fd, command, &lock); }

// What another process learns of the bytes: F_UNLCK when it could lock them for writing, else the lock in the way.
struct flock Seen(const std::string& path, off_t start, off_t length) {
  int ends[2];
  EXPECT_EQ(pipe(ends), 0);
  EXPECT_THAT(RunInChild([&] {
                int fd = open(path.c_str(), O_RDWR);
                struct flock lock = Bytes(F_WRLCK, start, length);
                CHILD_CHECK(fcntl(fd, F_GETLK, &lock) == 0);
                CHILD_CHECK(write(ends[1], &lock, sizeof(lock)) == sizeof(lock));
                return 0;
              }),
              ExitedWith(0));
  struct flock lock {};
  EXPECT_EQ(read(ends[0], &lock, sizeof(lock)), static_cast<ssize_t>(sizeof(lock)));
  close(ends[0]);
  close(ends[1]);
  return lock;
}

// A pipe by which one process tells another to go on.
class Baton {
 public:
  Baton() { EXPECT_EQ(pipe(ends_), 0); }
  ~Baton() {
    close(ends_[0]);
    close(ends_[1]);
  }
  void Give() {
    char byte = 'g';
    if (write(ends_[1], &byte, 1) != 1) _exit(98);
  }
  void Take() {
    char byte = 0;
    if (read(ends_[0], &byte, 1) != 1) _exit(97);
  }

 private:
  int ends_[2];
};

// Until the process sleeps (in the call that blocks it).
void WaitUntilAsleep(pid_t pid) {
  for (;;) {
    UniqueFd stat(open(("/proc/" + std::to_string(pid) + "/stat").c_str(), O_RDONLY));
    char text[512] = {};
    if (read(stat.get(), text, sizeof(text) - 1) <= 0) return;
    const char* state = strrchr(text, ')');
    if (state != nullptr && state[2] == 'S') return;
    usleep(1000);
  }
}

TEST(RecordLockTest, ConflictsBetweenProcessesOnly) {
  TempPath file = TempPath::File("0123456789");
  UniqueFd fd = Open(file.path(), O_RDWR);
  ASSERT_THAT(Set(fd.get(), Bytes(F_WRLCK, 2, 3)), SyscallSucceeds());
  ASSERT_THAT(Set(fd.get(), Bytes(F_RDLCK, 0, 0)), SyscallSucceeds());
  ASSERT_THAT(Set(fd.get(), Bytes(F_WRLCK, 2, 3)), SyscallSucceeds());
  EXPECT_THAT(RunInChild([&] {
                int own = open(file.c_str(), O_RDWR);
                CHILD_CHECK_ERRNO(Set(own, Bytes(F_WRLCK, 9, 1)), EAGAIN);
                CHILD_CHECK_ERRNO(Set(own, Bytes(F_RDLCK, 4, 1)), EAGAIN);
                CHILD_CHECK(Set(own, Bytes(F_RDLCK, 5, 0)) == 0);
                // Inherited descriptors carry no locks.
                CHILD_CHECK_ERRNO(Set(fd.get(), Bytes(F_WRLCK, 2, 1)), EAGAIN);
                return 0;
              }),
              ExitedWith(0));
}

TEST(RecordLockTest, GetlkTellsTheLockInTheWay) {
  TempPath file = TempPath::File("0123456789");
  UniqueFd fd = Open(file.path(), O_RDWR);
  ASSERT_THAT(lseek(fd.get(), 4, SEEK_SET), SyscallSucceedsWithValue(4));
  ASSERT_THAT(Set(fd.get(), Bytes(F_WRLCK, -2, 3, SEEK_CUR)), SyscallSucceeds());  // [2, 4]
  struct flock seen = Seen(file.path(), 0, 0);
  EXPECT_EQ(seen.l_type, F_WRLCK);
  EXPECT_EQ(seen.l_whence, SEEK_SET);
  EXPECT_EQ(seen.l_start, 2);
  EXPECT_EQ(seen.l_len, 3);
  EXPECT_EQ(seen.l_pid, getpid());
  EXPECT_EQ(Seen(file.path(), 0, 2).l_type, F_UNLCK);
  EXPECT_EQ(Seen(file.path(), 5, 0).l_type, F_UNLCK);
  // Of one's own there is none in the way.
  struct flock own = Bytes(F_WRLCK, 0, 0);
  ASSERT_THAT(fcntl(fd.get(), F_GETLK, &own), SyscallSucceeds());
  EXPECT_EQ(own.l_type, F_UNLCK);
}

TEST(RecordLockTest, RangesSplitAndMerge) {
  TempPath file = TempPath::File("0123456789");
  UniqueFd fd = Open(file.path(), O_RDWR);
  ASSERT_THAT(Set(fd.get(), Bytes(F_WRLCK, 0, 10)), SyscallSucceeds());
  ASSERT_THAT(Set(fd.get(), Bytes(F_UNLCK, 3, 4)), SyscallSucceeds());
  EXPECT_EQ(Seen(file.path(), 0, 0).l_len, 3);
  EXPECT_EQ(Seen(file.path(), 3, 4).l_type, F_UNLCK);
  EXPECT_EQ(Seen(file.path(), 3, 0).l_start, 7);
  ASSERT_THAT(Set(fd.get(), Bytes(F_WRLCK, 3, 4)), SyscallSucceeds());
  EXPECT_EQ(Seen(file.path(), 5, 1).l_start, 0);
  EXPECT_EQ(Seen(file.path(), 5, 1).l_len, 10);
  ASSERT_THAT(Set(fd.get(), Bytes(F_RDLCK, 0, 5)), SyscallSucceeds());
  EXPECT_EQ(Seen(file.path(), 0, 1).l_type, F_RDLCK);
  EXPECT_EQ(Seen(file.path(), 5, 1).l_type, F_WRLCK);
  // A negative length reaches back; a length of zero to the end of all files.
  ASSERT_THAT(Set(fd.get(), Bytes(F_UNLCK, 5, -5)), SyscallSucceeds());
  EXPECT_EQ(Seen(file.path(), 0, 5).l_type, F_UNLCK);
  ASSERT_THAT(Set(fd.get(), Bytes(F_WRLCK, 0, 0, SEEK_END)), SyscallSucceeds());
  EXPECT_EQ(Seen(file.path(), 100, 1).l_len, 0);
}

TEST(RecordLockTest, AnyCloseOfTheFileReleases) {
  TempPath file = TempPath::File("text");
  UniqueFd fd = Open(file.path(), O_RDWR);
  ASSERT_THAT(Set(fd.get(), Bytes(F_WRLCK, 0, 0)), SyscallSucceeds());
  { UniqueFd other = Open(file.path(), O_RDONLY); }
  EXPECT_EQ(Seen(file.path(), 0, 0).l_type, F_UNLCK);
  ASSERT_THAT(Set(fd.get(), Bytes(F_WRLCK, 0, 0)), SyscallSucceeds());
  UniqueFd replaced = Open(file.path(), O_RDONLY);
  UniqueFd null = Open("/dev/null", O_RDONLY);
  ASSERT_THAT(dup2(null.get(), replaced.get()), SyscallSucceeds());
  EXPECT_EQ(Seen(file.path(), 0, 0).l_type, F_UNLCK);
}

TEST(RecordLockTest, ExitReleases) {
  TempPath file = TempPath::File("text");
  Baton ready, quit;
  {
    Child child([&] {
      int fd = open(file.c_str(), O_RDWR);
      CHILD_CHECK(Set(fd, Bytes(F_WRLCK, 0, 0)) == 0);
      ready.Give();
      quit.Take();
      return 0;
    });
    ready.Take();
    EXPECT_EQ(Seen(file.path(), 0, 0).l_pid, child.pid());
    quit.Give();
    EXPECT_THAT(child.Wait(), ExitedWith(0));
  }
  EXPECT_EQ(Seen(file.path(), 0, 0).l_type, F_UNLCK);
}

TEST(RecordLockTest, ExecKeeps) {
  TempPath file = TempPath::File("text");
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  Child child([&] {
    int fd = open(file.c_str(), O_RDWR);
    CHILD_CHECK(Set(fd, Bytes(F_WRLCK, 0, 0)) == 0);
    execl("/bin/busybox", "busybox", "sleep", "1000", nullptr);
    return 1;
  });
  close(ends[1]);
  char byte = 0;
  EXPECT_EQ(read(ends[0], &byte, 1), 0);  // Closed by the exec.
  close(ends[0]);
  EXPECT_EQ(Seen(file.path(), 0, 0).l_pid, child.pid());
}

TEST(RecordLockTest, WaitsUntilItIsFree) {
  TempPath file = TempPath::File("text");
  UniqueFd fd = Open(file.path(), O_RDWR);
  ASSERT_THAT(Set(fd.get(), Bytes(F_WRLCK, 0, 0)), SyscallSucceeds());
  Child child([&] {
    int own = open(file.c_str(), O_RDWR);
    CHILD_CHECK(Set(own, Bytes(F_WRLCK, 0, 0), F_SETLKW) == 0);
    return 5;
  });
  WaitUntilAsleep(child.pid());
  EXPECT_EQ(waitpid(child.pid(), nullptr, WNOHANG), 0);
  ASSERT_THAT(Set(fd.get(), Bytes(F_UNLCK, 0, 0)), SyscallSucceeds());
  EXPECT_THAT(child.Wait(), ExitedWith(5));
}

TEST(RecordLockTest, ASignalEndsTheWait) {
  TempPath file = TempPath::File("text");
  UniqueFd fd = Open(file.path(), O_RDWR);
  ASSERT_THAT(Set(fd.get(), Bytes(F_WRLCK, 0, 0)), SyscallSucceeds());
  Child child([&] {
    struct sigaction action {};
    action.sa_handler = [](int) {};
    sigaction(SIGUSR1, &action, nullptr);
    int own = open(file.c_str(), O_RDWR);
    CHILD_CHECK_ERRNO(Set(own, Bytes(F_RDLCK, 0, 0), F_SETLKW), EINTR);
    return 0;
  });
  WaitUntilAsleep(child.pid());
  kill(child.pid(), SIGUSR1);
  EXPECT_THAT(child.Wait(), ExitedWith(0));
}

TEST(RecordLockTest, ACircleOfWaitersIsRefused) {
  TempPath file = TempPath::File("ab");
  UniqueFd fd = Open(file.path(), O_RDWR);
  ASSERT_THAT(Set(fd.get(), Bytes(F_WRLCK, 0, 1)), SyscallSucceeds());
  Baton ready;
  Child child([&] {
    int own = open(file.c_str(), O_RDWR);
    CHILD_CHECK(Set(own, Bytes(F_WRLCK, 1, 1)) == 0);
    ready.Give();
    CHILD_CHECK(Set(own, Bytes(F_WRLCK, 0, 1), F_SETLKW) == 0);
    return 0;
  });
  ready.Take();
  WaitUntilAsleep(child.pid());
  EXPECT_THAT(Set(fd.get(), Bytes(F_WRLCK, 1, 1), F_SETLKW), SyscallFailsWithErrno(EDEADLK));
  ASSERT_THAT(Set(fd.get(), Bytes(F_UNLCK, 0, 0)), SyscallSucceeds());
  EXPECT_THAT(child.Wait(), ExitedWith(0));
}

TEST(RecordLockTest, RefusesBadArguments) {
  TempPath file = TempPath::File("text");
  UniqueFd fd = Open(file.path(), O_RDWR);
  UniqueFd reader = Open(file.path(), O_RDONLY);
  UniqueFd writer = Open(file.path(), O_WRONLY);
  UniqueFd path = Open(file.path(), O_PATH);
  EXPECT_THAT(Set(reader.get(), Bytes(F_WRLCK, 0, 0)), SyscallFailsWithErrno(EBADF));
  EXPECT_THAT(Set(writer.get(), Bytes(F_RDLCK, 0, 0)), SyscallFailsWithErrno(EBADF));
  EXPECT_THAT(Set(path.get(), Bytes(F_RDLCK, 0, 0)), SyscallFailsWithErrno(EBADF));
  EXPECT_THAT(Set(-1, Bytes(F_RDLCK, 0, 0)), SyscallFailsWithErrno(EBADF));
  EXPECT_THAT(Set(fd.get(), Bytes(77, 0, 0)), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(Set(fd.get(), Bytes(F_RDLCK, 0, 0, 9)), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(Set(fd.get(), Bytes(F_RDLCK, -1, 0)), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(Set(fd.get(), Bytes(F_RDLCK, 1, -2)), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(Set(fd.get(), Bytes(F_RDLCK, INT64_MAX, 2)), SyscallFailsWithErrno(EOVERFLOW));
  EXPECT_THAT(Set(fd.get(), Bytes(F_RDLCK, INT64_MAX, 0, SEEK_END)), SyscallFailsWithErrno(EOVERFLOW));
  struct flock unlock = Bytes(F_UNLCK, 0, 0);
  EXPECT_THAT(fcntl(fd.get(), F_GETLK, &unlock), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RawSyscall(SYS_fcntl, fd.get(), F_SETLK, BadPointer()), SyscallFailsWithErrno(EFAULT));
}

TEST(DescriptionLockTest, BelongsToTheDescription) {
  TempPath file = TempPath::File("text");
  UniqueFd one = Open(file.path(), O_RDWR);
  UniqueFd other = Open(file.path(), O_RDWR);
  ASSERT_THAT(Set(one.get(), Bytes(F_WRLCK, 0, 2), F_OFD_SETLK), SyscallSucceeds());
  EXPECT_THAT(Set(other.get(), Bytes(F_WRLCK, 1, 1), F_OFD_SETLK), SyscallFailsWithErrno(EAGAIN));
  EXPECT_THAT(Set(other.get(), Bytes(F_WRLCK, 1, 1), F_SETLK), SyscallFailsWithErrno(EAGAIN));
  struct flock seen = Bytes(F_WRLCK, 0, 0);
  ASSERT_THAT(fcntl(other.get(), F_OFD_GETLK, &seen), SyscallSucceeds());
  EXPECT_EQ(seen.l_type, F_WRLCK);
  EXPECT_EQ(seen.l_pid, -1);
  EXPECT_EQ(seen.l_len, 2);
  // A copy of the descriptor keeps it; closing another description does not matter.
  UniqueFd copy(dup(one.get()));
  one.reset();
  { UniqueFd third = Open(file.path(), O_RDONLY); }
  EXPECT_THAT(Set(other.get(), Bytes(F_WRLCK, 1, 1), F_OFD_SETLK), SyscallFailsWithErrno(EAGAIN));
  copy.reset();
  EXPECT_THAT(Set(other.get(), Bytes(F_WRLCK, 1, 1), F_OFD_SETLK), SyscallSucceeds());
  struct flock with_pid = Bytes(F_WRLCK, 0, 0);
  with_pid.l_pid = 1;
  EXPECT_THAT(fcntl(other.get(), F_OFD_SETLK, &with_pid), SyscallFailsWithErrno(EINVAL));
}

TEST(DescriptionLockTest, ThreadsWaitForEachOther) {
  TempPath file = TempPath::File("text");
  UniqueFd one = Open(file.path(), O_RDWR);
  UniqueFd other = Open(file.path(), O_RDWR);
  ASSERT_THAT(Set(one.get(), Bytes(F_WRLCK, 0, 0), F_OFD_SETLK), SyscallSucceeds());
  int result = -1;
  std::thread waiter([&] { result = Set(other.get(), Bytes(F_RDLCK, 0, 0), F_OFD_SETLKW); });
  ASSERT_THAT(Set(one.get(), Bytes(F_RDLCK, 0, 0), F_OFD_SETLK), SyscallSucceeds());
  waiter.join();
  EXPECT_EQ(result, 0);
}

TEST(FlockTest, SharedAndExclusive) {
  TempPath file = TempPath::File("text");
  UniqueFd one = Open(file.path(), O_RDONLY);
  UniqueFd other = Open(file.path(), O_RDONLY);
  ASSERT_THAT(flock(one.get(), LOCK_SH), SyscallSucceeds());
  EXPECT_THAT(flock(other.get(), LOCK_SH | LOCK_NB), SyscallSucceeds());
  EXPECT_THAT(flock(other.get(), LOCK_EX | LOCK_NB), SyscallFailsWithErrno(EWOULDBLOCK));
  // The failed change has cost the lock it had.
  EXPECT_THAT(flock(one.get(), LOCK_EX | LOCK_NB), SyscallSucceeds());
  EXPECT_THAT(flock(other.get(), LOCK_SH | LOCK_NB), SyscallFailsWithErrno(EWOULDBLOCK));
  EXPECT_THAT(flock(one.get(), LOCK_UN), SyscallSucceeds());
  EXPECT_THAT(flock(other.get(), LOCK_EX | LOCK_NB), SyscallSucceeds());
  // Record locks are another matter.
  UniqueFd writer = Open(file.path(), O_RDWR);
  EXPECT_THAT(Set(writer.get(), Bytes(F_WRLCK, 0, 0)), SyscallSucceeds());
}

TEST(FlockTest, GoesWithTheLastCopyOfTheDescriptor) {
  TempPath file = TempPath::File("text");
  UniqueFd one = Open(file.path(), O_RDONLY);
  UniqueFd other = Open(file.path(), O_RDONLY);
  ASSERT_THAT(flock(one.get(), LOCK_EX), SyscallSucceeds());
  Baton ready, quit;
  Child child([&] {
    ready.Give();
    quit.Take();
    return 0;
  });
  ready.Take();
  one.reset();
  EXPECT_THAT(flock(other.get(), LOCK_EX | LOCK_NB), SyscallFailsWithErrno(EWOULDBLOCK));
  quit.Give();
  EXPECT_THAT(child.Wait(), ExitedWith(0));
  EXPECT_THAT(flock(other.get(), LOCK_EX | LOCK_NB), SyscallSucceeds());
}

TEST(FlockTest, WaitsAndIsInterrupted) {
  TempPath file = TempPath::File("text");
  UniqueFd fd = Open(file.path(), O_RDONLY);
  ASSERT_THAT(flock(fd.get(), LOCK_EX), SyscallSucceeds());
  Baton interrupted;
  Child child([&] {
    struct sigaction action {};
    action.sa_handler = [](int) {};
    sigaction(SIGUSR1, &action, nullptr);
    int own = open(file.c_str(), O_RDONLY);
    CHILD_CHECK_ERRNO(flock(own, LOCK_SH), EINTR);
    interrupted.Give();
    CHILD_CHECK(flock(own, LOCK_SH) == 0);
    return 3;
  });
  WaitUntilAsleep(child.pid());
  kill(child.pid(), SIGUSR1);
  interrupted.Take();
  WaitUntilAsleep(child.pid());
  ASSERT_THAT(flock(fd.get(), LOCK_UN), SyscallSucceeds());
  EXPECT_THAT(child.Wait(), ExitedWith(3));
}

TEST(FlockTest, RefusesBadArguments) {
  TempPath file = TempPath::File("text");
  UniqueFd fd = Open(file.path(), O_RDONLY);
  UniqueFd path = Open(file.path(), O_PATH);
  EXPECT_THAT(flock(fd.get(), 0), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(flock(fd.get(), LOCK_SH | LOCK_EX), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(flock(-1, LOCK_SH), SyscallFailsWithErrno(EBADF));
  EXPECT_THAT(flock(path.get(), LOCK_SH), SyscallFailsWithErrno(EBADF));
  EXPECT_THAT(flock(fd.get(), LOCK_UN), SyscallSucceeds());
}

}  // namespace
}  // namespace tests
