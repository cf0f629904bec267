// SPDX-License-Identifier: Apache-2.0
#include "sentry/signals/signal_frame_amd64.h"

#include <cpuid.h>
#include <signal.h>

#include <algorithm>
#include <cstring>

namespace sentry {
namespace {

using base::abi::FpxSoftwareBytes;
using base::abi::kFxsaveSize;
using base::abi::kXsaveHeaderSize;
using base::abi::StackT;

constexpr uint64_t kRedZone = 128;
constexpr uint64_t kStateAlignment = 64;
constexpr uint64_t kFrameAlignment = 16;

constexpr uint64_t kMinimumSignalStack = 2048;  // MINSIGSTKSZ

constexpr uint64_t kUserCode = 0x33;
constexpr uint64_t kUserData = 0x2b;

constexpr uint64_t kFlagTrap = 1 << 8;
constexpr uint64_t kFlagDirection = 1 << 10;
constexpr uint64_t kFlagResume = 1 << 16;
// What sigreturn takes from the frame (FIX_EFLAGS): AC OF DF TF SF ZF AF PF CF RF.
constexpr uint64_t kRestoredFlags =
    1 << 18 | 1 << 11 | kFlagDirection | kFlagTrap | 1 << 7 | 1 << 6 | 1 << 4 | 1 << 2 | 1 << 0 | kFlagResume;

// XSAVE components.
constexpr uint64_t kComponentX87 = 1 << 0;
constexpr uint64_t kComponentSse = 1 << 1;
constexpr uint64_t kComponentAvx = 1 << 2;
constexpr uint64_t kComponentPkru = 1 << 9;
// Frames have no AMX state: nobody may ask for it (arch_prctl(2), ARCH_REQ_XCOMP_PERM).
constexpr uint64_t kComponentsAmx = 1 << 17 | 1 << 18;

constexpr uint16_t kInitialControlWord = 0x37f;
constexpr uint32_t kInitialMxcsr = 0x1f80;
constexpr uint32_t kDefaultMxcsrMask = 0xffbf;
constexpr uint32_t kInitialPkru = 0x55555554;

bool Within(const StackT& stack, uint64_t stack_pointer) {
  return stack_pointer > stack.sp && stack_pointer - stack.sp <= stack.size;
}

uint64_t RoundDown(uint64_t value, uint64_t alignment) { return value & ~(alignment - 1); }

size_t XstateSize(const ExtendedStateFormat& format) { return format.frame_size - sizeof(uint32_t); }

void PutSoftwareBytes(const ExtendedStateFormat& format, platform::ExtendedState* state) {
  FpxSoftwareBytes software{.magic1 = base::abi::kFpXstateMagic1,
                            .extended_size = static_cast<uint32_t>(format.frame_size),
                            .features = format.features,
                            .xstate_size = static_cast<uint32_t>(XstateSize(format))};
  memcpy(state->data() + base::abi::kSoftwareBytesOffset, &software, sizeof(software));
  memcpy(state->data() + XstateSize(format), &base::abi::kFpXstateMagic2, sizeof(base::abi::kFpXstateMagic2));
}

}  // namespace

ExtendedStateFormat ExtendedStateFormat::OfThisMachine(size_t frame_size) {
  ExtendedStateFormat format;
  format.frame_size = frame_size;
  alignas(16) std::byte legacy[kFxsaveSize] = {};
  asm volatile("fxsave %0" : "=m"(legacy));
  memcpy(&format.mxcsr_mask, legacy + base::abi::kMxcsrMaskOffset, sizeof(format.mxcsr_mask));
  if (format.mxcsr_mask == 0) format.mxcsr_mask = kDefaultMxcsrMask;
  if (frame_size <= kFxsaveSize) return format;
  uint32_t low = 0, high = 0;
  asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  format.features = (uint64_t{high} << 32 | low) & ~kComponentsAmx;
  if ((format.features & kComponentPkru) != 0) {
    uint32_t eax = 0, ebx = 0, ecx = 0, edx = 0;
    __cpuid_count(0xd, 9, eax, ebx, ecx, edx);
    if (ebx + sizeof(uint32_t) <= XstateSize(format)) format.pkru_offset = ebx;
  }
  return format;
}

int32_t AlternateStackState(const StackT& stack, uint64_t stack_pointer) {
  if (stack.size == 0) return base::abi::kSsDisable;
  // A stack that disarms itself is never in use, by construction.
  if ((stack.flags & base::abi::kSsAutodisarm) != 0) return 0;
  return Within(stack, stack_pointer) ? base::abi::kSsOnstack : 0;
}

base::Result<StackT> ChangeAlternateStack(const StackT& old, StackT wanted, uint64_t stack_pointer) {
  if (AlternateStackState(old, stack_pointer) == base::abi::kSsOnstack) return base::Errno(EPERM);
  int32_t mode = wanted.flags & ~base::abi::kSsAutodisarm;
  if (mode != base::abi::kSsDisable && mode != base::abi::kSsOnstack && mode != 0) return base::Errno(EINVAL);
  wanted.padding = 0;
  if (mode == base::abi::kSsDisable) {
    wanted.sp = 0;
    wanted.size = 0;
  } else if (wanted.size < kMinimumSignalStack) {
    return base::Errno(ENOMEM);
  }
  return wanted;
}

base::Result<FramePlace> PlaceSignalFrame(uint64_t stack_pointer, uint64_t action_flags, const StackT& alternate_stack,
                                          size_t extended_state_size) {
  bool on_alternate = AlternateStackState(alternate_stack, stack_pointer) == base::abi::kSsOnstack;
  uint64_t sp = stack_pointer - kRedZone;
  if ((action_flags & SA_ONSTACK) != 0 && AlternateStackState(alternate_stack, sp) == 0) {
    sp = alternate_stack.sp + alternate_stack.size;
    on_alternate = true;
  }
  FramePlace place;
  place.fpstate = RoundDown(sp - extended_state_size, kStateAlignment);
  // Aligned as after a call instruction.
  place.frame = RoundDown(place.fpstate - sizeof(base::abi::RtSigframe), kFrameAlignment) - sizeof(uint64_t);
  if (on_alternate && !Within(alternate_stack, place.frame)) return base::Errno(EFAULT);
  return place;
}

base::abi::RtSigframe MakeSignalFrame(const FrameContents& contents, const FramePlace& place,
                                      const base::abi::Siginfo& info, const base::abi::KernelSigaction& action) {
  const platform::Registers& r = contents.registers;
  base::abi::RtSigframe frame;
  frame.restorer = action.restorer;
  frame.context.flags =
      base::abi::kUcSigcontextSs | base::abi::kUcStrictRestoreSs | (contents.has_xsave ? base::abi::kUcFpXstate : 0);
  frame.context.stack = contents.alternate_stack;
  frame.context.stack.padding = 0;
  frame.context.mask = contents.mask;
  base::abi::Sigcontext& c = frame.context.mcontext;
  c.r8 = r.r8;
  c.r9 = r.r9;
  c.r10 = r.r10;
  c.r11 = r.r11;
  c.r12 = r.r12;
  c.r13 = r.r13;
  c.r14 = r.r14;
  c.r15 = r.r15;
  c.rdi = r.rdi;
  c.rsi = r.rsi;
  c.rbp = r.rbp;
  c.rbx = r.rbx;
  c.rdx = r.rdx;
  c.rax = r.rax;
  c.rcx = r.rcx;
  c.rsp = r.rsp;
  c.rip = r.rip;
  c.rflags = r.rflags;
  c.cs = static_cast<uint16_t>(r.cs);
  c.ss = static_cast<uint16_t>(r.ss);
  c.error_code = contents.error_code;
  c.trap_number = contents.trap_number;
  c.old_mask = contents.mask;
  c.cr2 = contents.cr2;
  c.fpstate = place.fpstate;
  if ((action.flags & SA_SIGINFO) != 0) frame.info = info;
  return frame;
}

void EnterHandler(const FramePlace& place, int signal, const base::abi::KernelSigaction& action,
                  platform::Registers* registers) {
  registers->rdi = static_cast<uint64_t>(signal);
  registers->rax = 0;
  // Also for handlers of one argument: nobody minds.
  registers->rsi = place.frame + offsetof(base::abi::RtSigframe, info);
  registers->rdx = place.frame + offsetof(base::abi::RtSigframe, context);
  registers->rip = action.handler;
  registers->rsp = place.frame;
  registers->cs = kUserCode;
  registers->ss = kUserData;
  registers->rflags &= ~(kFlagDirection | kFlagResume | kFlagTrap);
  registers->orig_rax = ~uint64_t{0};
}

bool MakeInitialState(const ExtendedStateFormat& format, platform::ExtendedState* state) {
  if (!state->Resize(format.frame_size)) return false;
  memset(state->data(), 0, format.frame_size);
  memcpy(state->data(), &kInitialControlWord, sizeof(kInitialControlWord));
  memcpy(state->data() + base::abi::kMxcsrOffset, &kInitialMxcsr, sizeof(kInitialMxcsr));
  memcpy(state->data() + base::abi::kMxcsrMaskOffset, &format.mxcsr_mask, sizeof(format.mxcsr_mask));
  if (format.features == 0) return true;
  PutSoftwareBytes(format, state);
  if (format.pkru_offset != 0) {
    // Its initial state would allow everything; a new thread's value does not.
    memcpy(state->data() + format.pkru_offset, &kInitialPkru, sizeof(kInitialPkru));
    memcpy(state->data() + kFxsaveSize, &kComponentPkru, sizeof(kComponentPkru));
  }
  return true;
}

bool IsCanonical(uint64_t address) {
  constexpr int kUnusedBits = 16;  // Of 48-bit addresses; guests get no larger ones.
  return static_cast<uint64_t>(static_cast<int64_t>(address << kUnusedBits) >> kUnusedBits) == address;
}

base::Result<void> RestoreRegisters(const base::abi::Ucontext& context, platform::Registers* registers) {
  const base::abi::Sigcontext& c = context.mcontext;
  uint64_t cs = c.cs | 3;
  uint64_t ss = c.ss | 3;
  if ((context.flags & base::abi::kUcStrictRestoreSs) == 0) ss = kUserData;
  registers->r8 = c.r8;
  registers->r9 = c.r9;
  registers->r10 = c.r10;
  registers->r11 = c.r11;
  registers->r12 = c.r12;
  registers->r13 = c.r13;
  registers->r14 = c.r14;
  registers->r15 = c.r15;
  registers->rdi = c.rdi;
  registers->rsi = c.rsi;
  registers->rbp = c.rbp;
  registers->rbx = c.rbx;
  registers->rdx = c.rdx;
  registers->rax = c.rax;
  registers->rcx = c.rcx;
  registers->rsp = c.rsp;
  registers->rip = c.rip;
  registers->rflags = (registers->rflags & ~kRestoredFlags) | (c.rflags & kRestoredFlags);
  registers->orig_rax = ~uint64_t{0};
  registers->cs = kUserCode;
  registers->ss = kUserData;
  // 32-bit code segments included: guests run 64-bit code only.
  if (cs != kUserCode || ss != kUserData) return base::Errno(EFAULT);
  return {};
}

size_t FrameStateSize(const ExtendedStateFormat& format, std::span<const std::byte> legacy) {
  FpxSoftwareBytes software;
  memcpy(&software, legacy.data() + base::abi::kSoftwareBytesOffset, sizeof(software));
  if (format.features == 0 || software.magic1 != base::abi::kFpXstateMagic1 ||
      software.xstate_size < kFxsaveSize + kXsaveHeaderSize || software.xstate_size > XstateSize(format) ||
      software.xstate_size > software.extended_size) {
    return kFxsaveSize;
  }
  return software.xstate_size + sizeof(uint32_t);
}

base::Result<void> RestoreExtendedState(const ExtendedStateFormat& format, std::span<const std::byte> bytes,
                                        platform::ExtendedState* state) {
  if (!MakeInitialState(format, state)) return base::Errno(ENOMEM);
  uint64_t features = kComponentX87 | kComponentSse;
  uint64_t present = features;
  size_t image_size = kFxsaveSize;
  uint32_t magic2 = 0;
  if (bytes.size() > kFxsaveSize) memcpy(&magic2, bytes.data() + bytes.size() - sizeof(magic2), sizeof(magic2));
  if (magic2 == base::abi::kFpXstateMagic2) {
    FpxSoftwareBytes software;
    memcpy(&software, bytes.data() + base::abi::kSoftwareBytesOffset, sizeof(software));
    features = software.features & format.features;
    image_size = bytes.size() - sizeof(magic2);
    uint64_t header[kXsaveHeaderSize / sizeof(uint64_t)];
    memcpy(header, bytes.data() + kFxsaveSize, sizeof(header));
    // What XRSTOR refuses: unknown components, the compacted format, reserved bytes.
    if ((header[0] & ~format.features) != 0) return base::Errno(EFAULT);
    if (std::any_of(std::begin(header) + 1, std::end(header), [](uint64_t word) { return word != 0; })) {
      return base::Errno(EFAULT);
    }
    present = header[0];
  }
  // MXCSR is loaded whenever SSE or AVX state is asked for, whether or not it is present.
  if ((features & (kComponentSse | kComponentAvx)) != 0) {
    uint32_t mxcsr = 0;
    memcpy(&mxcsr, bytes.data() + base::abi::kMxcsrOffset, sizeof(mxcsr));
    if ((mxcsr & ~format.mxcsr_mask) != 0) return base::Errno(EFAULT);
    memcpy(state->data() + base::abi::kMxcsrOffset, &mxcsr, sizeof(mxcsr));
  }
  constexpr size_t kX87Size = 24;  // Control and status words, the last instruction's addresses.
  constexpr size_t kX87RegistersOffset = 32;
  constexpr size_t kSseRegistersOffset = 160;
  constexpr size_t kSseRegistersEnd = 416;
  auto copy = [&](size_t begin, size_t end) { memcpy(state->data() + begin, bytes.data() + begin, end - begin); };
  present &= features;
  if ((present & kComponentX87) != 0) {
    copy(0, kX87Size);
    copy(kX87RegistersOffset, kSseRegistersOffset);
  }
  if ((present & kComponentSse) != 0) copy(kSseRegistersOffset, kSseRegistersEnd);
  if (format.features == 0) return {};
  if (image_size > kFxsaveSize) copy(kFxsaveSize + kXsaveHeaderSize, image_size);
  // Components that were not asked for start from their initial state; so do the keys, whose initial state is ours.
  if (format.pkru_offset != 0 && (features & kComponentPkru) == 0) {
    memcpy(state->data() + format.pkru_offset, &kInitialPkru, sizeof(kInitialPkru));
    present |= kComponentPkru;
  }
  memcpy(state->data() + kFxsaveSize, &present, sizeof(present));
  return {};
}

}  // namespace sentry
