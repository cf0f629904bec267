// SPDX-License-Identifier: Apache-2.0
// What the host kernel writes when it delivers a signal on x86-64.
#pragma once

#include <cstddef>
#include <cstdint>

namespace platform {

// The kernel's struct ucontext of x86-64, as it lies in a signal frame.
struct HostFrame {
  uint64_t flags;
  uint64_t link;
  uint64_t stack_pointer;
  uint64_t stack_flags;
  uint64_t stack_size;
  uint64_t r8, r9, r10, r11, r12, r13, r14, r15, rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip, rflags;
  uint16_t cs, gs, fs, ss;
  uint64_t error_code;
  uint64_t trap_number;
  uint64_t old_mask;
  uint64_t cr2;
  uint64_t fpstate;
  uint64_t reserved[8];
  uint64_t mask;
};
static_assert(sizeof(HostFrame) == 304);

inline constexpr size_t kLegacyStateSize = 512;
inline constexpr size_t kMxcsrOffset = 24;
inline constexpr size_t kMxcsrMaskOffset = 28;
inline constexpr size_t kSoftwareBytesOffset = 464;
inline constexpr size_t kXsaveHeaderOffset = 512;
inline constexpr size_t kXsaveHeaderSize = 64;
inline constexpr uint32_t kXstateMagic1 = 0x46505853;
inline constexpr uint32_t kXstateMagic2 = 0x46505845;

// struct _fpx_sw_bytes.
struct FrameSoftwareBytes {
  uint32_t magic1;
  uint32_t extended_size;
  uint64_t xfeatures;
  uint32_t xstate_size;
  uint32_t padding[7];
};
static_assert(sizeof(FrameSoftwareBytes) == 48);

}  // namespace platform
