// SPDX-License-Identifier: Apache-2.0
// The x86-64 signal frame as Linux puts it on a guest's stack (struct rt_sigframe, struct ucontext, struct sigcontext;
// asm/sigcontext.h, asm/ucontext.h).
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/abi/signal.h"

namespace base::abi {

// struct sigcontext.
struct Sigcontext {
  uint64_t r8 = 0, r9 = 0, r10 = 0, r11 = 0, r12 = 0, r13 = 0, r14 = 0, r15 = 0;
  uint64_t rdi = 0, rsi = 0, rbp = 0, rbx = 0, rdx = 0, rax = 0, rcx = 0, rsp = 0, rip = 0;
  uint64_t rflags = 0;
  uint16_t cs = 0, gs = 0, fs = 0, ss = 0;
  uint64_t error_code = 0, trap_number = 0;
  uint64_t old_mask = 0;
  uint64_t cr2 = 0;
  uint64_t fpstate = 0;  // Address of the extended state; 0: none.
  uint64_t reserved[8] = {};
};
static_assert(sizeof(Sigcontext) == 256);
static_assert(offsetof(Sigcontext, rdi) == 64);
static_assert(offsetof(Sigcontext, rip) == 128);
static_assert(offsetof(Sigcontext, cs) == 144);
static_assert(offsetof(Sigcontext, error_code) == 152);
static_assert(offsetof(Sigcontext, cr2) == 176);
static_assert(offsetof(Sigcontext, fpstate) == 184);

// The kernel's struct ucontext: uc_sigmask comes last and has 64 bits.
struct Ucontext {
  uint64_t flags = 0;
  uint64_t link = 0;
  StackT stack;
  Sigcontext mcontext;
  SignalSet mask = 0;
};
static_assert(sizeof(Ucontext) == 304);
static_assert(offsetof(Ucontext, mcontext) == 40);
static_assert(offsetof(Ucontext, mask) == 296);

inline constexpr uint64_t kUcFpXstate = 1;         // The extended state is an XSAVE image.
inline constexpr uint64_t kUcSigcontextSs = 2;     // sigcontext has ss.
inline constexpr uint64_t kUcStrictRestoreSs = 4;  // sigreturn takes ss as it is.

// struct rt_sigframe. The handler is entered with rsp on it, as if called: `restorer` is the return address.
struct RtSigframe {
  uint64_t restorer = 0;
  Ucontext context;
  Siginfo info;
};
static_assert(sizeof(RtSigframe) == 440);
static_assert(offsetof(RtSigframe, context) == 8);
static_assert(offsetof(RtSigframe, info) == 312);

// struct _fpx_sw_bytes, at byte 464 of the FXSAVE area in a frame.
struct FpxSoftwareBytes {
  uint32_t magic1 = 0;
  uint32_t extended_size = 0;  // Of the whole state in the frame, with the closing magic.
  uint64_t features = 0;
  uint32_t xstate_size = 0;  // Of the XSAVE image: kFpXstateMagic2 follows it.
  uint32_t padding[7] = {};
};
static_assert(sizeof(FpxSoftwareBytes) == 48);

inline constexpr uint32_t kFpXstateMagic1 = 0x46505853;
inline constexpr uint32_t kFpXstateMagic2 = 0x46505845;
inline constexpr size_t kFxsaveSize = 512;
inline constexpr size_t kXsaveHeaderSize = 64;
inline constexpr size_t kMxcsrOffset = 24;
inline constexpr size_t kMxcsrMaskOffset = 28;
inline constexpr size_t kSoftwareBytesOffset = 464;

// sigaltstack(2).
inline constexpr int32_t kSsOnstack = 1;
inline constexpr int32_t kSsDisable = 2;
inline constexpr int32_t kSsAutodisarm = static_cast<int32_t>(1u << 31);

}  // namespace base::abi
