// SPDX-License-Identifier: Apache-2.0
#include "platform/systrap/hot_calls.h"

#include <sys/mman.h>
#include <sys/syscall.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "platform/systrap/testing/systrap_fixture.h"

namespace platform::testing {
namespace {

TEST(CallSitesTest, ASiteIsWorthPatchingWhenItWasSeenOften) {
  systrap::CallSites sites;
  int told = 0;
  for (int i = 0; i < 16; i++) told += sites.Note(0x1000) == systrap::CallSites::Advice::kPatch ? 1 : 0;
  EXPECT_EQ(told, 1);
  // Less and less often when nothing comes of it.
  for (int i = 16; i < 1024; i++) told += sites.Note(0x1000) == systrap::CallSites::Advice::kPatch ? 1 : 0;
  EXPECT_EQ(told, 7);
  sites.MarkPatched(0x1000);
  EXPECT_EQ(sites.Note(0x1000), systrap::CallSites::Advice::kPatched);
}

class HotCallsTest : public SystrapFixture {
 protected:
  static constexpr uint64_t kEntry = 0x600000;
  static constexpr uint64_t kLoops = 4000;

  static void MapEntries(AddressSpace& space) {
    AddressSpace::Operation entries{};
    entries.range = Range(kEntry, 4096);
    entries.protection = PROT_READ | PROT_EXEC;
    EXPECT_TRUE(space.Apply({&entries, 1}).ok());
  }
  // An address space whose guest_hot goes the hot way. On a fiber.
  base::RefPtr<AddressSpace> NewHotSpace(std::unique_ptr<GuestThread>* thread) {
    return NewHotSpace(thread, guest_hot, guest_hot_site_end);
  }
  base::RefPtr<AddressSpace> NewHotSpace(std::unique_ptr<GuestThread>* thread, const char* code, const char* site_end) {
    auto space = NewSpace();
    MapEntries(*space);
    Registers r = StartAt(code);
    r.rbx = kLoops;
    *thread = NewThread(*space, r);
    auto patched = space->PatchCallSite(**thread, base::GuestAddr(At(site_end)), SYS_getppid, base::GuestAddr(kEntry));
    EXPECT_TRUE(patched.ok());
    return space;
  }

