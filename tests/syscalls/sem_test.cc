// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/ipc.h>
#include <sys/sem.h>
#include <time.h>
#include <unistd.h>

#include <cstring>
#include <vector>

#include "tests/util/fork.h"
#include "tests/util/matchers.h"
#include "tests/util/raw_syscall.h"

namespace tests {
namespace {

constexpr key_t kKey = 0x5eed0002;
constexpr uid_t kNobody = 65534;

// A set of its own, removed at the end.
class Set {
 public:
  explicit Set(int count = 2, int mode = 0600, key_t key = IPC_PRIVATE) : id_(semget(key, count, IPC_CREAT | mode)) {
    EXPECT_GE(id_, 0) << strerror(errno);
  }
  ~Set() { semctl(id_, 0, IPC_RMID); }
  int id() const { return id_; }
  int Value(int number = 0) const { return semctl(id_, number, GETVAL); }
  int Do(short change, short flags = 0, unsigned short number = 0) const {
    sembuf operation = {number, change, flags};
    return semop(id_, &operation, 1);
  }
  // Until somebody waits for the semaphore.
  void AwaitWaiter(int command = GETNCNT, int number = 0) const {
    while (semctl(id_, number, command) == 0) usleep(1000);
  }

 private:
  const int id_;
};

TEST(SemgetTest, KeysNameSets) {
  Set set(3, 0640, kKey);
  EXPECT_THAT(semget(kKey, 3, 0), SyscallSucceedsWithValue(set.id()));
  EXPECT_THAT(semget(kKey, 0, IPC_CREAT), SyscallSucceedsWithValue(set.id()));
  EXPECT_THAT(semget(kKey, 1, IPC_CREAT | IPC_EXCL), SyscallFailsWithErrno(EEXIST));
  EXPECT_THAT(semget(kKey, 4, 0), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(semget(kKey + 1, 1, 0), SyscallFailsWithErrno(ENOENT));
  EXPECT_THAT(semget(IPC_PRIVATE, 0, 0600), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(semget(IPC_PRIVATE, -1, 0600), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(semget(IPC_PRIVATE, 32001, 0600), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RunInChild([&] {
                CHILD_CHECK(setgid(kNobody) == 0 && setuid(kNobody) == 0);
                CHILD_CHECK_ERRNO(semget(kKey, 0, 0600), EACCES);
                CHILD_CHECK_ERRNO(set.Do(1), EACCES);
                CHILD_CHECK_ERRNO(semctl(set.id(), 0, SETVAL, 1), EACCES);
                CHILD_CHECK_ERRNO(semctl(set.id(), 0, GETVAL), EACCES);
                CHILD_CHECK_ERRNO(semctl(set.id(), 0, IPC_RMID), EPERM);
                return 0;
              }),
              ExitedWith(0));
}

TEST(SemctlTest, ValuesAreSetAndRead) {
  Set set(3);
  EXPECT_THAT(semctl(set.id(), 1, SETVAL, 7), SyscallSucceeds());
  EXPECT_EQ(set.Value(1), 7);
  EXPECT_THAT(semctl(set.id(), 1, GETPID), SyscallSucceedsWithValue(getpid()));
  unsigned short values[3] = {1, 2, 32767};
  EXPECT_THAT(semctl(set.id(), 0, SETALL, values), SyscallSucceeds());
  unsigned short read[3] = {};
  EXPECT_THAT(semctl(set.id(), 0, GETALL, read), SyscallSucceeds());
  EXPECT_EQ(memcmp(values, read, sizeof(values)), 0);
  values[0] = 32768;
  EXPECT_THAT(semctl(set.id(), 0, SETALL, values), SyscallFailsWithErrno(ERANGE));
  EXPECT_THAT(semctl(set.id(), 0, SETVAL, 32768), SyscallFailsWithErrno(ERANGE));
  EXPECT_THAT(semctl(set.id(), 0, SETVAL, -1), SyscallFailsWithErrno(ERANGE));
  EXPECT_THAT(semctl(set.id(), 3, SETVAL, 1), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(semctl(set.id(), -1, GETVAL), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(semctl(set.id(), 0, 99), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(semctl(-1, 0, GETVAL), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RawSyscall(SYS_semctl, set.id(), 0, GETALL, BadPointer()), SyscallFailsWithErrno(EFAULT));
  EXPECT_THAT(RawSyscall(SYS_semctl, set.id(), 0, SETALL, BadPointer()), SyscallFailsWithErrno(EFAULT));
  EXPECT_THAT(RawSyscall(SYS_semctl, set.id(), 0, IPC_STAT, BadPointer()), SyscallFailsWithErrno(EFAULT));
}

TEST(SemctlTest, StatusAndSet) {
  Set set(3, 0600, kKey);
  semid_ds status = {};
  ASSERT_THAT(semctl(set.id(), 0, IPC_STAT, &status), SyscallSucceeds());
  EXPECT_EQ(status.sem_nsems, 3u);
  EXPECT_EQ(status.sem_perm.__key, kKey);
  EXPECT_EQ(status.sem_perm.mode, 0600);
  EXPECT_EQ(status.sem_otime, 0);
  EXPECT_NE(status.sem_ctime, 0);
  status.sem_perm.mode = 0644;
  status.sem_perm.gid = kNobody;
  EXPECT_THAT(semctl(set.id(), 0, IPC_SET, &status), SyscallSucceeds());
  ASSERT_THAT(semctl(set.id(), 0, IPC_STAT, &status), SyscallSucceeds());
  EXPECT_EQ(status.sem_perm.mode, 0644);
  EXPECT_EQ(status.sem_perm.gid, kNobody);
  EXPECT_THAT(set.Do(1), SyscallSucceeds());
  ASSERT_THAT(semctl(set.id(), 0, IPC_STAT, &status), SyscallSucceeds());
  EXPECT_NE(status.sem_otime, 0);
  seminfo info = {};
  EXPECT_THAT(semctl(0, 0, IPC_INFO, &info), SyscallSucceeds());
  EXPECT_EQ(info.semmsl, 32000);
  EXPECT_EQ(info.semvmx, 32767);
  const int highest = semctl(0, 0, SEM_INFO, &info);
  ASSERT_GE(highest, 0);
  EXPECT_GE(info.semusz, 1);
  bool found = false;
  for (int index = 0; index <= highest; ++index) found |= semctl(index, 0, SEM_STAT, &status) == set.id();
  EXPECT_TRUE(found);
}

TEST(SemopTest, AllOrNothing) {
  Set set(2);
  ASSERT_THAT(set.Do(2), SyscallSucceeds());
  sembuf operations[2] = {{0, -1, 0}, {1, -1, IPC_NOWAIT}};
  EXPECT_THAT(semop(set.id(), operations, 2), SyscallFailsWithErrno(EAGAIN));
  EXPECT_EQ(set.Value(0), 2);
  sembuf up[3] = {{0, -2, 0}, {0, 0, 0}, {1, 5, 0}};
  EXPECT_THAT(semop(set.id(), up, 3), SyscallSucceeds());
  EXPECT_EQ(set.Value(0), 0);
  EXPECT_EQ(set.Value(1), 5);
  sembuf over[2] = {{0, 1, 0}, {1, 32767, 0}};
  EXPECT_THAT(semop(set.id(), over, 2), SyscallFailsWithErrno(ERANGE));
  EXPECT_EQ(set.Value(0), 0);
}

TEST(SemopTest, WaitsForIncreaseAndForZero) {
  Set set(2);
  Child child([&] {
    CHILD_CHECK(set.Do(-3) == 0);
    CHILD_CHECK(set.Do(0, 0, 1) == 0);
    return 0;
  });
  ASSERT_THAT(semctl(set.id(), 1, SETVAL, 1), SyscallSucceeds());
  set.AwaitWaiter();
  EXPECT_THAT(semctl(set.id(), 0, GETNCNT), SyscallSucceedsWithValue(1));
  EXPECT_THAT(semctl(set.id(), 0, GETZCNT), SyscallSucceedsWithValue(0));
  EXPECT_THAT(set.Do(2), SyscallSucceeds());
  EXPECT_THAT(set.Do(1), SyscallSucceeds());
  set.AwaitWaiter(GETZCNT, 1);
  EXPECT_THAT(set.Do(-1, 0, 1), SyscallSucceeds());
  EXPECT_THAT(child.Wait(), ExitedWith(0));
  EXPECT_EQ(set.Value(0), 0);
  EXPECT_THAT(semctl(set.id(), 0, GETNCNT), SyscallSucceedsWithValue(0));
}

TEST(SemopTest, RemovalEndsTheWait) {
  Set set;
  Child child([&] {
    CHILD_CHECK_ERRNO(set.Do(-1), EIDRM);
    return 0;
  });
  set.AwaitWaiter();
  EXPECT_THAT(semctl(set.id(), 0, IPC_RMID), SyscallSucceeds());
  EXPECT_THAT(child.Wait(), ExitedWith(0));
  EXPECT_THAT(set.Do(1), SyscallFailsWithErrno(EINVAL));
}

TEST(SemopTest, SignalEndsTheWaitWhateverTheHandlerSays) {
  Set set;
  Child child([&] {
    struct sigaction action = {};
    action.sa_handler = [](int) {};
    action.sa_flags = SA_RESTART;
    CHILD_CHECK(sigaction(SIGUSR1, &action, nullptr) == 0);
    CHILD_CHECK_ERRNO(set.Do(-1), EINTR);
    return 0;
  });
  set.AwaitWaiter();
  ASSERT_THAT(kill(child.pid(), SIGUSR1), SyscallSucceeds());
  EXPECT_THAT(child.Wait(), ExitedWith(0));
}

TEST(SemopTest, UndoAtTheEndOfTheProcess) {
  Set set(2);
  ASSERT_THAT(set.Do(5), SyscallSucceeds());
  EXPECT_THAT(RunInChild([&] {
                CHILD_CHECK(set.Do(-3, SEM_UNDO) == 0);
                CHILD_CHECK(set.Do(4, SEM_UNDO, 1) == 0);
                CHILD_CHECK(set.Do(-1, 0, 1) == 0);
                CHILD_CHECK(set.Value(0) == 2);
                return 0;
              }),
              ExitedWith(0));
  EXPECT_EQ(set.Value(0), 5);
  EXPECT_EQ(set.Value(1), 0);  // Not below it.
  // Setting a value forgets what was to be undone.
  EXPECT_THAT(RunInChild([&] {
                CHILD_CHECK(set.Do(-3, SEM_UNDO) == 0);
                CHILD_CHECK(semctl(set.id(), 0, SETVAL, 9) == 0);
                return 0;
              }),
              ExitedWith(0));
  EXPECT_EQ(set.Value(0), 9);
}

TEST(SemopTest, UndoWakesWhoWaits) {
  Set set;
  ASSERT_THAT(set.Do(1), SyscallSucceeds());
  Child holder([&] {
    CHILD_CHECK(set.Do(-1, SEM_UNDO) == 0);
    pause();
    return 0;
  });
  while (set.Value() != 0) usleep(1000);
  Child waiter([&] { return set.Do(-1) == 0 ? 0 : 1; });
  set.AwaitWaiter();
  ASSERT_THAT(kill(holder.pid(), SIGKILL), SyscallSucceeds());
  EXPECT_THAT(waiter.Wait(), ExitedWith(0));
}

TEST(SemopTest, BadArgumentsFail) {
  Set set(2);
  sembuf operation = {2, 1, 0};
  EXPECT_THAT(semop(set.id(), &operation, 1), SyscallFailsWithErrno(EFBIG));
  operation.sem_num = 0;
  EXPECT_THAT(semop(set.id(), &operation, 0), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(semop(-1, &operation, 1), SyscallFailsWithErrno(EINVAL));
  std::vector<sembuf> many(501, operation);
  EXPECT_THAT(semop(set.id(), many.data(), many.size()), SyscallFailsWithErrno(E2BIG));
  EXPECT_THAT(RawSyscall(SYS_semop, set.id(), BadPointer(), 1), SyscallFailsWithErrno(EFAULT));
}

TEST(SemtimedopTest, TimesOut) {
  Set set;
  sembuf operation = {0, -1, 0};
  timespec wait = {0, 10'000'000};
  EXPECT_THAT(semtimedop(set.id(), &operation, 1, &wait), SyscallFailsWithErrno(EAGAIN));
  ASSERT_THAT(set.Do(1), SyscallSucceeds());
  EXPECT_THAT(semtimedop(set.id(), &operation, 1, &wait), SyscallSucceeds());
  wait.tv_nsec = -1;
  EXPECT_THAT(semtimedop(set.id(), &operation, 1, &wait), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RawSyscall(SYS_semtimedop, set.id(), &operation, 1, BadPointer()), SyscallFailsWithErrno(EFAULT));
}

}  // namespace
}  // namespace tests
