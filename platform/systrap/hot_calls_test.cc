// SPDX-License-Identifier: Apache-2.0
#include "platform/systrap/hot_calls.h"

#include <sys/mman.h>
#include <sys/syscall.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "platform/systrap/testing/systrap_fixture.h"

namespace platform::testing {
namespace {

TEST(CallSitesTest, ASiteIsWorthPatchingWhenItWasSeenOften) {
  systrap::CallSites sites;
  int told = 0;
  for (int i = 0; i < 16; i++) told += sites.Note(0x1000) == systrap::CallSites::Advice::kPatch ? 1 : 0;
  EXPECT_EQ(told, 1);
  EXPECT_EQ(sites.Note(0x1000), systrap::CallSites::Advice::kNothing);
  sites.MarkPatched(0x1000);
  EXPECT_EQ(sites.Note(0x1000), systrap::CallSites::Advice::kPatched);
}

class HotCallsTest : public SystrapFixture {
 protected:
  static constexpr uint64_t kEntry = 0x600000;
  static constexpr uint64_t kLoops = 4000;

  // An address space whose guest_hot goes the hot way. On a fiber.
  base::RefPtr<AddressSpace> NewHotSpace(std::unique_ptr<GuestThread>* thread, const char* label = guest_hot) {
    auto space = NewSpace();
    AddressSpace::Operation entries{};
    entries.range = Range(kEntry, 4096);
    entries.protection = PROT_READ | PROT_EXEC;
    EXPECT_TRUE(space->Apply({&entries, 1}).ok());
    Registers r = StartAt(label);
    r.rbx = kLoops;
    *thread = NewThread(*space, r);
    auto patched =
        space->PatchCallSite(**thread, base::GuestAddr(At(guest_hot_site_end)), SYS_getppid, base::GuestAddr(kEntry));
    EXPECT_TRUE(patched.ok());
    return space;
  }

  // While it lives, somebody looks for requests.
  class Polling {
   public:
    explicit Polling(HotCallsTest& test) : receiver_(*test.systrap_->receivers()[0]) {
      receiver_.BeginPolling();
      thread_ = std::thread([this] {
        while (!stop_.load(std::memory_order_relaxed)) receiver_.Poll();
      });
    }
    ~Polling() {
      stop_.store(true);
      thread_.join();
      receiver_.EndPolling();
    }

   private:
    Receiver& receiver_;
    std::atomic<bool> stop_{false};
    std::thread thread_;
  };

