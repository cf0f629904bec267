// SPDX-License-Identifier: Apache-2.0
// The layout of x86-64 signal frames, without tasks: what rt_sigframe looks like for given registers, and what may be
// taken back from one. Linux analogue: arch/x86/kernel/signal_64.c, arch/x86/kernel/fpu/signal.c.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/abi/signal.h"
#include "base/abi/ucontext_amd64.h"
#include "base/result.h"
#include "base/types.h"
#include "platform/registers.h"

namespace sentry {

// The extended state of this machine, as the host's frames have it.
struct ExtendedStateFormat {
  size_t frame_size = base::abi::kFxsaveSize;  // Bytes in a frame, the closing magic included.
  uint64_t features = 0;                       // XSAVE components; 0: no XSAVE, plain FXSAVE.
  uint32_t mxcsr_mask = 0;
  uint32_t pkru_offset = 0;  // Of the PKRU component in the image; 0: none.

  // `frame_size`: platform::Platform::extended_state_size().
  static ExtendedStateFormat OfThisMachine(size_t frame_size);
};

// SS_DISABLE, SS_ONSTACK or 0: what sigaltstack(2) reports of `stack` to a thread whose stack pointer is given.
int32_t AlternateStackState(const base::abi::StackT& stack, uint64_t stack_pointer);

// sigaltstack(2): the stack to be set. EPERM: the old one is in use; EINVAL: flags; ENOMEM: too small.
base::Result<base::abi::StackT> ChangeAlternateStack(const base::abi::StackT& old, base::abi::StackT wanted,
                                                     uint64_t stack_pointer);

struct FramePlace {
  uint64_t frame = 0;    // Of struct rt_sigframe; the handler's stack pointer.
  uint64_t fpstate = 0;  // Of the extended state.
};
// Where the frame goes. EFAULT: it would overflow the alternate stack.
base::Result<FramePlace> PlaceSignalFrame(uint64_t stack_pointer, uint64_t action_flags,
                                          const base::abi::StackT& alternate_stack, size_t extended_state_size);

struct FrameContents {
  const platform::Registers& registers;
  const base::abi::StackT& alternate_stack;
  base::abi::SignalSet mask = 0;
  uint64_t trap_number = 0, error_code = 0, cr2 = 0;
  bool has_xsave = true;
};
base::abi::RtSigframe MakeSignalFrame(const FrameContents& contents, const FramePlace& place,
                                      const base::abi::Siginfo& info, const base::abi::KernelSigaction& action);

// Makes the registers run the handler.
void EnterHandler(const FramePlace& place, int signal, const base::abi::KernelSigaction& action,
                  platform::Registers* registers);

// The image of a thread that has not touched its extended state. False when memory is out.
bool MakeInitialState(const ExtendedStateFormat& format, platform::ExtendedState* state);

// Takes the registers back from a frame. EFAULT: the guest cannot run with these selectors (it would fault on the way
// back). rip may be anything: see IsCanonical.
base::Result<void> RestoreRegisters(const base::abi::Ucontext& context, platform::Registers* registers);
// Whether an instruction pointer is one at all; going there else is a #GP (SIGSEGV, SI_KERNEL).
bool IsCanonical(uint64_t address);

// How many bytes of extended state a frame has whose first kFxsaveSize bytes are `legacy`: the XSAVE image with its
// closing magic, or kFxsaveSize if the software bytes do not describe one.
size_t FrameStateSize(const ExtendedStateFormat& format, std::span<const std::byte> legacy);
// Makes `state` what the frame's bytes (as many as FrameStateSize said) say. EFAULT: the processor would refuse them
// (reserved bits). ENOMEM.
base::Result<void> RestoreExtendedState(const ExtendedStateFormat& format, std::span<const std::byte> bytes,
                                        platform::ExtendedState* state);

}  // namespace sentry
