// SPDX-License-Identifier: Apache-2.0
// Prints what the platform's operations cost. No assertion on time.
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cstdio>
#include <vector>

#include "base/clock.h"
#include "platform/systrap/systrap.h"
#include "platform/systrap/testing/systrap_fixture.h"
#include "platform/testing/loop_executor.h"

namespace platform::testing {
namespace {

class SystrapMeasureTest : public SystrapFixture {
 public:
  void SetUp() override {
    auto prepared = systrap::Systrap::Prepare({});
    ASSERT_TRUE(prepared.ok());
    platform_ = std::move(prepared).value();
    ASSERT_TRUE(platform_->Start(loop_).ok());
    container_ = std::move(platform_->NewContainer()).value();
  }
  void TearDown() override {
    container_ = nullptr;
    platform_ = nullptr;
  }

 protected:
  void OnLoop(std::function<void()> body) { loop_.Run(*platform_->receivers()[0], std::move(body)); }

  // The least and the median of some runs of `count` times `body`, per time.
  static void Measure(const char* what, int count, const std::function<void(int)>& body) {
    std::vector<int64_t> costs;
    for (int run = 0; run < 11; run++) {
      int64_t begin = base::MonotonicNow();
      body(count);
      costs.push_back((base::MonotonicNow() - begin) / count);
    }
    std::sort(costs.begin(), costs.end());
    printf("%-34s min %7ld  median %7ld ns\n", what, costs[0], costs[costs.size() / 2]);
  }

  void MeasureCall(AddressSpace& space, const char* what, uint64_t number, const Answer& answer) {
    Registers r = StartAt(guest_loop);
    r.r12 = number;
    r.rbx = 1000000000;
    r.rdi = kData;
    r.rsi = 4096;
    r.rdx = PROT_READ | PROT_WRITE;
    auto thread = NewThread(space, r);
    Measure(what, 2000, [&](int count) {
      for (int i = 0; i < count; i++) {
        Event event = thread->Run();
        ASSERT_EQ(event.kind, Event::Kind::kSyscall);
        thread_ = thread.get();
        thread->set_syscall(SyscallAction::kReturn, answer(event));
      }
    });
  }

  LoopExecutor loop_;
  GuestThread* thread_ = nullptr;
};

TEST_F(SystrapMeasureTest, Calls) {
  OnLoop([&] {
    auto space = NewSpace();
    MeasureCall(*space, "notified call", SYS_getppid, Zero);
    MeasureCall(*space, "trapped call", SYS_execve, Zero);
    MeasureCall(*space, "notified call with registers", SYS_getppid, [&](const Event&) {
      EXPECT_TRUE(thread_->registers().ok());
      return 0;
    });
    MeasureCall(*space, "mprotect by the thread", SYS_mprotect, [&](const Event&) {
      EXPECT_TRUE(space->Protect(Range(kData, 4096), PROT_READ | PROT_WRITE, thread_).ok());
      return 0;
    });
    MeasureCall(*space, "mprotect by the helper", SYS_mprotect, [&](const Event&) {
      EXPECT_TRUE(space->Protect(Range(kData, 4096), PROT_READ | PROT_WRITE, nullptr).ok());
      return 0;
    });
    Measure("helper: map and unmap 64 KiB", 500, [&](int count) {
      for (int i = 0; i < count; i++) {
        EXPECT_TRUE(space->MapAnonymous(Range(0x600000, 0x10000), PROT_READ, false, false, nullptr).ok());
        EXPECT_TRUE(space->Unmap(Range(0x600000, 0x10000), nullptr).ok());
      }
    });
    Measure("copy in 8 bytes", 2000, [&](int count) {
      for (int i = 0; i < count; i++) Peek<uint64_t>(*space, kData);
    });
    Measure("compare and exchange a word", 500, [&](int count) {
      for (int i = 0; i < count; i++) {
        EXPECT_TRUE(space->CompareExchangeWord(base::GuestAddr(kData), 0, 0).ok());
      }
    });
  });
}

TEST_F(SystrapMeasureTest, ThreadsAndForks) {
  OnLoop([&] {
    auto space = NewSpace();
    Registers r = StartAt(guest_once);
    r.rax = SYS_getppid;
    Measure("thread: make, one call, exit", 100, [&](int count) {
      for (int i = 0; i < count; i++) RunToExit(*NewThread(*space, r), Zero);
    });
    Measure("fork: make, one call, kill", 100, [&](int count) {
      for (int i = 0; i < count; i++) {
        auto forked = space->Fork(r, ExtendedState());
        ASSERT_TRUE(forked.ok());
        RunToExit(*forked.value().thread, Zero);
      }
    });
    Measure("fresh address space", 100, [&](int count) {
      for (int i = 0; i < count; i++) {
        EXPECT_TRUE(container_->NewAddressSpace().ok());
      }
    });
  });
}

}  // namespace
}  // namespace platform::testing
