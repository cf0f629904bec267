// SPDX-License-Identifier: Apache-2.0
// Guests that attack the stub they run in.
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include <atomic>
#include <cstdio>
#include <thread>
#include <vector>

#include "platform/systrap/slot_unsafe.h"
#include "platform/systrap/stub_image.h"
#include "platform/systrap/stub_layout.h"
#include "platform/systrap/testing/systrap_fixture.h"

namespace platform::testing {
namespace {

using systrap::Labels;

using SystrapWallTest = SystrapFixture;

TEST_F(SystrapWallTest, AGuestThatJumpsIntoTheZoneDies) {
  executor_->Call([&] {
    // Every byte of the zone, as a thread with a memory call in its registers.
    for (uint64_t offset = 0; offset < STUB_ZONE_SIZE; offset += 7) {
      auto space = NewSpace();
      Registers r = StartAt(guest_jump);
      r.rdx = STUB_CODE + offset;
      r.rax = SYS_munmap;
      r.rdi = kData;
      r.rsi = 4096;
      r.r15 = STUB_COMMAND;
      auto thread = NewThread(*space, r);
      // It faults on what it finds there, or makes a call and dies of it; it never gets memory calls done.
      Event event = thread->Run();
      if (event.kind == Event::Kind::kFault) continue;
      ASSERT_EQ(event.kind, Event::Kind::kGone) << offset;
    }
  });
}

TEST_F(SystrapWallTest, AGuestCannotTouchTheRegion) {
  executor_->Call([&] {
    auto space = NewSpace();
    for (uint64_t address : {STUB_CODE, STUB_COMMAND, STUB_SLOTS, static_cast<long>(STUB_BASE + 0x20000)}) {
      Registers r = StartAt(guest_once);
      r.rax = SYS_munmap;
      r.rdi = address;
      r.rsi = 4096;
      auto thread = NewThread(*space, r);
      // It is only a call like others, and the platform refuses to carry it out.
      ASSERT_EQ(thread->Run().number, static_cast<uint32_t>(SYS_munmap));
      EXPECT_FALSE(space->Unmap(Range(address, 4096), thread.get()).ok());
      EXPECT_FALSE(space->Protect(Range(address, 4096), PROT_READ, thread.get()).ok());
      EXPECT_FALSE(space->MapAnonymous(Range(address, 4096), PROT_READ, false, false, thread.get()).ok());
      std::byte byte{};
      EXPECT_FALSE(space->CopyIn(base::GuestAddr(address), std::span(&byte, 1)).ok());
      EXPECT_FALSE(space->CopyOut(base::GuestAddr(address), std::span(&byte, 1), true).ok());
      thread->set_syscall(SyscallAction::kReturn, 1);
      EXPECT_EQ(RunToExit(*thread, Zero), 1u);
    }
  });
}

TEST_F(SystrapWallTest, ParkCallsWithWildArgumentsAreBreaches) {
  executor_->Call([&] {
    for (uint64_t context :
         {uint64_t{0}, kData, uint64_t{STUB_SLOTS}, uint64_t{STUB_SLOTS + STUB_SLOT_SIZE * 2 - 8}, ~uint64_t{7}}) {
      auto space = NewSpace();
      Registers r = StartAt(guest_jump);
      r.rdx = Labels().park - 2;
      r.rax = STUB_NR_PARK;
      r.rdi = SIGSYS;
      r.rsi = context;
      r.rbx = 0;
      auto thread = NewThread(*space, r);
      EXPECT_EQ(thread->Run().kind, Event::Kind::kGone);
    }
  });
}

// A frame that blocks all signals, left by the stub's own rt_sigreturn.
void ForgeMask(AddressSpace& space, uint64_t rip, uint64_t rdi, Registers* r) {
  HostFrame frame{};
  frame.flags = 6;
  frame.rip = rip;
  frame.rdi = rdi;
  frame.rax = 7;
  frame.r12 = SYS_getppid;
  frame.rsp = SystrapFixture::kData + 0x8000;
  frame.rflags = 0x202;
  frame.cs = 0x33;
  frame.ss = 0x2b;
  frame.mask = ~uint64_t{0};
  SystrapFixture::Poke(space, SystrapFixture::kData + 0x1000, frame);
  r->rsp = SystrapFixture::kData + 0x1000;
  r->rdx = Labels().restorer;
}

TEST_F(SystrapWallTest, AThreadThatBlocksKicksIsKilled) {
  executor_->Call([&] {
    for (const char* label : {guest_spin, guest_spin_call}) {
      auto space = NewSpace();
      Registers r = StartAt(guest_jump);
      ForgeMask(*space, At(label), kData, &r);
      auto thread = NewThread(*space, r);
      std::atomic<bool> gone{false};
      std::thread other([&] {
        WaitFor("the guest to spin", [&] { return Peek<uint64_t>(*space, kData) > 10; });
        while (!gone) {
          thread->Interrupt();
          std::this_thread::yield();
        }
      });
      // An interrupt that finds the thread in a call is no kick.
      Event event;
      do {
        event = thread->Run();
        if (event.kind == Event::Kind::kSyscall) thread->set_syscall(SyscallAction::kReturn, 0);
      } while (event.kind == Event::Kind::kSyscall || event.kind == Event::Kind::kInterrupt);
      EXPECT_EQ(event.kind, Event::Kind::kGone);
      gone = true;
      other.join();
    }
  });
}

TEST_F(SystrapWallTest, AThreadAsleepWithoutBeingToldIsKilledWhenKicked) {
  executor_->Call([&] {
    auto space = NewSpace();
    // rbp is what the stub's sleep compares with: the word of slot 0, which nobody changes.
    Registers r = StartAt(guest_jump);
    ForgeMask(*space, Labels().park, 0, &r);
    HostFrame frame = Peek<HostFrame>(*space, kData + 0x1000);
    frame.rax = uint64_t{1} << STUB_REPLY_SLEEP_BIT;
    frame.r12 = STUB_SLOTS;
    Poke(*space, kData + 0x1000, frame);
    auto thread = NewThread(*space, r);
    std::thread other([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      thread->Interrupt();
    });
    EXPECT_EQ(thread->Run().kind, Event::Kind::kGone);
    other.join();
  });
}

TEST_F(SystrapWallTest, ASiblingThatScribblesOverSlotsHarmsOnlyItsProcess) {
  executor_->Call([&] {
    auto bystander_space = NewSpace();
    Registers r = StartAt(guest_loop);
    r.r12 = SYS_getppid;
    r.rbx = 200;
    auto bystander = NewThread(*bystander_space, r);
    std::thread fiber = executor_->Spawn([&] { EXPECT_EQ(RunToExit(*bystander, Zero), 0u); });
    for (int i = 0; i < 20; i++) {
      auto space = NewSpace();
      // The victim traps all the time; the attacker adds to a quadword of its slot all the time.
      Registers victim_registers = StartAt(guest_loop);
      victim_registers.r12 = SYS_execve;
      victim_registers.rbx = 1000000;
      auto victim = NewThread(*space, victim_registers);
      Registers attacker_registers = StartAt(guest_spin);
      constexpr uint64_t kOffsets[] = {SLOT_FS_BASE, SLOT_FRAME, SLOT_WORD, STUB_SLOT_SIZE - 0xb00};
      attacker_registers.rdi = STUB_SLOTS + STUB_SLOT_SIZE + kOffsets[i % 4] + static_cast<uint64_t>(i / 4) * 0x58;
      auto attacker = NewThread(*space, attacker_registers);
      std::thread attacking = executor_->Spawn([&] {
        for (;;) {
          Event event = attacker->Run();
          if (event.kind != Event::Kind::kSyscall && event.kind != Event::Kind::kInterrupt) break;
          if (event.kind == Event::Kind::kSyscall) attacker->set_syscall(SyscallAction::kReturn, 0);
        }
      });
      std::thread suffering = executor_->Spawn([&] {
        for (int calls = 0; calls < 200; calls++) {
          Event event = victim->Run();
          if (event.kind == Event::Kind::kGone || event.kind == Event::Kind::kFault) break;
          if (calls % 16 == 0) {
            (void)victim->extended_state().ok();
          }
          if (event.kind == Event::Kind::kSyscall) victim->set_syscall(SyscallAction::kReturn, 0);
        }
      });
      suffering.join();
      space->Kill();
      attacking.join();
    }
    fiber.join();
  });
}

}  // namespace
}  // namespace platform::testing
