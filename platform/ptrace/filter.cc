// SPDX-License-Identifier: Apache-2.0
#include "platform/ptrace/filter.h"

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "platform/bpf.h"
#include "platform/filter_checks.h"
#include "platform/memory_calls.h"
#include "platform/ptrace/stub_layout.h"

namespace platform::ptrace {

namespace {

using Label = BpfAssembler::Label;

constexpr uint32_t kAllow = SECCOMP_RET_ALLOW;
constexpr uint32_t kKill = SECCOMP_RET_KILL_PROCESS;
constexpr uint32_t kVsyscallHigh = 0xffffffff;
constexpr uint32_t kProtectionMask = PROT_READ | PROT_WRITE | PROT_EXEC;

void CheckMmap(BpfAssembler& bpf, Label bad) {
  CheckGuestRange(bpf, 0, 1, bad);
  CheckOnly(bpf, 2, kProtectionMask, bad);
  CheckOnly(bpf, 3, MAP_SHARED | MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS | MAP_NORESERVE, bad);
  bpf.And(MAP_FIXED);
  bpf.JumpIfEqual(0, bad);
}

void CheckMremap(BpfAssembler& bpf, Label bad) {
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
}

void CheckClone(BpfAssembler& bpf, Label bad) {
  Label good = bpf.NewLabel();
  CheckEqual(bpf, 1, 0, bad);
  bpf.LoadArgumentHigh(0);
  bpf.JumpIfNotEqual(0, bad);
  bpf.LoadArgumentLow(0);
  bpf.JumpIfEqual(static_cast<uint32_t>(ThreadCloneFlags()), good);
  bpf.JumpIfNotEqual(static_cast<uint32_t>(ForkCloneFlags()), bad);
  bpf.Bind(good);
}

void CheckArguments(BpfAssembler& bpf, uint32_t number, Label bad) {
  switch (number) {
    case SYS_mmap:
      CheckMmap(bpf, bad);
      break;
    case SYS_munmap:
    case SYS_msync:
      CheckGuestRange(bpf, 0, 1, bad);
      break;
    case SYS_mprotect:
      CheckGuestRange(bpf, 0, 1, bad);
      CheckOnly(bpf, 2, kProtectionMask, bad);
      break;
    case SYS_madvise:
      CheckGuestRange(bpf, 0, 1, bad);
      CheckAdvice(bpf, StubAdvice(), bad);
      break;
    case SYS_mremap:
      CheckMremap(bpf, bad);
      break;
    case SYS_clone:
      CheckClone(bpf, bad);
      break;
    case SYS_prctl:
      CheckEqual(bpf, 0, PR_SET_NAME, bad);
      CheckEqual(bpf, 1, SCRATCH_NAME, bad);
      break;
    case SYS_recvmsg:
      CheckEqual(bpf, 0, kSocketDescriptor, bad);
      CheckEqual(bpf, 1, SCRATCH_MESSAGE, bad);
      CheckEqual(bpf, 2, MSG_CMSG_CLOEXEC | MSG_DONTWAIT, bad);
      break;
    default:  // close, exit: whatever their argument.
      break;
  }
}

}  // namespace

uint64_t ThreadCloneFlags() {
  return CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | CLONE_PTRACE;
}

uint64_t ForkCloneFlags() { return CLONE_PARENT | CLONE_FILES | CLONE_PTRACE | SIGCHLD; }

std::vector<sock_filter> BuildFilter(uint64_t called) {
  constexpr uint32_t kInjected[] = {SYS_mmap,  SYS_munmap, SYS_mprotect, SYS_madvise, SYS_mremap, SYS_msync,
                                    SYS_clone, SYS_prctl,  SYS_recvmsg,  SYS_close,   SYS_exit};
  BpfAssembler bpf;
  Label kill = bpf.NewLabel();
  Label vsyscall = bpf.NewLabel();
  bpf.LoadArchitecture();
  bpf.JumpIfNotEqual(AUDIT_ARCH_X86_64, kill);
  bpf.LoadIpHigh();
  bpf.JumpIfEqual(kVsyscallHigh, vsyscall);
  bpf.JumpIfNotEqual(static_cast<uint32_t>(called >> 32), kill);
  bpf.LoadIpLow();
  bpf.JumpIfNotEqual(static_cast<uint32_t>(called), kill);
  bpf.LoadNumber();
  std::vector<Label> labels;
  for (uint32_t number : kInjected) {
    labels.push_back(bpf.NewLabel());
    bpf.JumpIfEqual(number, labels.back());
  }
  bpf.Bind(kill);
  bpf.Return(kKill);
  bpf.Bind(vsyscall);
  bpf.Return(SECCOMP_RET_TRAP);
  for (size_t i = 0; i < labels.size(); i++) {
    Label bad = bpf.NewLabel();
    bpf.Bind(labels[i]);
    CheckArguments(bpf, kInjected[i], bad);
    bpf.Return(kAllow);
    bpf.Bind(bad);
    bpf.Return(kKill);
  }
  return bpf.Finish();
}

}  // namespace platform::ptrace
