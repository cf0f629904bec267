// SPDX-License-Identifier: Apache-2.0
#include "platform/host_facts.h"

#include <signal.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include <cstring>

#include "platform/registers.h"
#include "platform/signal_frame.h"
#include "platform/syscall_unsafe.h"

extern "C" void platform_probe_restorer();
__asm__(
    ".text\n"
    ".type platform_probe_restorer, @function\n"
    "platform_probe_restorer:\n"
    "  mov $15, %eax\n"
    "  syscall\n"
    ".size platform_probe_restorer, . - platform_probe_restorer\n");

namespace platform {

namespace {

// Written by the handler below, read after the signal was taken on the same thread.
struct Probe {
  bool seen;
  FrameSoftwareBytes software;
  uint32_t mxcsr_mask;
} probe;

void OnProbe(int, void*, void* context) {
  const auto* frame = static_cast<const HostFrame*>(context);
  if (frame->fpstate == 0) return;
  const char* image = reinterpret_cast<const char*>(frame->fpstate);
  memcpy(&probe.mxcsr_mask, image + kMxcsrMaskOffset, sizeof(probe.mxcsr_mask));
  memcpy(&probe.software, image + kSoftwareBytesOffset, sizeof(probe.software));
  probe.seen = true;
}

struct KernelAction {
  void (*handler)(int, void*, void*);
  uint64_t flags;
  void (*restorer)();
  uint64_t mask;
};

}  // namespace

base::Result<HostFacts> FindHostFacts() {
  // Raw calls: sanitizers wrap the library's, and would show a frame of their own.
  constexpr uint64_t kRestorerFlag = 0x04000000;
  KernelAction action{OnProbe, SA_SIGINFO | kRestorerFlag, platform_probe_restorer, 0};
  KernelAction old{};
  probe = {};
  long result = RawSyscall(SYS_rt_sigaction, SIGUSR1, &action, &old, 8);
  if (result < 0) return base::Errno(static_cast<int>(-result));
  uint64_t unblock = uint64_t{1} << (SIGUSR1 - 1);
  uint64_t old_mask = 0;
  RawSyscall(SYS_rt_sigprocmask, SIG_UNBLOCK, &unblock, &old_mask, 8);
  RawSyscall(SYS_tgkill, RawSyscall(SYS_getpid), RawSyscall(SYS_gettid), SIGUSR1);
  RawSyscall(SYS_rt_sigprocmask, SIG_SETMASK, &old_mask, 0, 8);
  RawSyscall(SYS_rt_sigaction, SIGUSR1, &old, 0, 8);
  if (!probe.seen) return base::Errno(ENOTSUP);
  HostFacts facts{};
  facts.mxcsr_mask = probe.mxcsr_mask != 0 ? probe.mxcsr_mask : 0xffbf;
  facts.extended_size = kLegacyStateSize;
  facts.xstate_size = kLegacyStateSize;
  if (probe.software.magic1 == kXstateMagic1) {
    facts.extended_size = probe.software.extended_size;
    facts.xstate_size = probe.software.xstate_size;
    facts.xfeatures = probe.software.xfeatures;
    if (facts.xstate_size < kXsaveHeaderOffset + kXsaveHeaderSize || facts.extended_size != facts.xstate_size + 4) {
      return base::Errno(ENOTSUP);
    }
  }
  if (facts.extended_size > ExtendedState::kMaxSize) return base::Errno(ENOTSUP);
  return facts;
}

}  // namespace platform
