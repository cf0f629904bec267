// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <csignal>

#include "base/log.h"
#include "runsc/boot/filter/filter.h"

namespace runsc {
namespace {

constexpr int kEndedBySigsys = 128 + SIGSYS;

// Only what may be done in a signal handler: LogLine neither allocates nor locks.
[[noreturn]] void Report(int /*signal*/, siginfo_t* info, void* context) {
  const auto* registers = static_cast<const ucontext_t*>(context)->uc_mcontext.gregs;
  RUNSC_ERROR("a forbidden system call of this process: number %d, arguments %#llx %#llx %#llx %#llx, at %p",
              info->si_syscall, static_cast<unsigned long long>(registers[REG_RDI]),
              static_cast<unsigned long long>(registers[REG_RSI]), static_cast<unsigned long long>(registers[REG_RDX]),
              static_cast<unsigned long long>(registers[REG_R10]), info->si_call_addr);
  _exit(kEndedBySigsys);
}

}  // namespace

Status HandleViolations() {
  struct sigaction action = {};
  action.sa_sigaction = &Report;
  action.sa_flags = SA_SIGINFO | SA_NODEFER;
  if (sigaction(SIGSYS, &action, nullptr) != 0) return SystemError("sigaction");
  return absl::OkStatus();
}

}  // namespace runsc
