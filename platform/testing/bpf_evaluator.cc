// SPDX-License-Identifier: Apache-2.0
#include "platform/testing/bpf_evaluator.h"

#include <cstring>

namespace platform::testing {

std::optional<uint32_t> EvaluateBpf(std::span<const sock_filter> program, const seccomp_data& data) {
  uint32_t a = 0;
  uint32_t x = 0;
  for (size_t pc = 0; pc < program.size(); pc++) {
    const sock_filter& instruction = program[pc];
    uint32_t k = instruction.k;
    auto jump = [&](bool condition) { pc += condition ? instruction.jt : instruction.jf; };
    switch (instruction.code) {
      case BPF_LD | BPF_W | BPF_ABS:
        if (k % 4 != 0 || k > sizeof(data) - 4) return std::nullopt;
        memcpy(&a, reinterpret_cast<const char*>(&data) + k, 4);
        break;
      case BPF_LD | BPF_IMM:
        a = k;
        break;
      case BPF_ALU | BPF_ADD | BPF_K:
        a += k;
        break;
      case BPF_ALU | BPF_ADD | BPF_X:
        a += x;
        break;
      case BPF_ALU | BPF_AND | BPF_K:
        a &= k;
        break;
      case BPF_ALU | BPF_RSH | BPF_K:
        if (k >= 32) return std::nullopt;
        a >>= k;
        break;
      case BPF_ALU | BPF_RSH | BPF_X:
        a = x < 32 ? a >> x : 0;
        break;
      case BPF_MISC | BPF_TAX:
        x = a;
        break;
      case BPF_JMP | BPF_JA:
        pc += k;
        break;
      case BPF_JMP | BPF_JEQ | BPF_K:
        jump(a == k);
        break;
      case BPF_JMP | BPF_JGT | BPF_K:
        jump(a > k);
        break;
      case BPF_JMP | BPF_JGE | BPF_K:
        jump(a >= k);
        break;
      case BPF_JMP | BPF_JSET | BPF_K:
        jump((a & k) != 0);
        break;
      case BPF_RET | BPF_K:
        return k;
      default:
        return std::nullopt;
    }
  }
  return std::nullopt;
}

}  // namespace platform::testing
