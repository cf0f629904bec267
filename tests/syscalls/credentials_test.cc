// SPDX-License-Identifier: Apache-2.0
#include <grp.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <vector>

#include "tests/util/fork.h"
#include "tests/util/matchers.h"
#include "tests/util/raw_syscall.h"

namespace tests {
namespace {

struct Ids {
  uid_t real, effective, saved;
};

Ids UserIds() {
  Ids ids = {};
  RawSyscall(SYS_getresuid, &ids.real, &ids.effective, &ids.saved);
  return ids;
}

Ids GroupIds() {
  Ids ids = {};
  RawSyscall(SYS_getresgid, &ids.real, &ids.effective, &ids.saved);
  return ids;
}

bool Is(const Ids& ids, uid_t real, uid_t effective, uid_t saved) {
  return ids.real == real && ids.effective == effective && ids.saved == saved;
}

struct Capabilities {
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {};
  long Get() { return RawSyscall(SYS_capget, &header, data); }
  long Set() { return RawSyscall(SYS_capset, &header, data); }
};

TEST(CredentialsTest, AllFormsAgree) {
  EXPECT_TRUE(Is(UserIds(), getuid(), geteuid(), geteuid()));
  EXPECT_TRUE(Is(GroupIds(), getgid(), getegid(), getegid()));
  EXPECT_EQ(getuid(), 0u);
}

TEST(SetuidTest, RootSetsAllThree) {
  EXPECT_THAT(RunInChild([] {
                CHILD_CHECK(RawSyscall(SYS_setuid, 1000) == 0);
                CHILD_CHECK(Is(UserIds(), 1000, 1000, 1000));
                CHILD_CHECK_ERRNO(RawSyscall(SYS_setuid, 0), EPERM);
                CHILD_CHECK(RawSyscall(SYS_setuid, 1000) == 0);
                return 0;
              }),
              ExitedWith(0));
}

TEST(SetuidTest, OthersSwitchBetweenRealAndSaved) {
  EXPECT_THAT(RunInChild([] {
                CHILD_CHECK(RawSyscall(SYS_setresuid, 1000, 1001, 1002) == 0);
                CHILD_CHECK(Is(UserIds(), 1000, 1001, 1002));
                CHILD_CHECK(RawSyscall(SYS_setuid, 1002) == 0 && Is(UserIds(), 1000, 1002, 1002));
                CHILD_CHECK(RawSyscall(SYS_setuid, 1000) == 0 && Is(UserIds(), 1000, 1000, 1002));
                CHILD_CHECK_ERRNO(RawSyscall(SYS_setuid, 1001), EPERM);
                return 0;
              }),
              ExitedWith(0));
}

TEST(SetresuidTest, MinusOneKeepsAndOthersMayPermute) {
  EXPECT_THAT(RunInChild([] {
                CHILD_CHECK(RawSyscall(SYS_setresuid, 1000, -1, -1) == 0 && Is(UserIds(), 1000, 0, 0));
                CHILD_CHECK(RawSyscall(SYS_setresuid, 1, 2, 3) == 0);
                CHILD_CHECK(RawSyscall(SYS_setresuid, 3, 1, 2) == 0 && Is(UserIds(), 3, 1, 2));
                CHILD_CHECK_ERRNO(RawSyscall(SYS_setresuid, 4, -1, -1), EPERM);
                CHILD_CHECK(RawSyscall(SYS_setresuid, -1, -1, -1) == 0 && Is(UserIds(), 3, 1, 2));
                return 0;
              }),
              ExitedWith(0));
}

TEST(SetresgidTest, MinusOneKeepsAndOthersMayPermute) {
  EXPECT_THAT(RunInChild([] {
                CHILD_CHECK(RawSyscall(SYS_setresgid, 1, 2, 3) == 0 && Is(GroupIds(), 1, 2, 3));
                CHILD_CHECK(RawSyscall(SYS_setresuid, 1000, 1000, 1000) == 0);
                CHILD_CHECK(RawSyscall(SYS_setresgid, -1, 3, -1) == 0 && Is(GroupIds(), 1, 3, 3));
                CHILD_CHECK_ERRNO(RawSyscall(SYS_setresgid, -1, 2, -1), EPERM);
                CHILD_CHECK_ERRNO(RawSyscall(SYS_setgid, 7), EPERM);
                return 0;
              }),
              ExitedWith(0));
}

TEST(SetreuidTest, SavedIdFollowsUnlessOnlyTheEffectiveOneBecomesTheReal) {
  EXPECT_THAT(RunInChild([] {
                CHILD_CHECK(RawSyscall(SYS_setreuid, 1000, 2000) == 0 && Is(UserIds(), 1000, 2000, 2000));
                CHILD_CHECK(RawSyscall(SYS_setreuid, -1, 1000) == 0 && Is(UserIds(), 1000, 1000, 2000));
                CHILD_CHECK(RawSyscall(SYS_setreuid, 1000, -1) == 0 && Is(UserIds(), 1000, 1000, 1000));
                CHILD_CHECK_ERRNO(RawSyscall(SYS_setreuid, -1, 2000), EPERM);
                return 0;
              }),
              ExitedWith(0));
}

TEST(SetregidTest, SetsTheSavedIdToTheNewEffectiveOne) {
  EXPECT_THAT(RunInChild([] {
                CHILD_CHECK(RawSyscall(SYS_setregid, 10, 20) == 0 && Is(GroupIds(), 10, 20, 20));
                return 0;
              }),
              ExitedWith(0));
}

TEST(CredentialsTest, MinusOneIsNoIdForSetuidAndUnmappedEfault) {
  EXPECT_THAT(RawSyscall(SYS_setuid, -1), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RawSyscall(SYS_setgid, -1), SyscallFailsWithErrno(EINVAL));
  uid_t id;
  EXPECT_THAT(RawSyscall(SYS_getresuid, BadPointer(), &id, &id), SyscallFailsWithErrno(EFAULT));
  EXPECT_THAT(RawSyscall(SYS_getresgid, &id, &id, BadPointer()), SyscallFailsWithErrno(EFAULT));
}

TEST(SetfsuidTest, ReturnsTheOldIdAndFollowsTheEffectiveOne) {
  EXPECT_THAT(RunInChild([] {
                CHILD_CHECK(setfsuid(1000) == 0);
                CHILD_CHECK(setfsuid(static_cast<uid_t>(-1)) == 1000);
                CHILD_CHECK(RawSyscall(SYS_setresuid, -1, 2000, -1) == 0);
                CHILD_CHECK(setfsuid(static_cast<uid_t>(-1)) == 2000);
                CHILD_CHECK(setfsgid(static_cast<gid_t>(-1)) == 0);
                return 0;
              }),
              ExitedWith(0));
}

TEST(GroupsTest, SetAndGetRoundTrip) {
  EXPECT_THAT(RunInChild([] {
                const gid_t groups[] = {30, 10, 20};
                CHILD_CHECK(RawSyscall(SYS_setgroups, 3, groups) == 0);
                gid_t found[4] = {};
                CHILD_CHECK(RawSyscall(SYS_getgroups, 0, nullptr) == 3);
                CHILD_CHECK(RawSyscall(SYS_getgroups, 4, found) == 3);
                CHILD_CHECK(found[0] + found[1] + found[2] == 60);
                CHILD_CHECK_ERRNO(RawSyscall(SYS_getgroups, 2, found), EINVAL);
                CHILD_CHECK_ERRNO(RawSyscall(SYS_getgroups, -1, found), EINVAL);
                CHILD_CHECK_ERRNO(RawSyscall(SYS_getgroups, 4, BadPointer()), EFAULT);
                CHILD_CHECK_ERRNO(RawSyscall(SYS_setgroups, 65537, groups), EINVAL);
                CHILD_CHECK_ERRNO(RawSyscall(SYS_setgroups, 3, BadPointer()), EFAULT);
                CHILD_CHECK(RawSyscall(SYS_setgroups, 0, nullptr) == 0 && RawSyscall(SYS_getgroups, 0, nullptr) == 0);
                return 0;
              }),
              ExitedWith(0));
}

TEST(GroupsTest, OthersMayNotSet) {
  EXPECT_THAT(RunInChild([] {
                const gid_t group = 5;
                CHILD_CHECK(RawSyscall(SYS_setresuid, 1000, 1000, 1000) == 0);
                CHILD_CHECK_ERRNO(RawSyscall(SYS_setgroups, 1, &group), EPERM);
                return 0;
              }),
              ExitedWith(0));
}

TEST(CapabilityTest, RootHasThemAndLosesThemWithItsId) {
  EXPECT_THAT(RunInChild([] {
                Capabilities capabilities;
                CHILD_CHECK(capabilities.Get() == 0);
                CHILD_CHECK(capabilities.data[0].effective & 1u << CAP_CHOWN);
                CHILD_CHECK(capabilities.data[0].permitted & 1u << CAP_SETUID);
                CHILD_CHECK(RawSyscall(SYS_setresuid, 1000, 1000, 1000) == 0);
                CHILD_CHECK(capabilities.Get() == 0);
                CHILD_CHECK(capabilities.data[0].effective == 0 && capabilities.data[0].permitted == 0);
                return 0;
              }),
              ExitedWith(0));
}

TEST(CapabilityTest, KeepcapsKeepsThePermittedSet) {
  EXPECT_THAT(RunInChild([] {
                Capabilities capabilities;
                CHILD_CHECK(prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) == 0 && prctl(PR_GET_KEEPCAPS, 0, 0, 0, 0) == 1);
                CHILD_CHECK(RawSyscall(SYS_setresuid, 1000, 1000, 1000) == 0);
                CHILD_CHECK(capabilities.Get() == 0);
                CHILD_CHECK(capabilities.data[0].effective == 0 && capabilities.data[0].permitted != 0);
                return 0;
              }),
              ExitedWith(0));
}

TEST(CapabilityTest, DroppedCapabilityCannotBeRegained) {
  EXPECT_THAT(RunInChild([] {
                Capabilities capabilities;
                CHILD_CHECK(capabilities.Get() == 0);
                capabilities.data[0].effective &= ~(1u << CAP_CHOWN);
                capabilities.data[0].permitted &= ~(1u << CAP_CHOWN);
                CHILD_CHECK(capabilities.Set() == 0);
                CHILD_CHECK_ERRNO(chown("/tmp", 0, 12345), EPERM);
                capabilities.data[0].permitted |= 1u << CAP_CHOWN;
                CHILD_CHECK_ERRNO(capabilities.Set(), EPERM);
                return 0;
              }),
              ExitedWith(0));
}

TEST(CapabilityTest, ArgumentsAreChecked) {
  Capabilities capabilities;
  capabilities.header.version = 0x1234;
  EXPECT_THAT(capabilities.Get(), SyscallFailsWithErrno(EINVAL));
  EXPECT_EQ(capabilities.header.version, _LINUX_CAPABILITY_VERSION_3 + 0u) << "the preferred version comes back";
  capabilities.header.pid = 0x3fffffff;
  EXPECT_THAT(capabilities.Get(), SyscallFailsWithErrno(ESRCH));
  capabilities.header.pid = -1;
  EXPECT_THAT(capabilities.Get(), SyscallFailsWithErrno(EINVAL));
  capabilities.header.pid = 0;
  EXPECT_THAT(RawSyscall(SYS_capget, BadPointer(), capabilities.data), SyscallFailsWithErrno(EFAULT));
  EXPECT_THAT(RawSyscall(SYS_capget, &capabilities.header, BadPointer()), SyscallFailsWithErrno(EFAULT));
  EXPECT_THAT(RawSyscall(SYS_capset, &capabilities.header, BadPointer()), SyscallFailsWithErrno(EFAULT));
}

TEST(CapabilityTest, BoundingSetCanBeReadAndDropped) {
  EXPECT_THAT(prctl(PR_CAPBSET_READ, CAP_CHOWN, 0, 0, 0), SyscallSucceedsWithValue(1));
  EXPECT_THAT(prctl(PR_CAPBSET_READ, 64, 0, 0, 0), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RunInChild([] {
                CHILD_CHECK(prctl(PR_CAPBSET_DROP, CAP_CHOWN, 0, 0, 0) == 0);
                CHILD_CHECK(prctl(PR_CAPBSET_READ, CAP_CHOWN, 0, 0, 0) == 0);
                return 0;
              }),
              ExitedWith(0));
}

}  // namespace
}  // namespace tests
