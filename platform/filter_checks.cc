// SPDX-License-Identifier: Apache-2.0
#include "platform/filter_checks.h"

#include "platform/region_layout.h"

namespace platform {

void CheckGuestRange(BpfAssembler& bpf, int address, int length, BpfAssembler::Label bad) {
  bpf.LoadArgumentHigh(length);
  bpf.JumpIfGreaterOrEqual(STUB_HIGH - 1, bad);
  bpf.CopyToX();
  bpf.LoadArgumentHigh(address);
  bpf.JumpIfGreaterOrEqual(STUB_HIGH - 1, bad);
  bpf.AddX();
  bpf.JumpIfGreaterOrEqual(STUB_HIGH - 1, bad);
}

void CheckEqual(BpfAssembler& bpf, int argument, uint64_t value, BpfAssembler::Label bad) {
  bpf.LoadArgumentHigh(argument);
  bpf.JumpIfNotEqual(static_cast<uint32_t>(value >> 32), bad);
  bpf.LoadArgumentLow(argument);
  bpf.JumpIfNotEqual(static_cast<uint32_t>(value), bad);
}

void CheckOnly(BpfAssembler& bpf, int argument, uint32_t mask, BpfAssembler::Label bad) {
  bpf.LoadArgumentHigh(argument);
  bpf.JumpIfNotEqual(0, bad);
  bpf.LoadArgumentLow(argument);
  bpf.JumpIfAnySet(~mask, bad);
}

void CheckAdvice(BpfAssembler& bpf, uint32_t allowed, BpfAssembler::Label bad) {
  bpf.LoadArgumentHigh(2);
  bpf.JumpIfNotEqual(0, bad);
  bpf.LoadArgumentLow(2);
  bpf.JumpIfGreaterOrEqual(32, bad);
  bpf.CopyToX();
  bpf.LoadConstant(allowed);
  bpf.ShiftRightByX();
  bpf.And(1);
  bpf.JumpIfEqual(0, bad);
}

}  // namespace platform
