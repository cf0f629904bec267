// SPDX-License-Identifier: Apache-2.0
// F1, in a file of its own: a test links a runsc without it (tests/walls/no_guest_filter.cc).
#include <linux/seccomp.h>

#include "platform/bpf.h"
#include "platform/systrap/filter.h"
#include "platform/systrap/stub_layout.h"

namespace platform::systrap {

std::vector<sock_filter> BuildF1() {
  BpfAssembler bpf;
  BpfAssembler::Label allow = bpf.NewLabel();
  bpf.LoadIpHigh();
  bpf.JumpIfNotEqual(STUB_HIGH, allow);
  bpf.LoadIpLow();
  bpf.JumpIfGreater(STUB_CODE_LOW + STUB_ZONE_SIZE, allow);
  bpf.Return(SECCOMP_RET_KILL_PROCESS);
  bpf.Bind(allow);
  bpf.Return(SECCOMP_RET_ALLOW);
  return bpf.Finish();
}

}  // namespace platform::systrap
