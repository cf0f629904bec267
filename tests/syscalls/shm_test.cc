// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <unistd.h>

#include <cstring>
#include <utility>

#include "tests/util/fork.h"
#include "tests/util/mapping.h"
#include "tests/util/matchers.h"
#include "tests/util/raw_syscall.h"

namespace tests {
namespace {

constexpr key_t kKey = 0x5eed0001;
constexpr uid_t kNobody = 65534;

// A segment of its own, removed at the end.
class Segment {
 public:
  explicit Segment(size_t size = 2 * kPageSize, int mode = 0600, key_t key = IPC_PRIVATE)
      : id_(shmget(key, size, IPC_CREAT | mode)) {
    EXPECT_GE(id_, 0) << strerror(errno);
  }
  ~Segment() { shmctl(id_, IPC_RMID, nullptr); }
  int id() const { return id_; }
  shmid_ds Status() const {
    shmid_ds status = {};
    EXPECT_THAT(shmctl(id_, IPC_STAT, &status), SyscallSucceeds());
    return status;
  }

 private:
  const int id_;
};

void* const kFailed = reinterpret_cast<void*>(-1);

TEST(ShmgetTest, KeysNameSegments) {
  Segment segment(100, 0640, kKey);
  EXPECT_THAT(shmget(kKey, 100, 0), SyscallSucceedsWithValue(segment.id()));
  EXPECT_THAT(shmget(kKey, 0, IPC_CREAT), SyscallSucceedsWithValue(segment.id()));
  EXPECT_THAT(shmget(kKey, 100, IPC_CREAT | IPC_EXCL), SyscallFailsWithErrno(EEXIST));
  EXPECT_THAT(shmget(kKey, 101, 0), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(shmget(kKey + 1, 100, 0), SyscallFailsWithErrno(ENOENT));
  EXPECT_THAT(shmget(IPC_PRIVATE, 0, 0600), SyscallFailsWithErrno(EINVAL));
  shmid_ds status = segment.Status();
  EXPECT_EQ(status.shm_perm.__key, kKey);
  EXPECT_EQ(status.shm_perm.mode, 0640);
  EXPECT_EQ(status.shm_perm.uid, geteuid());
  EXPECT_EQ(status.shm_segsz, 100u);
  EXPECT_EQ(status.shm_cpid, getpid());
  EXPECT_EQ(status.shm_lpid, 0);
  EXPECT_EQ(status.shm_nattch, 0u);
}

TEST(ShmgetTest, OthersNeedPermission) {
  Segment segment(100, 0600, kKey);
  EXPECT_THAT(RunInChild([&] {
                CHILD_CHECK(setuid(kNobody) == 0);
                CHILD_CHECK(shmget(kKey, 0, 0) == segment.id());
                CHILD_CHECK_ERRNO(shmget(kKey, 0, 0600), EACCES);
                shmid_ds status;
                CHILD_CHECK_ERRNO(shmctl(segment.id(), IPC_STAT, &status), EACCES);
                CHILD_CHECK_ERRNO(shmctl(segment.id(), IPC_RMID, nullptr), EPERM);
                CHILD_CHECK_ERRNO(shmctl(segment.id(), IPC_SET, &status), EPERM);
                CHILD_CHECK_ERRNO(shmctl(segment.id(), SHM_LOCK, nullptr), EPERM);
                errno = 0;
                CHILD_CHECK(shmat(segment.id(), nullptr, 0) == kFailed && errno == EACCES);
                return 0;
              }),
              ExitedWith(0));
}

TEST(ShmatTest, MemoryIsSharedAndCounted) {
  Segment segment;
  char* one = static_cast<char*>(shmat(segment.id(), nullptr, 0));
  ASSERT_NE(one, kFailed);
  char* two = static_cast<char*>(shmat(segment.id(), nullptr, 0));
  ASSERT_NE(two, kFailed);
  strcpy(one + kPageSize, "text");
  EXPECT_STREQ(two + kPageSize, "text");
  EXPECT_EQ(segment.Status().shm_nattch, 2u);
  EXPECT_EQ(segment.Status().shm_lpid, getpid());
  EXPECT_NE(segment.Status().shm_atime, 0);
  EXPECT_THAT(RunInChild([&] {
                CHILD_CHECK(strcmp(two + kPageSize, "text") == 0);
                one[0] = 7;
                CHILD_CHECK(segment.Status().shm_nattch == 4);
                CHILD_CHECK(shmdt(one) == 0);
                CHILD_CHECK(segment.Status().shm_nattch == 3);
                return 0;
              }),
              ExitedWith(0));
  EXPECT_EQ(one[0], 7);
  EXPECT_EQ(segment.Status().shm_nattch, 2u);
  EXPECT_THAT(shmdt(one), SyscallSucceeds());
  EXPECT_THAT(shmdt(two), SyscallSucceeds());
  EXPECT_THAT(shmdt(two), SyscallFailsWithErrno(EINVAL));
  EXPECT_EQ(segment.Status().shm_nattch, 0u);
  EXPECT_NE(segment.Status().shm_dtime, 0);
}

TEST(ShmatTest, AddressesAreHonoured) {
  Segment segment;
  Mapping place = Mapping::Anonymous(4 * kPageSize);
  char* wanted = place.bytes() + kPageSize;
  EXPECT_EQ(shmat(segment.id(), wanted, 0), kFailed);
  EXPECT_EQ(errno, EINVAL);
  EXPECT_EQ(shmat(segment.id(), wanted + 1, SHM_REMAP), kFailed);
  EXPECT_EQ(errno, EINVAL);
  EXPECT_EQ(shmat(segment.id(), nullptr, SHM_REMAP), kFailed);
  EXPECT_EQ(errno, EINVAL);
  EXPECT_EQ(shmat(segment.id(), wanted + 1, SHM_REMAP | SHM_RND), wanted);
  wanted[0] = 3;
  EXPECT_THAT(shmdt(wanted), SyscallSucceeds());
  // Unmapped by shmdt: free for the taking.
  EXPECT_EQ(shmat(segment.id(), wanted, 0), wanted);
  EXPECT_EQ(wanted[0], 3);
  EXPECT_THAT(shmdt(wanted + kPageSize), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(shmdt(wanted), SyscallSucceeds());
  EXPECT_THAT(shmdt(place.bytes()), SyscallFailsWithErrno(EINVAL));
  EXPECT_EQ(shmat(-1, nullptr, 0), kFailed);
  EXPECT_EQ(errno, EINVAL);
}

TEST(ShmatTest, ReadOnlyMappingCannotBeWritten) {
  Segment segment;
  char* address = static_cast<char*>(shmat(segment.id(), nullptr, SHM_RDONLY));
  ASSERT_NE(address, kFailed);
  EXPECT_EQ(address[0], 0);
  EXPECT_THAT(mprotect(address, kPageSize, PROT_READ | PROT_WRITE), SyscallFailsWithErrno(EACCES));
  EXPECT_THAT(RunInChild([&] {
                *static_cast<volatile char*>(address) = 1;
                return 0;
              }),
              KilledBy(SIGSEGV));
  EXPECT_THAT(shmdt(address), SyscallSucceeds());
}

TEST(ShmdtTest, TakesAllPieces) {
  Segment segment(4 * kPageSize);
  char* address = static_cast<char*>(shmat(segment.id(), nullptr, 0));
  ASSERT_NE(address, kFailed);
  ASSERT_THAT(munmap(address + kPageSize, kPageSize), SyscallSucceeds());
  ASSERT_THAT(mprotect(address + 2 * kPageSize, kPageSize, PROT_READ), SyscallSucceeds());
  EXPECT_EQ(segment.Status().shm_nattch, 3u);
  EXPECT_THAT(shmdt(address), SyscallSucceeds());
  EXPECT_EQ(segment.Status().shm_nattch, 0u);
}

TEST(ShmctlTest, RemovedSegmentLivesUntilItsLastDetach) {
  const int id = shmget(kKey, kPageSize, IPC_CREAT | 0600);
  ASSERT_GE(id, 0);
  char* address = static_cast<char*>(shmat(id, nullptr, 0));
  ASSERT_NE(address, kFailed);
  ASSERT_THAT(shmctl(id, IPC_RMID, nullptr), SyscallSucceeds());
  EXPECT_THAT(shmget(kKey, 0, 0), SyscallFailsWithErrno(ENOENT));
  shmid_ds status = {};
  ASSERT_THAT(shmctl(id, IPC_STAT, &status), SyscallSucceeds());
  EXPECT_EQ(status.shm_perm.mode, 0600 | SHM_DEST);
  EXPECT_EQ(status.shm_perm.__key, 0);
  address[5] = 5;
  char* again = static_cast<char*>(shmat(id, nullptr, 0));
  ASSERT_NE(again, kFailed);
  EXPECT_EQ(again[5], 5);
  EXPECT_THAT(shmdt(address), SyscallSucceeds());
  EXPECT_THAT(shmdt(again), SyscallSucceeds());
  EXPECT_THAT(shmctl(id, IPC_STAT, &status), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(shmctl(id, IPC_RMID, nullptr), SyscallFailsWithErrno(EINVAL));
}

TEST(ShmctlTest, SegmentGoesWithTheLastProcess) {
  const int id = shmget(IPC_PRIVATE, kPageSize, 0600);
  ASSERT_GE(id, 0);
  EXPECT_THAT(RunInChild([&] {
                CHILD_CHECK(shmat(id, nullptr, 0) != kFailed);
                CHILD_CHECK(shmctl(id, IPC_RMID, nullptr) == 0);
                return 0;
              }),
              ExitedWith(0));
  shmid_ds status;
  EXPECT_THAT(shmctl(id, IPC_STAT, &status), SyscallFailsWithErrno(EINVAL));
}

TEST(ShmctlTest, SetChangesOwnerAndMode) {
  Segment segment;
  shmid_ds status = segment.Status();
  status.shm_perm.uid = kNobody;
  status.shm_perm.mode = 01604;
  EXPECT_THAT(shmctl(segment.id(), IPC_SET, &status), SyscallSucceeds());
  shmid_ds changed = segment.Status();
  EXPECT_EQ(changed.shm_perm.uid, kNobody);
  EXPECT_EQ(changed.shm_perm.cuid, geteuid());
  EXPECT_EQ(changed.shm_perm.mode, 0604);
}

TEST(ShmctlTest, InfoAndLock) {
  Segment segment;
  shminfo limits = {};
  EXPECT_THAT(shmctl(0, IPC_INFO, reinterpret_cast<shmid_ds*>(&limits)), SyscallSucceeds());
  EXPECT_EQ(limits.shmmin, 1u);
  EXPECT_EQ(limits.shmmni, 4096u);
  shm_info use = {};
  const int highest = shmctl(0, SHM_INFO, reinterpret_cast<shmid_ds*>(&use));
  ASSERT_GE(highest, 0);
  EXPECT_GE(use.used_ids, 1);
  EXPECT_GE(use.shm_tot, 2u);
  bool found = false;
  for (int index = 0; index <= highest; ++index) {
    shmid_ds status;
    if (shmctl(index, SHM_STAT, &status) == segment.id()) found = true;
  }
  EXPECT_TRUE(found);
  EXPECT_THAT(shmctl(segment.id(), SHM_LOCK, nullptr), SyscallSucceeds());
  EXPECT_EQ(segment.Status().shm_perm.mode, 0600 | SHM_LOCKED);
  EXPECT_THAT(shmctl(segment.id(), SHM_UNLOCK, nullptr), SyscallSucceeds());
}

TEST(ShmctlTest, BadArgumentsFail) {
  Segment segment;
  shmid_ds status;
  EXPECT_THAT(shmctl(-1, IPC_STAT, &status), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(shmctl(segment.id(), 99, &status), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RawSyscall(SYS_shmctl, segment.id(), IPC_STAT, BadPointer()), SyscallFailsWithErrno(EFAULT));
  EXPECT_THAT(RawSyscall(SYS_shmctl, segment.id(), IPC_SET, BadPointer()), SyscallFailsWithErrno(EFAULT));
}

}  // namespace
}  // namespace tests
