// SPDX-License-Identifier: Apache-2.0
#include "platform/systrap/filter.h"

#include <asm/prctl.h>
#include <linux/audit.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "platform/bpf.h"
#include "platform/filter_checks.h"
#include "platform/memory_calls.h"
#include "platform/systrap/stub_layout.h"

namespace platform::systrap {

namespace {

using Label = BpfAssembler::Label;

constexpr uint32_t kAllow = SECCOMP_RET_ALLOW;
constexpr uint32_t kNotify = SECCOMP_RET_USER_NOTIF;
constexpr uint32_t kTrap = SECCOMP_RET_TRAP;

constexpr const char* kOwnFiles =
    "descriptors of a stub are donated for mapping; what it reads or writes there it can map";
constexpr const char* kOwnWait = "waits only; a stub has nothing to wait for but its own memory and time";
constexpr const char* kOwnIds = "reads ids of the caller";
constexpr const char* kOwnClock = "reads a clock";
constexpr const char* kOwnSignals = "changes the caller's own handlers, mask or stack; the filters stay";
constexpr const char* kOwnMemory = "writes or registers the caller's own memory";
constexpr const char* kOwnEnd = "ends the caller";

constexpr HarmlessCall kHarmlessCalls[] = {
    {SYS_read, kOwnFiles},
    {SYS_write, kOwnFiles},
    {SYS_close, kOwnFiles},
    {SYS_fstat, kOwnFiles},
    {SYS_poll, kOwnWait},
    {SYS_lseek, kOwnFiles},
    {SYS_rt_sigaction, kOwnSignals},
    {SYS_rt_sigprocmask, kOwnSignals},
    {SYS_pread64, kOwnFiles},
    {SYS_pwrite64, kOwnFiles},
    {SYS_readv, kOwnFiles},
    {SYS_writev, kOwnFiles},
    {SYS_select, kOwnWait},
    {SYS_sched_yield, kOwnWait},
    {SYS_pause, kOwnWait},
    {SYS_nanosleep, kOwnWait},
    {SYS_getpid, kOwnIds},
    {SYS_exit, kOwnEnd},
    {SYS_gettimeofday, kOwnClock},
    {SYS_getuid, kOwnIds},
    {SYS_getgid, kOwnIds},
    {SYS_geteuid, kOwnIds},
    {SYS_getegid, kOwnIds},
    {SYS_getppid, kOwnIds},
    {SYS_getpgrp, kOwnIds},
    {SYS_getgroups, kOwnIds},
    {SYS_getresuid, kOwnIds},
    {SYS_getresgid, kOwnIds},
    {SYS_rt_sigpending, kOwnSignals},
    {SYS_rt_sigtimedwait, kOwnWait},
    {SYS_rt_sigsuspend, kOwnWait},
    {SYS_sigaltstack, kOwnSignals},
    {SYS_gettid, kOwnIds},
    {SYS_time, kOwnClock},
    {SYS_futex, kOwnWait},
    {SYS_epoll_wait, kOwnWait},
    {SYS_set_tid_address, kOwnMemory},
    {SYS_restart_syscall, kOwnWait},
    {SYS_clock_gettime, kOwnClock},
    {SYS_clock_getres, kOwnClock},
    {SYS_clock_nanosleep, kOwnWait},
    {SYS_exit_group, kOwnEnd},
    {SYS_pselect6, kOwnWait},
    {SYS_ppoll, kOwnWait},
    {SYS_set_robust_list, kOwnMemory},
    {SYS_epoll_pwait, kOwnWait},
    {SYS_preadv, kOwnFiles},
    {SYS_pwritev, kOwnFiles},
    {SYS_getcpu, kOwnClock},
    {SYS_getrandom, kOwnMemory},
    {SYS_epoll_pwait2, kOwnWait},
};

constexpr uint32_t kProtectionMask = PROT_READ | PROT_WRITE | PROT_EXEC;

void EndCase(BpfAssembler& bpf, uint32_t verdict, Label bad) {
  bpf.Return(verdict);
  bpf.Bind(bad);
  bpf.Return(kTrap);
}

// mmap from the zone: guest memory, the command page of a fresh child, or a run of slots.
void ZoneMmap(BpfAssembler& bpf) {
  Label bad = bpf.NewLabel();
  Label region = bpf.NewLabel();
  Label command = bpf.NewLabel();
  bpf.LoadArgumentHigh(0);
  bpf.JumpIfEqual(STUB_HIGH, region);
  CheckGuestRange(bpf, 0, 1, bad);
  CheckOnly(bpf, 2, kProtectionMask, bad);
  CheckOnly(bpf, 3, MAP_SHARED | MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS | MAP_NORESERVE, bad);
  bpf.And(MAP_FIXED);
  bpf.JumpIfEqual(0, bad);
  bpf.Return(kAllow);
  bpf.Bind(region);
  CheckEqual(bpf, 3, MAP_SHARED | MAP_FIXED, bad);
  bpf.LoadArgumentLow(0);
  bpf.JumpIfEqual(STUB_COMMAND_LOW, command);
  bpf.JumpIfLess(STUB_SLOTS_LOW, bad);
  bpf.JumpIfGreaterOrEqual(STUB_SLOTS_LOW + STUB_SLOTS_SIZE, bad);
  bpf.LoadArgumentHigh(1);
  bpf.JumpIfNotEqual(0, bad);
  bpf.LoadArgumentLow(1);
  bpf.JumpIfGreater(STUB_SLOTS_SIZE, bad);
  CheckEqual(bpf, 2, PROT_READ | PROT_WRITE, bad);
  bpf.Return(kAllow);
  bpf.Bind(command);
  CheckEqual(bpf, 1, 4096, bad);
  CheckEqual(bpf, 2, PROT_READ, bad);
  EndCase(bpf, kAllow, bad);
}

void ZoneMadvise(BpfAssembler& bpf) {
  Label bad = bpf.NewLabel();
  Label region = bpf.NewLabel();
  bpf.LoadArgumentHigh(0);
  bpf.JumpIfEqual(STUB_HIGH, region);
  CheckGuestRange(bpf, 0, 1, bad);
  CheckAdvice(bpf, StubAdvice(), bad);
  bpf.Return(kAllow);
  bpf.Bind(region);
  CheckEqual(bpf, 2, MADV_DONTFORK, bad);
  bpf.LoadArgumentLow(0);
  bpf.JumpIfLess(STUB_SLOTS_LOW, bad);
  bpf.JumpIfGreaterOrEqual(STUB_SLOTS_LOW + STUB_SLOTS_SIZE, bad);
  bpf.LoadArgumentHigh(1);
  bpf.JumpIfNotEqual(0, bad);
  bpf.LoadArgumentLow(1);
  bpf.JumpIfGreater(STUB_SLOTS_SIZE, bad);
  EndCase(bpf, kAllow, bad);
}

void ZoneMremap(BpfAssembler& bpf) {
  Label bad = bpf.NewLabel();
  Label in_place = bpf.NewLabel();
  CheckGuestRange(bpf, 0, 1, bad);
  CheckGuestRange(bpf, 0, 2, bad);
  CheckGuestRange(bpf, 4, 2, bad);
  bpf.LoadArgumentHigh(3);
  bpf.JumpIfNotEqual(0, bad);
  bpf.LoadArgumentLow(3);
  bpf.JumpIfEqual(0, in_place);
  bpf.JumpIfNotEqual(MREMAP_MAYMOVE | MREMAP_FIXED, bad);
  bpf.Bind(in_place);
  EndCase(bpf, kAllow, bad);
}

void ZoneClone(BpfAssembler& bpf) {
  Label bad = bpf.NewLabel();
  Label good = bpf.NewLabel();
  CheckEqual(bpf, 1, 0, bad);
  bpf.LoadArgumentHigh(0);
  bpf.JumpIfNotEqual(0, bad);
  bpf.LoadArgumentLow(0);
  bpf.JumpIfEqual(static_cast<uint32_t>(ThreadCloneFlags()), good);
  bpf.JumpIfNotEqual(static_cast<uint32_t>(ForkCloneFlags()), bad);
  bpf.Bind(good);
  EndCase(bpf, kAllow, bad);
}

void ZonePrctl(BpfAssembler& bpf) {
  Label bad = bpf.NewLabel();
  Label name = bpf.NewLabel();
  bpf.LoadArgumentHigh(0);
  bpf.JumpIfNotEqual(0, bad);
  bpf.LoadArgumentLow(0);
  bpf.JumpIfEqual(PR_SET_NAME, name);
  bpf.JumpIfNotEqual(PR_SET_PDEATHSIG, bad);
  CheckEqual(bpf, 1, SIGKILL, bad);
  bpf.Return(kAllow);
  bpf.Bind(name);
  CheckEqual(bpf, 1, STUB_COMMAND + COMMAND_NAME, bad);
  EndCase(bpf, kAllow, bad);
}

// What the helper may do. Everything else traps, which kills it: it blocks SIGSYS.
void Zone(BpfAssembler& bpf, uint64_t helper_mask) {
  struct Case {
    uint32_t number;
    Label label;
  };
  Case cases[] = {
      {SYS_futex, bpf.NewLabel()},    {SYS_mmap, bpf.NewLabel()},           {SYS_munmap, bpf.NewLabel()},
      {SYS_mprotect, bpf.NewLabel()}, {SYS_madvise, bpf.NewLabel()},        {SYS_mremap, bpf.NewLabel()},
      {SYS_msync, bpf.NewLabel()},    {SYS_clone, bpf.NewLabel()},          {SYS_seccomp, bpf.NewLabel()},
      {SYS_prctl, bpf.NewLabel()},    {SYS_rt_sigprocmask, bpf.NewLabel()},
  };
  Label notify = bpf.NewLabel();
  Label allow = bpf.NewLabel();
  bpf.LoadNumber();
  bpf.JumpIfEqual(STUB_NR_WAIT, notify);
  bpf.JumpIfEqual(SYS_close, allow);
  for (const Case& c : cases) bpf.JumpIfEqual(c.number, c.label);
  bpf.Return(kTrap);
  bpf.Bind(notify);
  bpf.Return(kNotify);
  bpf.Bind(allow);
  bpf.Return(kAllow);
  for (const Case& c : cases) {
    bpf.Bind(c.label);
    Label bad = bpf.NewLabel();
    switch (c.number) {
      case SYS_futex:
        CheckEqual(bpf, 0, STUB_COMMAND + COMMAND_WORD, bad);
        CheckEqual(bpf, 1, FUTEX_WAIT, bad);
        EndCase(bpf, kAllow, bad);
        break;
      case SYS_mmap:
        ZoneMmap(bpf);
        break;
      case SYS_munmap:
      case SYS_msync:
        CheckGuestRange(bpf, 0, 1, bad);
        EndCase(bpf, kAllow, bad);
        break;
      case SYS_mprotect:
        CheckGuestRange(bpf, 0, 1, bad);
        CheckOnly(bpf, 2, kProtectionMask, bad);
        EndCase(bpf, kAllow, bad);
        break;
      case SYS_madvise:
        ZoneMadvise(bpf);
        break;
      case SYS_mremap:
        ZoneMremap(bpf);
        break;
      case SYS_clone:
        ZoneClone(bpf);
        break;
      case SYS_seccomp:
        CheckEqual(bpf, 0, SECCOMP_SET_MODE_FILTER, bad);
        CheckEqual(bpf, 1, 0, bad);
        CheckEqual(bpf, 2, STUB_FILTERS, bad);
        EndCase(bpf, kNotify, bad);
        break;
      case SYS_prctl:
        ZonePrctl(bpf);
        break;
      case SYS_rt_sigprocmask:
        CheckEqual(bpf, 0, SIG_SETMASK, bad);
        CheckEqual(bpf, 1, helper_mask, bad);
        CheckEqual(bpf, 2, 0, bad);
        EndCase(bpf, kAllow, bad);
        break;
    }
  }
}

// What stub code outside the zone may do, beyond what guest code may.
void StubCode(BpfAssembler& bpf, Label guest) {
  Label allow = bpf.NewLabel();
  Label futex = bpf.NewLabel();
  Label bad = bpf.NewLabel();
  bpf.LoadNumber();
  bpf.JumpIfEqual(SYS_rt_sigreturn, allow);
  bpf.JumpIfEqual(SYS_futex, futex);
  bpf.Jump(guest);
  bpf.Bind(allow);
  bpf.Return(kAllow);
  bpf.Bind(futex);
  CheckEqual(bpf, 1, FUTEX_WAIT, bad);
  bpf.LoadArgumentHigh(0);
  bpf.JumpIfNotEqual(STUB_HIGH, bad);
  bpf.LoadArgumentLow(0);
  bpf.JumpIfLess(STUB_SLOTS_LOW, bad);
  bpf.JumpIfGreaterOrEqual(STUB_SLOTS_LOW + STUB_SLOTS_SIZE, bad);
  EndCase(bpf, kAllow, bad);
}

// The table as bits, found by a binary search over groups of 32 numbers.
void HarmlessTable(BpfAssembler& bpf) {
  constexpr int kGroups = 15;
  uint32_t groups[kGroups] = {};
  for (const HarmlessCall& call : kHarmlessCalls) groups[call.number / 32] |= 1U << (call.number % 32);
  Label trap = bpf.NewLabel();
  Label common = bpf.NewLabel();
  bpf.JumpIfGreaterOrEqual(kGroups * 32, trap);
  bpf.And(31);
  bpf.CopyToX();
  bpf.LoadNumber();
  bpf.ShiftRight(5);
  auto search = [&](auto& self, int first, int last) -> void {
    if (first == last) {
      bpf.LoadConstant(groups[first]);
      bpf.Jump(common);
      return;
    }
    int middle = (first + last + 1) / 2;
    Label upper = bpf.NewLabel();
    bpf.JumpIfGreaterOrEqual(static_cast<uint32_t>(middle), upper);
    self(self, first, middle - 1);
    bpf.Bind(upper);
    self(self, middle, last);
  };
  search(search, 0, kGroups - 1);
  bpf.Bind(common);
  bpf.ShiftRightByX();
  bpf.And(1);
  bpf.JumpIfEqual(0, trap);
  EndCase(bpf, kNotify, trap);
}

void GuestCode(BpfAssembler& bpf) {
  struct Case {
    uint32_t number;
    Label label;
  };
  Case cases[] = {{SYS_mmap, bpf.NewLabel()},
                  {SYS_munmap, bpf.NewLabel()},
                  {SYS_mprotect, bpf.NewLabel()},
                  {SYS_madvise, bpf.NewLabel()},
                  {SYS_arch_prctl, bpf.NewLabel()}};
  Label pseudo = bpf.NewLabel();
  Label trap = bpf.NewLabel();
  bpf.LoadNumber();
  bpf.JumpIfGreaterOrEqual(STUB_NR_FIRST, pseudo);
  for (const Case& c : cases) bpf.JumpIfEqual(c.number, c.label);
  HarmlessTable(bpf);
  bpf.Bind(pseudo);
  bpf.JumpIfGreater(STUB_NR_LAST, trap);
  EndCase(bpf, kNotify, trap);
  for (const Case& c : cases) {
    Label bad = bpf.NewLabel();
    bpf.Bind(c.label);
    if (c.number == SYS_arch_prctl) {
      CheckEqual(bpf, 0, ARCH_SET_FS, bad);
      EndCase(bpf, kNotify, bad);
      continue;
    }
    CheckGuestRange(bpf, 0, 1, bad);
    if (c.number == SYS_mmap || c.number == SYS_mprotect) CheckOnly(bpf, 2, kProtectionMask, bad);
    if (c.number == SYS_mmap) {
      CheckOnly(bpf, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE | MAP_STACK, bad);
      bpf.And(MAP_PRIVATE | MAP_ANONYMOUS);
      bpf.JumpIfNotEqual(MAP_PRIVATE | MAP_ANONYMOUS, bad);
    }
    if (c.number == SYS_madvise) CheckAdvice(bpf, HarmlessAdvice(), bad);
    EndCase(bpf, kNotify, bad);
  }
}

}  // namespace

std::span<const HarmlessCall> HarmlessCalls() { return kHarmlessCalls; }

uint64_t ThreadCloneFlags() { return CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM; }

uint64_t ForkCloneFlags() { return CLONE_PARENT | CLONE_FILES | SIGCHLD; }

std::vector<sock_filter> BuildF0(uint64_t helper_mask) {
  BpfAssembler bpf;
  Label native = bpf.NewLabel();
  Label guest = bpf.NewLabel();
  Label region = bpf.NewLabel();
  Label code = bpf.NewLabel();
  Label zone = bpf.NewLabel();
  // Another architecture (int 0x80): the sentry makes a fault of it.
  bpf.LoadArchitecture();
  bpf.JumpIfEqual(AUDIT_ARCH_X86_64, native);
  bpf.Return(kTrap);
  bpf.Bind(native);
  // The instruction pointer stands behind the instruction: the zone's calls have it in (begin, end].
  bpf.LoadIpHigh();
  bpf.JumpIfEqual(STUB_HIGH, region);
  bpf.Jump(guest);
  bpf.Bind(region);
  bpf.LoadIpLow();
  bpf.JumpIfLess(STUB_CODE_LOW + STUB_CODE_SIZE, code);
  bpf.Jump(guest);
  bpf.Bind(code);
  bpf.JumpIfLess(STUB_CODE_LOW + STUB_ZONE_SIZE + 1, zone);
  StubCode(bpf, guest);
  bpf.Bind(zone);
  Zone(bpf, helper_mask);
  bpf.Bind(guest);
  GuestCode(bpf);
  return bpf.Finish();
}

}  // namespace platform::systrap
