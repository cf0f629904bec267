// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdint>

#include "tests/util/fork.h"
#include "tests/util/matchers.h"
#include "tests/util/raw_syscall.h"

namespace tests {
namespace {

// The kernel's, all of it: <linux/sched/types.h> does not go with <sched.h>.
struct sched_attr {
  uint32_t size, sched_policy;
  uint64_t sched_flags;
  int32_t sched_nice;
  uint32_t sched_priority;
  uint64_t sched_runtime, sched_deadline, sched_period;
  uint32_t sched_util_min, sched_util_max;
};

TEST(SchedAttrTest, SetsPolicyAndNiceness) {
  EXPECT_THAT(RunInChild([] {
                sched_attr attr{};
                attr.size = sizeof(attr);
                attr.sched_policy = SCHED_BATCH;
                attr.sched_nice = 5;
                CHILD_CHECK(RawSyscall(SYS_sched_setattr, 0, &attr, 0) == 0);
                sched_attr got{};
                CHILD_CHECK(RawSyscall(SYS_sched_getattr, 0, &got, sizeof(got), 0) == 0);
                CHILD_CHECK(got.size == sizeof(got) && got.sched_policy == SCHED_BATCH && got.sched_nice == 5);
                CHILD_CHECK(getpriority(PRIO_PROCESS, 0) == 5);
                return 0;
              }),
              ExitedWith(0));
}

TEST(SchedAttrTest, OldAndNewSizes) {
  sched_attr got{};
  EXPECT_THAT(RawSyscall(SYS_sched_getattr, 0, &got, 48, 0), SyscallSucceeds());
  EXPECT_EQ(got.size, 48u);
  EXPECT_THAT(RawSyscall(SYS_sched_getattr, 0, &got, 47, 0), SyscallFailsWithErrno(EINVAL));
  struct {
    sched_attr attr;
    char more[8];
  } larger{};
  larger.attr.size = sizeof(larger);
  EXPECT_THAT(RawSyscall(SYS_sched_setattr, 0, &larger, 0), SyscallSucceeds());
  larger.more[0] = 1;
  EXPECT_THAT(RawSyscall(SYS_sched_setattr, 0, &larger, 0), SyscallFailsWithErrno(E2BIG));
  larger.attr.size = 8;
  EXPECT_THAT(RawSyscall(SYS_sched_setattr, 0, &larger, 0), SyscallFailsWithErrno(E2BIG));
  EXPECT_GE(larger.attr.size, 48u);
}

TEST(SchedAttrTest, Errors) {
  sched_attr attr{};
  attr.size = sizeof(attr);
  EXPECT_THAT(RawSyscall(SYS_sched_setattr, 0, nullptr, 0), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RawSyscall(SYS_sched_setattr, -1, &attr, 0), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RawSyscall(SYS_sched_setattr, 0, &attr, 1), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RawSyscall(SYS_sched_setattr, 0, BadPointer(), 0), SyscallFailsWithErrno(EFAULT));
  EXPECT_THAT(RawSyscall(SYS_sched_setattr, 0x3fffffff, &attr, 0), SyscallFailsWithErrno(ESRCH));
  attr.sched_policy = 99;
  EXPECT_THAT(RawSyscall(SYS_sched_setattr, 0, &attr, 0), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RawSyscall(SYS_sched_getattr, -1, &attr, sizeof(attr), 0), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RawSyscall(SYS_sched_getattr, 0, &attr, sizeof(attr), 1), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RawSyscall(SYS_sched_getattr, 0, BadPointer(), sizeof(attr), 0), SyscallFailsWithErrno(EFAULT));
  EXPECT_THAT(RawSyscall(SYS_sched_getattr, 0x3fffffff, &attr, sizeof(attr), 0), SyscallFailsWithErrno(ESRCH));
}

TEST(PersonalityTest, IsToldAndInherited) {
  EXPECT_THAT(RunInChild([] {
                CHILD_CHECK(personality(0xffffffff) == PER_LINUX);
                CHILD_CHECK(personality(ADDR_NO_RANDOMIZE) == PER_LINUX);
                CHILD_CHECK(personality(0xffffffff) == ADDR_NO_RANDOMIZE);
                CHILD_CHECK(RunInChild([] { return personality(0xffffffff) == ADDR_NO_RANDOMIZE ? 0 : 1; }) == 0);
                return 0;
              }),
              ExitedWith(0));
}

TEST(AffinityTest, NegativeIdIsEsrch) {
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  CPU_SET(0, &cpus);
  EXPECT_THAT(sched_getaffinity(-1, sizeof(cpus), &cpus), SyscallFailsWithErrno(ESRCH));
  EXPECT_THAT(sched_setaffinity(-1, sizeof(cpus), &cpus), SyscallFailsWithErrno(ESRCH));
}

}  // namespace
}  // namespace tests
