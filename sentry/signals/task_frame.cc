// SPDX-License-Identifier: Apache-2.0
// Signal frames of a task: on the way to a handler, and back.
#include <signal.h>

#include <cstring>
#include <memory>
#include <new>

#include "sentry/kernel.h"
#include "sentry/mm/memory_manager.h"
#include "sentry/signals/signal_delivery.h"
#include "sentry/signals/signal_frame_amd64.h"
#include "sentry/task/memory_limits.h"
#include "sentry/task/task.h"
#include "sentry/task/thread_group.h"

namespace sentry {
namespace {

const ExtendedStateFormat& MachineFormat(platform::Platform& platform) {
  static const ExtendedStateFormat format = ExtendedStateFormat::OfThisMachine(platform.extended_state_size());
  return format;
}

// Going to an address that is none is a #GP; any other is a page fault at most, and the guest's own business.
void CheckInstructionPointer(Task& task, uint64_t address) {
  if (IsCanonical(address)) return;
  constexpr uint64_t kGeneralProtection = 13;
  task.last_fault.trap_number = kGeneralProtection;
  task.last_fault.error_code = 0;
  base::abi::Siginfo info;
  info.signo = SIGSEGV;
  info.code = SI_KERNEL;
  task.ForceSignal(info);
}

}  // namespace

base::Result<void> Task::BuildSignalFrame(const base::abi::Siginfo& info, const base::abi::KernelSigaction& action) {
  platform::Registers* registers = TRY(guest_->registers());
  platform::ExtendedState* state = TRY(guest_->extended_state());
  // As Linux on x86-64: without a restorer a handler could not return.
  if ((action.flags & base::abi::kSaRestorer) == 0) return base::Errno(EFAULT);
  const ExtendedStateFormat& format = MachineFormat(kernel_.platform());
  if (state->empty() && !MakeInitialState(format, state)) return base::Errno(EFAULT);
  FramePlace place = TRY(PlaceSignalFrame(registers->rsp, action.flags, alternate_stack_, state->size()));
  FrameContents contents{.registers = *registers,
                         .alternate_stack = alternate_stack_,
                         .mask = saved_mask_.value_or(mask_),
                         .trap_number = last_fault.trap_number,
                         .error_code = last_fault.error_code,
                         .cr2 = last_fault.address,
                         .has_xsave = format.features != 0};
  base::abi::RtSigframe frame = MakeSignalFrame(contents, place, info, action);

  // One copy for frame and state: what lies between is below the stack pointer and nobody's.
  size_t state_offset = place.fpstate - place.frame;
  size_t size = state_offset + state->size();
  std::unique_ptr<std::byte[]> bytes(new (std::nothrow) std::byte[size]());
  if (!bytes) return base::Errno(EFAULT);
  memcpy(bytes.get(), &frame, sizeof(frame));
  memcpy(bytes.get() + state_offset, state->data(), state->size());
  base::GuestAddr address(place.frame);
  std::span<const std::byte> content(bytes.get(), size);
  if (!user_memory().CopyOut(address, content).ok()) {
    // The stack may grow to where the frame is.
    if (!memory_->GrowDown(address, MemoryLimitsOf(*this))) return base::Errno(EFAULT);
    TRY(user_memory().CopyOut(address, content));
  }

  EnterHandler(place, info.signo, action, registers);
  state->Clear();
  if ((alternate_stack_.flags & base::abi::kSsAutodisarm) != 0) {
    alternate_stack_ = {.sp = 0, .flags = base::abi::kSsDisable, .padding = 0, .size = 0};
  }
  {
    base::MutexLock lock(group_->signal_mutex_);
    saved_mask_.reset();
    base::abi::SignalSet own = (action.flags & SA_NODEFER) != 0 ? 0 : SignalBit(info.signo);
    SignalDelivery::SetMaskLocked(*this, mask_ | action.mask | own);
  }
  CheckInstructionPointer(*this, registers->rip);
  return {};
}

base::Result<void> Task::ReturnFromSignal() {
  platform::Registers* registers = TRY(guest_->registers());
  // The handler's return has taken the restorer's address off.
  base::GuestAddr address(registers->rsp - sizeof(uint64_t) + offsetof(base::abi::RtSigframe, context));
  base::abi::Ucontext context = TRY(UserIn<base::abi::Ucontext>(address).Read(user_memory()));
  restart_block = nullptr;
  SetSignalMask(context.mask);

  TRY(RestoreRegisters(context, registers));
  platform::ExtendedState* state = TRY(guest_->extended_state());
  if (context.mcontext.fpstate == 0) {
    state->Clear();
  } else {
    const ExtendedStateFormat& format = MachineFormat(kernel_.platform());
    std::unique_ptr<std::byte[]> bytes(new (std::nothrow) std::byte[format.frame_size]);
    if (!bytes) return base::Errno(EFAULT);
    // How much of it there is, is only known from its beginning: one read of the most there can be.
    auto read = memory_->memory().CopyInSome(base::GuestAddr(context.mcontext.fpstate),
                                             std::span(bytes.get(), format.frame_size));
    size_t available = read.ok() ? *read : 0;
    size_t size = available >= base::abi::kFxsaveSize
                      ? FrameStateSize(format, std::span<const std::byte>(bytes.get(), base::abi::kFxsaveSize))
                      : SIZE_MAX;
    base::Result<void> restored = base::Errno(EFAULT);
    if (size <= available) restored = RestoreExtendedState(format, std::span(bytes.get(), size), state);
    if (!restored.ok()) {
      state->Clear();
      return base::Errno(EFAULT);
    }
  }
  // A bad alternate stack is no reason to fail, as on Linux.
  auto stack = ChangeAlternateStack(alternate_stack_, context.stack, registers->rsp);
  if (stack.ok()) alternate_stack_ = *stack;
  CheckInstructionPointer(*this, registers->rip);
  return {};
}

}  // namespace sentry
