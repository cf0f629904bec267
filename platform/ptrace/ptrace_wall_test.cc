// SPDX-License-Identifier: Apache-2.0
// Guests that attack the stub they run in, and the filter behind PTRACE_SYSEMU.
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <string>
#include <thread>

#include "platform/ptrace/filter.h"
#include "platform/ptrace/ptrace.h"
#include "platform/ptrace/stub_image.h"
#include "platform/ptrace/stub_layout.h"
#include "platform/testing/bpf_evaluator.h"
#include "platform/testing/platform_fixture.h"

namespace platform::testing {
namespace {

using ptrace::BuildFilter;
using ptrace::Labels;

class PtraceWallTest : public PlatformFixture {
 public:
  base::Result<std::unique_ptr<Platform>> MakePlatform() override { return PreparePlatform("ptrace"); }
};

TEST_F(PtraceWallTest, AGuestThatJumpsIntoTheStubsCodeGetsNothingDone) {
  executor_->Call([&] {
    for (uint64_t offset = 0; offset < Labels().handled - STUB_CODE + 4; offset++) {
      auto space = NewSpace();
      Poke<uint64_t>(*space, kData, 7);
      Registers r = StartAt(guest_jump);
      r.rdx = STUB_CODE + offset;
      r.rax = SYS_munmap;
      r.rdi = kData;
      r.rsi = 4096;
      auto thread = NewThread(*space, r);
      Event event = thread->Run();
      // A call of its own, or a fault; never a call of the host's.
      ASSERT_TRUE(event.kind == Event::Kind::kFault || event.kind == Event::Kind::kSyscall) << offset;
      EXPECT_EQ(Peek<uint64_t>(*space, kData), 7u);
      // The platform still works there.
      EXPECT_TRUE(space->Protect(Range(kData, 4096), PROT_READ | PROT_WRITE, thread.get()).ok());
    }
  });
}

TEST_F(PtraceWallTest, AGuestCannotTouchTheRegion) {
  executor_->Call([&] {
    auto space = NewSpace();
    for (uint64_t address : {uint64_t{STUB_CODE}, uint64_t{STUB_SCRATCH}, uint64_t{STUB_BASE + 0x200000}}) {
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
      EXPECT_FALSE(space->CompareExchangeWord(base::GuestAddr(address), 0, 1).ok());
      std::byte byte{};
      EXPECT_FALSE(space->CopyIn(base::GuestAddr(address), std::span(&byte, 1)).ok());
      EXPECT_FALSE(space->CopyOut(base::GuestAddr(address), std::span(&byte, 1), true).ok());
      thread->set_syscall(SyscallAction::kReturn, 1);
      EXPECT_EQ(RunToExit(*thread, Zero), 1u);
    }
  });
}

TEST_F(PtraceWallTest, EveryThreadIsTracedAndFiltered) {
  executor_->Call([&] {
    auto space = NewSpace();
    Registers r = StartAt(guest_once);
    r.rax = SYS_getppid;
    auto forked = space->Fork(r, ExtendedState());
    ASSERT_TRUE(forked.ok());
    for (int tid : {space->host_pid(), forked.value().space->host_pid(), forked.value().thread->host_tid()}) {
      FILE* file = fopen(("/proc/" + std::to_string(tid) + "/status").c_str(), "re");
      ASSERT_NE(file, nullptr);
      int tracer = 0;
      int seccomp = 0;
      char line[256];
      while (fgets(line, sizeof(line), file) != nullptr) {
        (void)(sscanf(line, "TracerPid: %d", &tracer) == 1 || sscanf(line, "Seccomp: %d", &seccomp) == 1);
      }
      fclose(file);
      EXPECT_NE(tracer, 0);
      EXPECT_EQ(seccomp, 2);
    }
  });
}

TEST_F(PtraceWallTest, CallsByTheVsyscallPageAreReported) {
  executor_->Call([&] {
    auto space = NewSpace();
    Registers r = StartAt(guest_call_function);
    r.rdx = 0xffffffffff600400;  // time().
    r.rdi = 0;
    r.rbx = 1;
    auto thread = NewThread(*space, r);
    Event event = thread->Run();
    if (event.kind == Event::Kind::kFault) {
      EXPECT_EQ(event.signal, SIGSEGV);  // A host without the page.
      return;
    }
    ASSERT_EQ(event.kind, Event::Kind::kSyscall);
    EXPECT_EQ(event.number, static_cast<uint32_t>(SYS_time));
    thread->set_syscall(SyscallAction::kReturn, 99);
    EXPECT_EQ(RunToExit(*thread, Zero), 99u);
  });
}

TEST_F(PtraceWallTest, ASiblingThatScribblesOverTheScratchPagesHarmsOnlyItsProcess) {
  executor_->Call([&] {
    for (int i = 0; i < 8; i++) {
      auto space = NewSpace();
      Registers attacker_registers = StartAt(guest_spin);
      attacker_registers.rdi = SCRATCH_STACK - 0x1000 - static_cast<uint64_t>(i) * 0x58;
      auto attacker = NewThread(*space, attacker_registers);
      std::thread attacking = executor_->Spawn([&] { EXPECT_EQ(attacker->Run().kind, Event::Kind::kGone); });
      for (int faults = 0; faults < 100; faults++) {
        Registers victim_registers = StartAt(guest_load);
        victim_registers.rdi = 0x123450;
        auto victim = NewThread(*space, victim_registers);
        Event event = victim->Run();
        ASSERT_EQ(event.kind, Event::Kind::kFault);
        EXPECT_EQ(event.signal, SIGSEGV);
        EXPECT_EQ(event.address, 0x123450u);
        // Its registers are not those of the handler.
        auto registers = victim->registers();
        ASSERT_TRUE(registers.ok());
        EXPECT_EQ(registers.value()->rip, At(guest_load));
        EXPECT_EQ(registers.value()->rsp, kData + kDataSize);
      }
      space->Kill();
      attacking.join();
    }
  });
}

TEST_F(PtraceWallTest, WritingFaultsAreToldFromReadingOnes) {
  executor_->Call([&] {
    auto space = NewSpace();
    Registers r = StartAt(guest_spin);  // Adds to (%rdi).
    r.rdi = kCode;
    auto thread = NewThread(*space, r);
    Event event = thread->Run();
    ASSERT_EQ(event.kind, Event::Kind::kFault);
    EXPECT_EQ(event.trap_number, 14u);
    EXPECT_EQ(event.error_code, 7u);  // A write by user code to a page that is there.
    EXPECT_EQ(event.code, SEGV_ACCERR);
  });
}

// ---- The filter alone.

uint32_t Verdict(uint64_t ip, uint32_t number, std::initializer_list<uint64_t> arguments,
                 uint32_t architecture = AUDIT_ARCH_X86_64) {
  seccomp_data data{};
  data.nr = static_cast<int>(number);
  data.arch = architecture;
  data.instruction_pointer = ip;
  int i = 0;
  for (uint64_t argument : arguments) data.args[i++] = argument;
  return EvaluateBpf(BuildFilter(Labels().called), data).value_or(0xdead);
}

TEST(PtraceFilterTest, OnlyInjectedCallsAreAllowed) {
  const uint64_t called = Labels().called;
  EXPECT_EQ(Verdict(called, SYS_munmap, {0x10000, 0x1000}), SECCOMP_RET_ALLOW);
  for (uint64_t ip : {called - 1, called + 1, uint64_t{0x400002}, called + (uint64_t{1} << 32), uint64_t{0}}) {
    EXPECT_EQ(Verdict(ip, SYS_munmap, {0x10000, 0x1000}), SECCOMP_RET_KILL_PROCESS);
  }
  EXPECT_EQ(Verdict(called, SYS_munmap, {0x10000, 0x1000}, AUDIT_ARCH_I386), SECCOMP_RET_KILL_PROCESS);
  EXPECT_EQ(Verdict(0xffffffffff600000, SYS_gettimeofday, {}), SECCOMP_RET_TRAP);
  int allowed = 0;
  for (uint32_t number = 0; number < 1024; number++) {
    uint32_t verdict = Verdict(called, number, {0, 0, 0, 0, 0, 0});
    if (verdict == SECCOMP_RET_ALLOW) allowed++;
    EXPECT_TRUE(verdict == SECCOMP_RET_ALLOW || verdict == SECCOMP_RET_KILL_PROCESS);
    EXPECT_EQ(Verdict(called, number | 0x40000000, {}), SECCOMP_RET_KILL_PROCESS);
  }
  // With arguments of 0: munmap, mprotect, msync, madvise, mremap, close, exit.
  EXPECT_EQ(allowed, 7);
}

TEST(PtraceFilterTest, ArgumentsAreChecked) {
  struct Case {
    uint32_t number;
    std::initializer_list<uint64_t> good;
    std::initializer_list<uint64_t> bad;
  };
  constexpr uint64_t kFixed = MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS;
  const uint64_t fork = ptrace::ForkCloneFlags();
  const uint64_t thread = ptrace::ThreadCloneFlags();
  const Case cases[] = {
      {SYS_mmap, {0x10000, 0x1000, 7, kFixed, ~uint64_t{0}, 0}, {STUB_CODE, 0x1000, 7, kFixed, ~uint64_t{0}, 0}},
      {SYS_mmap, {0x10000, 0x1000, 7, kFixed}, {0x10000, 0x1000, 7, MAP_PRIVATE | MAP_ANONYMOUS}},
      {SYS_mmap, {0x10000, 0x1000, 7, kFixed}, {0x10000, 0x1000, 8, kFixed}},
      {SYS_mmap, {0x10000, 0x1000, 7, kFixed}, {0x10000, 0x1000, 7, kFixed | MAP_GROWSDOWN}},
      {SYS_munmap, {0x10000, 0x1000}, {0x10000, ~uint64_t{0xfff}}},
      {SYS_munmap, {0x10000, 0x1000}, {STUB_SCRATCH, 0x1000}},
      {SYS_mprotect, {0x10000, 0x1000, 3}, {0x10000, 0x1000, PROT_GROWSDOWN}},
      {SYS_madvise, {0x10000, 0x1000, MADV_DONTNEED}, {0x10000, 0x1000, MADV_MERGEABLE}},
      {SYS_mremap, {0x10000, 0x1000, 0x2000, 3, 0x20000}, {0x10000, 0x1000, 0x2000, 3, STUB_CODE}},
      {SYS_clone, {fork, 0}, {fork | CLONE_NEWUSER, 0}},
      {SYS_clone, {thread, 0}, {thread & ~uint64_t{CLONE_PTRACE}, 0}},
      {SYS_clone, {fork, 0}, {fork, 0x500000}},
      {SYS_prctl, {PR_SET_NAME, SCRATCH_NAME}, {PR_SET_DUMPABLE, 0}},
      {SYS_recvmsg,
       {ptrace::kSocketDescriptor, SCRATCH_MESSAGE, MSG_CMSG_CLOEXEC | MSG_DONTWAIT},
       {5, SCRATCH_MESSAGE, MSG_CMSG_CLOEXEC | MSG_DONTWAIT}},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(Verdict(Labels().called, c.number, c.good), SECCOMP_RET_ALLOW) << c.number;
    EXPECT_EQ(Verdict(Labels().called, c.number, c.bad), SECCOMP_RET_KILL_PROCESS) << c.number;
  }
}

TEST(PtraceFilterTest, TheHostKillsWhatItForbids) {
  int child = fork();
  if (child == 0) {
    auto program = BuildFilter(Labels().called);
    sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) != 0) _exit(1);
    syscall(SYS_getpid);
    _exit(2);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(WTERMSIG(status), SIGSYS);
}

}  // namespace
}  // namespace platform::testing