  // While it lives, somebody looks for requests.
  class Polling {
   public:
    explicit Polling(HotCallsTest& test) : receiver_(*test.platform_->receivers()[0]) {
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
  void TestKicks(const char* code, const char* site_end);
  int TestForging(uint32_t number, int calls);
};

TEST_F(HotCallsTest, WithoutAnybodyWhoLooksTheyArePlainCalls) {
  executor_->Call([&] {
    std::unique_ptr<GuestThread> thread;
    auto space = NewHotSpace(&thread);
    EXPECT_EQ(RunToExit(*thread, Next), 0u);
    EXPECT_EQ(platform_->stats().hot_calls, 0u);
    EXPECT_GE(platform_->stats().notified_calls, kLoops);
    EXPECT_GE(platform_->receivers()[0]->TakeDemand(), kLoops);
    thread = nullptr;
  });
}

TEST_F(HotCallsTest, CallsAreFoundByLooking) {
  executor_->Call([&] {
    Polling polling(*this);
    // On a busy machine guest and looker may hardly ever run at the same time.
    constexpr int kAttempts = 50;
    for (int i = 0; i < kAttempts && platform_->stats().hot_calls == 0; i++) {
      std::unique_ptr<GuestThread> thread;
      auto space = NewHotSpace(&thread);
      EXPECT_EQ(RunToExit(*thread, Next), 0u);
      thread = nullptr;
    }
    EXPECT_GT(platform_->stats().hot_calls, 0u);
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
void HotCallsTest::TestKicks(const char* code, const char* site_end) {
  executor_->Call([&] {
    Polling polling(*this);
    std::unique_ptr<GuestThread> thread;
    auto space = NewHotSpace(&thread, code, site_end);
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
    EXPECT_GT(platform_->stats().hot_calls, 0u);
    thread = nullptr;
  });
}

TEST_F(HotCallsTest, KicksFindTheGuestBeforeOrAfterTheCall) { TestKicks(guest_hot, guest_hot_site_end); }
TEST_F(HotCallsTest, KicksFindTheGuestBeforeOrAfterACallOfAnyNumber) { TestKicks(guest_hot_any, guest_hot_any_end); }

TEST_F(HotCallsTest, ASiteOfAnyNumberIsHotAndPlain) {
  executor_->Call([&] {
    std::unique_ptr<GuestThread> thread;
    auto space = NewHotSpace(&thread, guest_hot_any, guest_hot_any_end);
    EXPECT_EQ(RunToExit(*thread, Next), 0u);
    EXPECT_EQ(platform_->stats().hot_calls, 0u);
    Polling polling(*this);
    space = NewHotSpace(&thread, guest_hot_any, guest_hot_any_end);
    EXPECT_EQ(RunToExit(*thread, Next), 0u);
    EXPECT_GT(platform_->stats().hot_calls, 0u);
    thread = nullptr;
  });
}

// Answers writes by keeping the bytes, reads by giving them back.
class Echo {
 public:
  explicit Echo(AddressSpace& space) : space_(space) {}
  uint64_t operator()(const Event& event) {
    base::GuestAddr buffer(event.arguments[1]);
    size_t size = event.arguments[2];
    bool writes = event.number == SYS_write;
    if (writes) bytes_.resize(size);
    auto copied = writes ? space_.CopyIn(buffer, bytes_) : space_.CopyOut(buffer, bytes_);
    return copied.ok() ? copied.value() : static_cast<uint64_t>(-copied.error().code());
  }

 private:
  AddressSpace& space_;
  std::vector<std::byte> bytes_;
};

TEST_F(HotCallsTest, BuffersComeAlongAndGoBack) {
  executor_->Call([&] {
    for (bool interrupted : {false, true}) {
      Polling polling(*this);
      auto space = NewSpace();
      MapEntries(*space);
      Registers r = StartAt(guest_echo);
      r.rbx = kLoops;
      auto thread = NewThread(*space, r);
      base::GuestAddr write_site(At(guest_echo_write_end));
      base::GuestAddr read_site(At(guest_echo_read_end));
      ASSERT_TRUE(space->PatchCallSite(*thread, write_site, SYS_write, base::GuestAddr(kEntry)).ok());
      ASSERT_TRUE(space->PatchCallSite(*thread, read_site, SYS_read, base::GuestAddr(kEntry + 64)).ok());
      EXPECT_EQ(space->PatchCallSite(*thread, read_site, SYS_read, base::GuestAddr(kEntry + 64)).error().code(),
                EEXIST);
      std::atomic<bool> stop{!interrupted};
      std::thread interrupter([&] {
        while (!stop.load()) {
          thread->Interrupt();
          std::this_thread::sleep_for(std::chrono::microseconds(50));
        }
      });
      uint64_t before = platform_->stats().hot_calls;
      EXPECT_EQ(RunToExit(*thread, Echo(*space)), 0u);
      EXPECT_GT(platform_->stats().hot_calls, before);
      stop.store(true);
      interrupter.join();
      thread = nullptr;
    }
  });
}

TEST_F(HotCallsTest, PathsComeAlongAndStructuresGoBack) {
  executor_->Call([&] {
    for (bool interrupted : {false, true}) {
      Polling polling(*this);
      auto space = NewSpace();
      MapEntries(*space);
      Registers r = StartAt(guest_stat);
      r.rbx = kLoops;
      auto thread = NewThread(*space, r);
      ASSERT_TRUE(
          space->PatchCallSite(*thread, base::GuestAddr(At(guest_stat_end)), SYS_stat, base::GuestAddr(kEntry)).ok());
      std::atomic<bool> stop{!interrupted};
      std::thread interrupter([&] {
        while (!stop.load()) {
          thread->Interrupt();
          std::this_thread::sleep_for(std::chrono::microseconds(50));
        }
      });
      auto answer = [&](const Event& event) -> uint64_t {
        char path[100];
        auto length = space->CopyInString(base::GuestAddr(event.arguments[0]), path);
        if (!length.ok() || std::string_view(path) != "a/path") return 1;
        std::vector<std::byte> filled(144, static_cast<std::byte>(event.arguments[2]));
        return space->CopyOut(base::GuestAddr(event.arguments[1]), filled).ok() ? 0 : 2;
      };
      EXPECT_EQ(RunToExit(*thread, answer), 0u);
      EXPECT_GT(platform_->stats().hot_calls, 0u);
      stop.store(true);
      interrupter.join();
      thread = nullptr;
    }
  });
}

TEST_F(HotCallsTest, OnlyThePlainCallThatWasCountedIsWorthPatching) {
  executor_->Call([&] {
    Polling polling(*this);
    auto space = NewSpace();
    MapEntries(*space);
    Registers r = StartAt(guest_echo);
    r.rbx = kLoops;
    auto thread = NewThread(*space, r);
    ASSERT_TRUE(
        space->PatchCallSite(*thread, base::GuestAddr(At(guest_echo_write_end)), SYS_write, base::GuestAddr(kEntry))
            .ok());
    int reads = 0;
    int writes = 0;
    Echo echo(*space);
    auto counting = [&](const Event& event) {
      if (event.worth_patching) (event.number == SYS_read ? reads : writes)++;
      return echo(event);
    };
    EXPECT_EQ(RunToExit(*thread, counting), 0u);
    EXPECT_GT(platform_->stats().hot_calls, 0u);
    EXPECT_GT(reads, 0);
    EXPECT_EQ(writes, 0);
    thread = nullptr;
  });
}

TEST_F(HotCallsTest, ABadBufferIsThePlainCallsMatter) {
  executor_->Call([&] {
    Polling polling(*this);
    auto space = NewSpace();
    MapEntries(*space);
    for (const char* site : {guest_echo_write_end, guest_echo_read_end}) {
      bool writes = site == guest_echo_write_end;
      // At the start of the site itself, with a buffer nobody has mapped.
      Registers r = StartAt(site);
      r.rip -= writes ? 7 : 4;
      r.rsi = 0x12345000;
      r.rdx = 100;
      auto thread = NewThread(*space, r);
      ASSERT_TRUE(space
                      ->PatchCallSite(*thread, base::GuestAddr(At(site)), writes ? SYS_write : SYS_read,
                                      base::GuestAddr(kEntry + (writes ? 0 : 64)))
                      .ok());
      Event event = thread->Run();
      ASSERT_EQ(event.kind, Event::Kind::kSyscall);
      EXPECT_EQ(event.arguments[1], 0x12345000u);
      EXPECT_EQ(event.arguments[2], 100u);
      std::byte byte{};
      EXPECT_EQ(space->CopyIn(base::GuestAddr(0x12345000), std::span(&byte, 1)).error().code(), EFAULT);
      thread = nullptr;
    }
  });
}

// Runs a thread that forges requests of `number`, up to `calls` of its calls; returns how many of the forged were
// taken.
int HotCallsTest::TestForging(uint32_t number, int calls) {
  auto space = NewSpace();
  MapEntries(*space);
  Registers r = StartAt(guest_forge);
  r.rbp = number;
  auto thread = NewThread(*space, r);
  // Nobody looks after a thread that has no patched site.
  auto patched =
      space->PatchCallSite(*thread, base::GuestAddr(At(guest_forge_site_end)), SYS_getpid, base::GuestAddr(kEntry));
  EXPECT_TRUE(patched.ok());
  int taken = 0;
  for (int i = 0; i < calls; i++) {
    Event event = thread->Run();
    if (event.kind == Event::Kind::kGone) break;
    EXPECT_EQ(event.kind, Event::Kind::kSyscall);
    if (event.number == number) taken++;
    thread->set_syscall(SyscallAction::kReturn, 0);
  }
  return taken;
}

TEST_F(HotCallsTest, AForgedRequestEndsItsOwnProcessAtMost) {
  executor_->Call([&] {
    Polling polling(*this);
    std::unique_ptr<GuestThread> honest;
    auto space = NewHotSpace(&honest);
    EXPECT_GT(TestForging(SYS_getuid, 500), 0);
    EXPECT_EQ(RunToExit(*honest, Next), 0u);
    honest = nullptr;
  });
}

TEST_F(HotCallsTest, AForgedRequestOfANumberThatIsNeverHotIsNotTaken) {
  executor_->Call([&] {
    Polling polling(*this);
    EXPECT_EQ(TestForging(SYS_rt_sigreturn, 500), 0);
    EXPECT_EQ(TestForging(SYS_execve, 500), 0);
  });
}

TEST_F(HotCallsTest, OnlySitesOfTheKnownFormArePatched) {
  executor_->Call([&] {
    auto space = NewSpace();
    MapEntries(*space);
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
  });
}

TEST_F(HotCallsTest, SitesArePatchedWhileNoOtherThreadRuns) {
  executor_->Call([&] {
    auto space = NewSpace();
    MapEntries(*space);
    base::GuestAddr site(At(guest_hot_site_end));
    base::GuestAddr entry(kEntry);
    auto thread = NewThread(*space, StartAt(guest_hot));
    Registers r = StartAt(guest_spin_call);
    r.rdi = kData;
    r.r12 = SYS_getuid;
    auto other = NewThread(*space, r);
    ASSERT_EQ(other->Run().kind, Event::Kind::kSyscall);
    other->set_syscall(SyscallAction::kReturn, 0);
    r = StartAt(guest_spin);
    r.rdi = kData + 8;
    auto spinning = NewThread(*space, r);
    std::thread fiber = executor_->Spawn([&] { EXPECT_EQ(spinning->Run().kind, Event::Kind::kInterrupt); });
    WaitFor("the guest to spin", [&] { return Peek<uint64_t>(*space, kData + 8) > 1000; });
    EXPECT_EQ(space->PatchCallSite(*thread, site, SYS_getppid, entry).error().code(), EBUSY);
    spinning->Interrupt();
    fiber.join();
    // One stands in its handler, one waits for the answer of its call.
    EXPECT_TRUE(space->PatchCallSite(*thread, site, SYS_getppid, entry).ok());
    spinning = nullptr;
    other = nullptr;
    thread = nullptr;
  });
}

}  // namespace
}  // namespace platform::testing
