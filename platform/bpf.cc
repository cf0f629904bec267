// SPDX-License-Identifier: Apache-2.0
#include "platform/bpf.h"

#include <linux/seccomp.h>

#include <cstddef>

#include "base/log.h"

namespace platform {

BpfAssembler::Label BpfAssembler::NewLabel() {
  labels_.push_back(-1);
  return Label{static_cast<int>(labels_.size()) - 1};
}

void BpfAssembler::Bind(Label label) {
  CHECK_INVARIANT(labels_[label.index] == -1);
  labels_[label.index] = static_cast<int>(program_.size());
}

void BpfAssembler::Emit(uint16_t code, uint32_t k, Pending pending) {
  program_.push_back(sock_filter{code, 0, 0, k});
  pending_.push_back(pending);
}

void BpfAssembler::LoadNumber() { Emit(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)); }
void BpfAssembler::LoadArchitecture() { Emit(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch)); }
void BpfAssembler::LoadIpLow() { Emit(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, instruction_pointer)); }
void BpfAssembler::LoadIpHigh() { Emit(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, instruction_pointer) + 4); }
void BpfAssembler::LoadArgumentLow(int argument) {
  Emit(BPF_LD | BPF_W | BPF_ABS, static_cast<uint32_t>(offsetof(seccomp_data, args) + 8 * argument));
}
void BpfAssembler::LoadArgumentHigh(int argument) {
  Emit(BPF_LD | BPF_W | BPF_ABS, static_cast<uint32_t>(offsetof(seccomp_data, args) + 8 * argument + 4));
}

void BpfAssembler::LoadConstant(uint32_t value) { Emit(BPF_LD | BPF_IMM, value); }
void BpfAssembler::Add(uint32_t value) { Emit(BPF_ALU | BPF_ADD | BPF_K, value); }
void BpfAssembler::And(uint32_t value) { Emit(BPF_ALU | BPF_AND | BPF_K, value); }
void BpfAssembler::ShiftRight(int bits) { Emit(BPF_ALU | BPF_RSH | BPF_K, static_cast<uint32_t>(bits)); }
void BpfAssembler::ShiftRightByX() { Emit(BPF_ALU | BPF_RSH | BPF_X, 0); }
void BpfAssembler::AddX() { Emit(BPF_ALU | BPF_ADD | BPF_X, 0); }
void BpfAssembler::CopyToX() { Emit(BPF_MISC | BPF_TAX, 0); }

void BpfAssembler::JumpIfEqual(uint32_t value, Label target) {
  Emit(BPF_JMP | BPF_JEQ | BPF_K, value, {.label_true = target.index});
}
void BpfAssembler::JumpIfNotEqual(uint32_t value, Label target) {
  Emit(BPF_JMP | BPF_JEQ | BPF_K, value, {.label_false = target.index});
}
void BpfAssembler::JumpIfGreater(uint32_t value, Label target) {
  Emit(BPF_JMP | BPF_JGT | BPF_K, value, {.label_true = target.index});
}
void BpfAssembler::JumpIfGreaterOrEqual(uint32_t value, Label target) {
  Emit(BPF_JMP | BPF_JGE | BPF_K, value, {.label_true = target.index});
}
void BpfAssembler::JumpIfLess(uint32_t value, Label target) {
  Emit(BPF_JMP | BPF_JGE | BPF_K, value, {.label_false = target.index});
}
void BpfAssembler::JumpIfAnySet(uint32_t mask, Label target) {
  Emit(BPF_JMP | BPF_JSET | BPF_K, mask, {.label_true = target.index});
}
void BpfAssembler::Jump(Label target) { Emit(BPF_JMP | BPF_JA, 0, {.label_jump = target.index}); }
void BpfAssembler::Return(uint32_t verdict) { Emit(BPF_RET | BPF_K, verdict); }

std::vector<sock_filter> BpfAssembler::Finish() {
  for (size_t i = 0; i < program_.size(); i++) {
    auto distance = [&](int label) {
      int target = labels_[label];
      CHECK_INVARIANT(target > static_cast<int>(i));
      return static_cast<uint32_t>(target) - static_cast<uint32_t>(i) - 1;
    };
    const Pending& pending = pending_[i];
    if (pending.label_true >= 0) {
      CHECK_INVARIANT(distance(pending.label_true) <= UINT8_MAX);
      program_[i].jt = static_cast<uint8_t>(distance(pending.label_true));
    }
    if (pending.label_false >= 0) {
      CHECK_INVARIANT(distance(pending.label_false) <= UINT8_MAX);
      program_[i].jf = static_cast<uint8_t>(distance(pending.label_false));
    }
    if (pending.label_jump >= 0) program_[i].k = distance(pending.label_jump);
  }
  return std::move(program_);
}

}  // namespace platform
