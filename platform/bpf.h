// SPDX-License-Identifier: Apache-2.0
// A small assembler for seccomp's classic BPF programs, with labels.
#pragma once

#include <linux/filter.h>

#include <cstdint>
#include <vector>

namespace platform {

class BpfAssembler {
 public:
  // A place in the program, bound at most once.
  struct Label {
    int index;
  };

  Label NewLabel();
  void Bind(Label label);

  // Fields of struct seccomp_data into the accumulator.
  void LoadNumber();
  void LoadArchitecture();
  void LoadIpLow();
  void LoadIpHigh();
  void LoadArgumentLow(int argument);
  void LoadArgumentHigh(int argument);

  void LoadConstant(uint32_t value);
  void Add(uint32_t value);
  void And(uint32_t value);
  void ShiftRight(int bits);
  void ShiftRightByX();
  void AddX();
  void CopyToX();

  // Conditional jumps on the accumulator (unsigned); fall through otherwise. The target must be near (255
  // instructions).
  void JumpIfEqual(uint32_t value, Label target);
  void JumpIfNotEqual(uint32_t value, Label target);
  void JumpIfGreater(uint32_t value, Label target);
  void JumpIfGreaterOrEqual(uint32_t value, Label target);
  void JumpIfLess(uint32_t value, Label target);
  void JumpIfAnySet(uint32_t mask, Label target);
  // Any distance forward.
  void Jump(Label target);
  void Return(uint32_t verdict);

  // The program. REQUIRES: every label used is bound behind its use and near enough: ends the process otherwise (the
  // programs are constant, so a test that assembles them proves it).
  std::vector<sock_filter> Finish();

 private:
  struct Pending {
    int label_true = -1;
    int label_false = -1;
    int label_jump = -1;
  };
  void Emit(uint16_t code, uint32_t k, Pending pending);
  void Emit(uint16_t code, uint32_t k) { Emit(code, k, Pending()); }

  std::vector<sock_filter> program_;
  std::vector<Pending> pending_;
  std::vector<int> labels_;
};

}  // namespace platform
