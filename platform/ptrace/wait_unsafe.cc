// SPDX-License-Identifier: Apache-2.0
#include "platform/ptrace/wait_unsafe.h"

#include <sys/syscall.h>

#include "platform/signal_frame.h"
#include "platform/syscall_unsafe.h"

extern "C" {
long ptrace_wait(long type, long id, siginfo_t* info, long options, const void* bell);
extern const char ptrace_wait_window[], ptrace_wait_end[], ptrace_wait_rung[];
void ptrace_bell_restorer();
}

namespace platform::ptrace {

namespace {

constexpr int kBellSignal = SIGUSR2;

struct KernelAction {
  void (*handler)(int, void*, void*);
  uint64_t flags;
  void (*restorer)();
  uint64_t mask;
};

// A thread that has looked at the bell and not entered the host's call yet must not enter it.
void OnBell(int, void*, void* context) {
  auto* frame = static_cast<HostFrame*>(context);
  auto address = [](const char* label) { return reinterpret_cast<uint64_t>(label); };
  if (frame->rip >= address(ptrace_wait_window) && frame->rip < address(ptrace_wait_end)) {
    frame->rip = address(ptrace_wait_rung);
  }
}

}  // namespace

base::Result<void> PrepareForBells() {
  constexpr uint64_t kRestorerFlag = 0x04000000;
  // Raw calls: sanitizers wrap the library's.
  KernelAction action{OnBell, SA_SIGINFO | kRestorerFlag, ptrace_bell_restorer, 0};
  long result = RawSyscall(SYS_rt_sigaction, kBellSignal, &action, 0, 8);
  if (result < 0) return base::Errno(static_cast<int>(-result));
  uint64_t unblock = uint64_t{1} << (kBellSignal - 1);
  result = RawSyscall(SYS_rt_sigprocmask, SIG_UNBLOCK, &unblock, 0, 8);
  if (result < 0) return base::Errno(static_cast<int>(-result));
  return {};
}

long WaitOrBell(int type, int id, siginfo_t* info, int options, const std::atomic<uint32_t>& bell) {
  return ptrace_wait(type, id, info, options, &bell);
}

void Ring(int pid, int tid) { RawSyscall(SYS_tgkill, pid, tid, kBellSignal); }

}  // namespace platform::ptrace
