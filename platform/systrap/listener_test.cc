// SPDX-License-Identifier: Apache-2.0
// Leaving the listener.
#include <sys/syscall.h>

#include <cstdio>
#include <memory>
#include <vector>

#include "base/clock.h"
#include "platform/systrap/testing/systrap_fixture.h"

namespace platform::testing {
namespace {

using SystrapListenerTest = SystrapFixture;

TEST_F(SystrapListenerTest, BlockedThreadsLeaveTheListener) {
  constexpr int kThreads = 1000;
  executor_->Call([&] {
    auto space = NewSpace();
    std::vector<std::unique_ptr<GuestThread>> threads;
    for (int i = 0; i < kThreads; i++) {
      Registers r = StartAt(guest_once);
      r.rax = i % 2 == 0 ? SYS_read : SYS_execve;
      threads.push_back(NewThread(*space, r));
      ASSERT_NE(threads.back(), nullptr) << i;
      ASSERT_EQ(threads.back()->Run().kind, Event::Kind::kSyscall);
    }
    WaitFor("the threads to leave", [&] { return platform_->stats().listener_leaves >= kThreads; });
    Registers r = StartAt(guest_loop);
    r.r12 = SYS_getppid;
    r.rbx = 5000;
    auto caller = NewThread(*space, r);
    int64_t begin = base::MonotonicNow();
    RunToExit(*caller, Zero);
    printf("a call with %d threads blocked: %ld ns (two thread switches included)\n", kThreads,
           (base::MonotonicNow() - begin) / 5000);
    for (int i = 0; i < kThreads; i++) {
      threads[i]->set_syscall(i % 3 == 0 ? SyscallAction::kRestart : SyscallAction::kReturn, i);
      EXPECT_EQ(RunToExit(*threads[i], [i](const Event&) { return i; }), i);
    }
  });
}

}  // namespace
}  // namespace platform::testing