  static uint64_t Next(const Event& event) { return event.arguments[0] + 1; }
};

TEST_F(HotCallsTest, WithoutAnybodyWhoLooksTheyArePlainCalls) {
  executor_->Call([&] {
    std::unique_ptr<GuestThread> thread;
    auto space = NewHotSpace(&thread);
    EXPECT_EQ(RunToExit(*thread, Next), 0u);
    EXPECT_EQ(systrap_->stats().hot_calls, 0u);
    EXPECT_GE(systrap_->stats().notified_calls, kLoops);
    EXPECT_GE(systrap_->receivers()[0]->TakeDemand(), kLoops);
    thread = nullptr;
  });
}

TEST_F(HotCallsTest, CallsAreFoundByLooking) {
  executor_->Call([&] {
    Polling polling(*this);
    std::unique_ptr<GuestThread> thread;
    auto space = NewHotSpace(&thread);
    EXPECT_EQ(RunToExit(*thread, Next), 0u);
    EXPECT_GT(systrap_->stats().hot_calls, 0u);
    thread = nullptr;
  });
}

TEST_F(HotCallsTest, ALateAnswerFindsTheThreadAsleep) {
  executor_->Call([&] {
    Polling polling(*this);
    std::unique_ptr<GuestThread> thread;
    auto space = NewHotSpace(&thread);
    int calls = 0;
    auto late = [&](const Event& event) {
      if (++calls % 100 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(2));
      return Next(event);
    };
    EXPECT_EQ(RunToExit(*thread, late), 0u);
    thread = nullptr;
  });
}

// Interrupts, looks at registers, restarts, at whatever moment they come.
TEST_F(HotCallsTest, KicksFindTheGuestBeforeOrAfterTheCall) {
  executor_->Call([&] {
    Polling polling(*this);
    std::unique_ptr<GuestThread> thread;
    auto space = NewHotSpace(&thread);
    std::atomic<bool> stop{false};
    std::thread interrupter([&] {
      while (!stop.load()) {
        thread->Interrupt();
        std::this_thread::sleep_for(std::chrono::microseconds(50));
      }
    });
    uint64_t turn = 0;
    std::optional<uint64_t> wrong;
    for (;;) {
      Event event = thread->Run();
      turn++;
      if (event.kind == Event::Kind::kInterrupt) {
        if (turn % 3 == 0) {
          EXPECT_TRUE(thread->registers().ok());
        }
        continue;
      }
      ASSERT_EQ(event.kind, Event::Kind::kSyscall);
      if (event.number == SYS_exit) {
        wrong = event.arguments[0];
        break;
      }
      thread->set_syscall(turn % 7 == 0 ? SyscallAction::kRestart : SyscallAction::kReturn, Next(event));
      if (turn % 11 == 0) {
        auto registers = thread->registers();
        ASSERT_TRUE(registers.ok());
        EXPECT_EQ(registers.value()->rdi, event.arguments[0]);
        EXPECT_EQ(registers.value()->r10, event.arguments[3]);
        EXPECT_EQ(registers.value()->gs_base, 0u);
      }
    }
    stop.store(true);
    interrupter.join();
    EXPECT_EQ(wrong, 0u);
    EXPECT_GT(systrap_->stats().hot_calls, 0u);
    thread = nullptr;
  });
}

TEST_F(HotCallsTest, AForgedRequestEndsItsOwnProcessAtMost) {
  executor_->Call([&] {
    Polling polling(*this);
    std::unique_ptr<GuestThread> honest;
    auto space = NewHotSpace(&honest);
    auto hostile = NewSpace();
    auto thread = NewThread(*hostile, StartAt(guest_forge));
    for (int i = 0; i < 500; i++) {
      Event event = thread->Run();
      if (event.kind == Event::Kind::kGone) break;
      ASSERT_EQ(event.kind, Event::Kind::kSyscall);
      thread->set_syscall(SyscallAction::kReturn, 0);
    }
    thread = nullptr;
    EXPECT_EQ(RunToExit(*honest, Next), 0u);
    honest = nullptr;
  });
}

TEST_F(HotCallsTest, OnlySitesOfTheKnownFormArePatched) {
  executor_->Call([&] {
    auto space = NewSpace();
    AddressSpace::Operation entries{};
    entries.range = Range(kEntry, 4096);
    entries.protection = PROT_READ | PROT_EXEC;
    ASSERT_TRUE(space->Apply({&entries, 1}).ok());
    auto thread = NewThread(*space, StartAt(guest_hot));
    base::GuestAddr site(At(guest_hot_site_end));
    base::GuestAddr entry(kEntry);
    EXPECT_EQ(space->PatchCallSite(*thread, site, SYS_getpid, entry).error().code(), EINVAL);  // Another number.
    EXPECT_EQ(space->PatchCallSite(*thread, base::GuestAddr(At(guest_once) + 2), SYS_getppid, entry).error().code(),
              EINVAL);
    EXPECT_EQ(space->PatchCallSite(*thread, site, SYS_fork, entry).error().code(), EINVAL);
    base::GuestAddr far(0x7f0000000000);
    EXPECT_EQ(space->PatchCallSite(*thread, site, SYS_getppid, far).error().code(), EINVAL);
    ASSERT_TRUE(space->PatchCallSite(*thread, site, SYS_getppid, entry).ok());
    EXPECT_EQ(space->PatchCallSite(*thread, site, SYS_getppid, entry).error().code(), EEXIST);
    thread = nullptr;
    space = NewSpace();
    ASSERT_TRUE(space->Apply({&entries, 1}).ok());
    thread = NewThread(*space, StartAt(guest_hot));
    auto second = NewThread(*space, StartAt(guest_hot));
    EXPECT_EQ(space->PatchCallSite(*thread, site, SYS_getppid, entry).error().code(), EBUSY);
    thread = nullptr;
    second = nullptr;
  });
}

}  // namespace
}  // namespace platform::testing
