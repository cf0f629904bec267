// SPDX-License-Identifier: Apache-2.0
// System calls, faults and interrupts of one thread.
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include <atomic>
#include <thread>

#include "platform/testing/platform_fixture.h"

namespace platform::testing {
namespace {

using GuestThreadTest = AnyPlatformFixture;

INSTANTIATE_TEST_SUITE_P(Platform, GuestThreadTest, AllPlatforms(), PlatformName);

TEST_P(GuestThreadTest, NotifiedCallsArriveWithAllArguments) {
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

TEST_P(GuestThreadTest, TrappedCallsArriveWithAllArguments) {
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

TEST_P(GuestThreadTest, RestartMakesTheSameCallAgain) {
  executor_->Call([&] {
    auto space = NewSpace();
    for (uint64_t number : {SYS_getppid, SYS_execve}) {
      Registers r = StartAt(guest_once);
      r.rax = number;
      r.rdi = 42;
      auto thread = NewThread(*space, r);
      for (int i = 0; i < 3; i++) {
        Event event = thread->Run();
        ASSERT_EQ(event.kind, Event::Kind::kSyscall);
        EXPECT_EQ(event.number, number);
        EXPECT_EQ(event.arguments[0], 42u);
        thread->set_syscall(SyscallAction::kRestart, 0);
      }
      EXPECT_EQ(RunToExit(*thread, [](const Event&) { return 9; }), 9u);
    }
  });
}

TEST_P(GuestThreadTest, FaultsAreReported) {
  struct Case {
    const char* label;
    int signal;
    int code;
    uint64_t trap;
  };
  executor_->Call([&] {
    auto space = NewSpace();
    for (const Case& c : {Case{guest_load, SIGSEGV, SEGV_MAPERR, 14}, Case{guest_undefined, SIGILL, ILL_ILLOPN, 6},
                          Case{guest_breakpoint, SIGTRAP, SI_KERNEL, 3}, Case{guest_divide, SIGFPE, FPE_INTDIV, 0},
                          Case{guest_int80, SIGSEGV, SI_KERNEL, 13}}) {
      Registers r = StartAt(c.label);
      r.rdi = 0x123450;
      auto thread = NewThread(*space, r);
      Event event = thread->Run();
      ASSERT_EQ(event.kind, Event::Kind::kFault);
      EXPECT_EQ(event.signal, c.signal);
      EXPECT_EQ(event.code, c.code);
      EXPECT_EQ(event.trap_number, c.trap);
      if (c.label == guest_load) {
        EXPECT_EQ(event.address, 0x123450u);
        EXPECT_EQ(event.error_code, 4u);
      }
      auto registers = thread->registers();
      ASSERT_TRUE(registers.ok());
      // A breakpoint stands behind its byte; the division has two instructions before it.
      uint64_t rip = At(c.label) + (c.label == guest_breakpoint ? 1 : c.label == guest_divide ? 4 : 0);
      EXPECT_EQ(registers.value()->rip, rip);
      registers.value()->rip = At(guest_exit);
      registers.value()->rax = 11;
      EXPECT_EQ(RunToExit(*thread, Zero), 11u);
    }
  });
}

TEST_P(GuestThreadTest, RegistersOfANotifiedCallAreReadAndChanged) {
  executor_->Call([&] {
    auto space = NewSpace();
    for (uint64_t number : {SYS_getppid, SYS_execve}) {
      Registers r = StartAt(guest_once);
      r.rax = number;
      r.r15 = 15;
      r.rdi = 1;
      r.gs_base = 0x7000;
      auto thread = NewThread(*space, r);
      ASSERT_EQ(thread->Run().kind, Event::Kind::kSyscall);
      auto before = thread->registers();
      ASSERT_TRUE(before.ok());
      EXPECT_EQ(before.value()->rax, static_cast<uint64_t>(-ENOSYS));
      EXPECT_EQ(before.value()->orig_rax, number);
      thread->set_syscall(SyscallAction::kReturn, 123);
      Registers* registers = before.value();
      EXPECT_EQ(registers->rax, 123u);
      EXPECT_EQ(registers->rip, At(guest_once) + 2);
      EXPECT_EQ(registers->r15, 15u);
      EXPECT_EQ(registers->gs_base, 0x7000u);
      thread->set_syscall(SyscallAction::kRestart, 0);
      EXPECT_EQ(registers->rip, At(guest_once));
      EXPECT_EQ(registers->rax, number);
      thread->set_syscall(SyscallAction::kReturn, 124);
      EXPECT_EQ(registers->rip, At(guest_once) + 2);
      registers->rax = 125;
      EXPECT_EQ(RunToExit(*thread, Zero), 125u);
    }
  });
}

TEST_P(GuestThreadTest, InterruptStopsASpinningThread) {
  executor_->Call([&] {
    auto space = NewSpace();
    Registers r = StartAt(guest_spin);
    r.rdi = kData;
    auto thread = NewThread(*space, r);
    std::thread other([&] {
      WaitFor("the guest to spin", [&] { return Peek<uint64_t>(*space, kData) > 1000; });
      thread->Interrupt();
    });
    EXPECT_EQ(thread->Run().kind, Event::Kind::kInterrupt);
    other.join();
    uint64_t stopped = Peek<uint64_t>(*space, kData);
    EXPECT_EQ(Peek<uint64_t>(*space, kData), stopped);
    auto registers = thread->registers();
    ASSERT_TRUE(registers.ok());
    EXPECT_EQ(registers.value()->rdi, kData);
    registers.value()->rip = At(guest_exit);
    registers.value()->rax = 3;
    EXPECT_EQ(RunToExit(*thread, Zero), 3u);
  });
}

TEST_P(GuestThreadTest, InterruptDuringACallIsDeliveredAtTheNextRun) {
  executor_->Call([&] {
    auto space = NewSpace();
    Registers r = StartAt(guest_once);
    r.rax = SYS_getppid;
    auto thread = NewThread(*space, r);
    ASSERT_EQ(thread->Run().kind, Event::Kind::kSyscall);
    thread->Interrupt();
    thread->Interrupt();
    thread->set_syscall(SyscallAction::kReturn, 66);
    EXPECT_EQ(thread->Run().kind, Event::Kind::kInterrupt);
    auto registers = thread->registers();
    ASSERT_TRUE(registers.ok());
    EXPECT_EQ(registers.value()->rax, 66u);
    EXPECT_EQ(registers.value()->rip, At(guest_once) + 2);
    EXPECT_EQ(RunToExit(*thread, Zero), 66u);
  });
}

TEST_P(GuestThreadTest, InterruptsAndCallsInAnyOrderLoseNothing) {
  constexpr uint64_t kCalls = 2000;
  executor_->Call([&] {
    auto space = NewSpace();
    for (uint64_t number : {SYS_getppid, SYS_execve}) {
      Registers r = StartAt(guest_loop);
      r.r12 = number;
      r.rbx = kCalls;
      auto thread = NewThread(*space, r);
      std::atomic<bool> stop{false};
      std::thread other([&] {
        while (!stop) {
          thread->Interrupt();
          std::this_thread::yield();
        }
      });
      uint64_t calls = 0;
      uint64_t interrupts = 0;
      for (;;) {
        Event event = thread->Run();
        if (event.kind == Event::Kind::kInterrupt) {
          interrupts++;
          if (interrupts % 3 == 0) {
            EXPECT_TRUE(thread->registers().ok());
          }
          continue;
        }
        ASSERT_EQ(event.kind, Event::Kind::kSyscall);
        if (event.number == SYS_exit) break;
        ASSERT_EQ(event.number, number);
        calls++;
        thread->set_syscall(SyscallAction::kReturn, calls);
      }
      stop = true;
      other.join();
      EXPECT_EQ(calls, kCalls);
      EXPECT_GT(interrupts, 0u);
    }
  });
}

TEST_P(GuestThreadTest, FsBaseIsSetByTheGuestItselfOrByTheFrame) {
  executor_->Call([&] {
    auto space = NewSpace();
    Poke<uint64_t>(*space, kData, 0xabcdef);
    for (bool take_registers : {false, true}) {
      Registers r = StartAt(guest_once);
      r.rax = SYS_arch_prctl;
      r.rdi = 0x1002;
      r.rsi = kData;
      auto thread = NewThread(*space, r);
      ASSERT_EQ(thread->Run().number, static_cast<uint32_t>(SYS_arch_prctl));
      ASSERT_TRUE(thread->SetFsBase(kData).ok());
      thread->set_syscall(SyscallAction::kReturn, 0);
      if (take_registers) {
        auto registers = thread->registers();
        ASSERT_TRUE(registers.ok());
        EXPECT_EQ(registers.value()->fs_base, kData);
      }
      EXPECT_EQ(RunToExit(*thread, Zero), 0u);
    }
    Registers r = StartAt(guest_fs);
    r.fs_base = kData;
    auto thread = NewThread(*space, r);
    EXPECT_EQ(RunToExit(*thread, Zero), 0xabcdefu);
  });
}

TEST_P(GuestThreadTest, PseudoNumbersAreOrdinaryUnknownCallsForTheGuest) {
  executor_->Call([&] {
    auto space = NewSpace();
    for (uint64_t number :
         {0x20000001, 0x20000002, 0x2000000f, 0x20000010, 0x3fffffff, 0x40000000, 0x40000027, -1, -512}) {
      Registers r = StartAt(guest_once);
      r.rax = number;
      r.rdi = ~uint64_t{0};
      r.rsi = 0x7fff10000000;
      r.rdx = 0x7fff10001000;
      auto thread = NewThread(*space, r);
      Event event = thread->Run();
      ASSERT_EQ(event.kind, Event::Kind::kSyscall) << number;
      EXPECT_EQ(event.number, static_cast<uint32_t>(number));
      thread->set_syscall(SyscallAction::kReturn, static_cast<uint64_t>(-ENOSYS));
      EXPECT_EQ(RunToExit(*thread, Zero), static_cast<uint64_t>(-ENOSYS));
    }
  });
}

TEST_P(GuestThreadTest, TheHostVdsoWorksInTheGuest) {
  ASSERT_FALSE(platform_->host_vdso().is_null());
  executor_->Call([&] {
    auto space = NewSpace();
    char magic[4] = {};
    ASSERT_TRUE(space->CopyIn(platform_->host_vdso(), std::as_writable_bytes(std::span(magic))).ok());
    EXPECT_EQ(memcmp(magic, "\177ELF", 4), 0);
  });
}

}  // namespace
}  // namespace platform::testing
