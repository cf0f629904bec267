// SPDX-License-Identifier: Apache-2.0
// System calls, faults and interrupts of one thread.
#include "platform/systrap/systrap.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include <cstdio>

#include "base/clock.h"
#include "platform/systrap/testing/systrap_fixture.h"

namespace platform::testing {
namespace {

using SystrapTest = SystrapFixture;

TEST_F(SystrapTest, NotifiedCallsArriveWithAllArguments) {
  executor_->Call([&] {
    auto space = NewSpace();
    Registers r = StartAt(guest_once);
    r.rax = SYS_write;
    r.rdi = 1;
    r.rsi = 0x1122334455667788;
    r.rdx = 3;
    r.r10 = 4;
    r.r8 = 5;
    r.r9 = ~uint64_t{0};
    auto thread = NewThread(*space, r);
    Event event = thread->Run();
    ASSERT_EQ(event.kind, Event::Kind::kSyscall);
    EXPECT_EQ(event.number, static_cast<uint32_t>(SYS_write));
    EXPECT_EQ(event.arguments[0], 1u);
    EXPECT_EQ(event.arguments[1], 0x1122334455667788u);
    EXPECT_EQ(event.arguments[5], ~uint64_t{0});
    EXPECT_EQ(event.instruction_pointer, At(guest_once) + 2);
    thread->set_syscall(SyscallAction::kReturn, 77);
    event = thread->Run();
    ASSERT_EQ(event.kind, Event::Kind::kSyscall);
    EXPECT_EQ(event.number, static_cast<uint32_t>(SYS_exit));
    EXPECT_EQ(event.arguments[0], 77u);
  });
}

TEST_F(SystrapTest, TrappedCallsArriveWithAllArguments) {
  executor_->Call([&] {
    auto space = NewSpace();
    Registers r = StartAt(guest_once);
    r.rax = SYS_execve;
    r.rdi = 1;
    r.r9 = 6;
    auto thread = NewThread(*space, r);
    Event event = thread->Run();
    ASSERT_EQ(event.kind, Event::Kind::kSyscall);
    EXPECT_EQ(event.number, static_cast<uint32_t>(SYS_execve));
    EXPECT_EQ(event.arguments[0], 1u);
    EXPECT_EQ(event.arguments[5], 6u);
    EXPECT_EQ(event.instruction_pointer, At(guest_once) + 2);
    thread->set_syscall(SyscallAction::kReturn, static_cast<uint64_t>(-ENOENT));
    event = thread->Run();
    EXPECT_EQ(event.arguments[0], static_cast<uint64_t>(-ENOENT));
  });
}

TEST_F(SystrapTest, MeasureCalls) {
  executor_->Call([&] {
    auto space = NewSpace();
    for (uint32_t number : {SYS_getppid, SYS_execve}) {
      Registers r = StartAt(guest_loop);
      r.r12 = number;
      r.rbx = 20000;
      auto thread = NewThread(*space, r);
      int64_t begin = base::MonotonicNow();
      EXPECT_EQ(RunToExit(*thread, [](const Event&) { return 5; }), 5u);
      printf("call %u: %ld ns\n", number, (base::MonotonicNow() - begin) / 20000);
    }
  });
}

}  // namespace
}  // namespace platform::testing
