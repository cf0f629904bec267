// SPDX-License-Identifier: Apache-2.0
#include "syscalls/sys_signal.h"

#include <signal.h>

#include <optional>
#include <utility>

#include "base/clock.h"
#include "sentry/signals/signal_frame_amd64.h"
#include "sentry/task/task.h"
#include "sentry/task/thread_group.h"

namespace syscalls {
namespace {

using base::abi::kSignalSetSize;
using base::abi::SignalSet;

constexpr SignalSet kUnblockable = SignalSet{1} << (SIGKILL - 1) | SignalSet{1} << (SIGSTOP - 1);

constexpr uint64_t kSaExposeTagbits = 0x800;
// The flags Linux knows; the others are cleared, so that a program can see what is supported (sigaction(2)).
constexpr uint64_t kKnownActionFlags = SA_NOCLDSTOP | SA_NOCLDWAIT | SA_SIGINFO | SA_ONSTACK | SA_RESTART | SA_NODEFER |
                                       uint64_t{0x80000000} /* SA_RESETHAND */ | kSaExposeTagbits |
                                       base::abi::kSaRestorer;

// Waits until there is a signal to be handled.
base::SysResult<void> WaitForInterruption(Task& task) {
  sentry::WakeFlag never(task);
  while (task.Block(never, base::kForever) != sentry::BlockOutcome::kInterrupted) {
  }
  return base::Restart::kNoHand;
}

// The caller's stack pointer, in the middle of a call.
base::Result<uint64_t> StackPointer(Task& task) {
  task.guest().set_syscall(platform::SyscallAction::kReturn, 0);
  platform::Registers* registers = TRY(task.guest().registers());
  return registers->rsp;
}

}  // namespace

base::Result<void> SysRtSigaction(Task& task, int32_t signal, sentry::UserIn<base::abi::KernelSigaction> action,
                                  sentry::UserOut<base::abi::KernelSigaction> old, uint64_t set_size) {
  if (set_size != kSignalSetSize) return base::Errno(EINVAL);
  std::optional<base::abi::KernelSigaction> wanted;
  if (!action.is_null()) wanted = TRY(action.Read(task.user_memory()));
  std::optional<base::Signal> number = base::Signal::From(signal);
  if (!number || (wanted && (number->mask() & kUnblockable) != 0)) return base::Errno(EINVAL);
  base::abi::KernelSigaction previous;
  if (wanted) {
    wanted->flags &= kKnownActionFlags;
    wanted->mask &= ~kUnblockable;
    previous = task.group().SetAction(*number, *wanted);
  } else {
    previous = task.group().handlers()->Get(*number);
  }
  if (!old.is_null()) TRY(old.Write(task.user_memory(), previous));
  return {};
}

base::Result<void> SysRtSigprocmask(Task& task, int32_t how, sentry::UserIn<uint64_t> set,
                                    sentry::UserOut<uint64_t> old, uint64_t set_size) {
  if (set_size != kSignalSetSize) return base::Errno(EINVAL);
  SignalSet previous = task.signal_mask();
  if (!set.is_null()) {
    SignalSet argument = TRY(set.Read(task.user_memory()));
    switch (how) {
      case SIG_BLOCK:
        task.SetSignalMask(previous | argument);
        break;
      case SIG_UNBLOCK:
        task.SetSignalMask(previous & ~argument);
        break;
      case SIG_SETMASK:
        task.SetSignalMask(argument);
        break;
      default:
        return base::Errno(EINVAL);
    }
  }
  if (!old.is_null()) TRY(old.Write(task.user_memory(), previous));
  return {};
}

base::Result<void> SysRtSigpending(Task& task, base::GuestAddr set, uint64_t set_size) {
  if (set_size > kSignalSetSize) return base::Errno(EINVAL);
  SignalSet pending = task.PendingSet() & task.signal_mask();
  return task.user_memory().CopyOut(set, std::as_bytes(std::span(&pending, 1)).first(set_size));
}

base::SysResult<void> SysRtSigsuspend(Task& task, sentry::UserIn<uint64_t> set, uint64_t set_size) {
  if (set_size != kSignalSetSize) return base::Errno(EINVAL);
  task.SetTemporaryMask(TRY(set.Read(task.user_memory())));
  return WaitForInterruption(task);
}

base::SysResult<void> SysPause(Task& task) { return WaitForInterruption(task); }

base::Result<int32_t> SysRtSigtimedwait(Task& task, sentry::UserIn<uint64_t> set, base::GuestAddr info,
                                        sentry::UserIn<base::abi::Timespec> timeout, uint64_t set_size) {
  if (set_size != kSignalSetSize) return base::Errno(EINVAL);
  SignalSet wanted = TRY(set.Read(task.user_memory()));
  int64_t deadline = base::kForever;
  if (!timeout.is_null()) {
    int64_t duration = TRY(sentry::ReadTimespec(task.user_memory(), timeout));
    if (__builtin_add_overflow(base::MonotonicNow(), duration, &deadline)) deadline = base::kForever;
  }
  base::abi::Siginfo taken = TRY(task.WaitForSignal(wanted, deadline));
  if (!info.is_null()) TRY(task.user_memory().CopyOut(info, std::as_bytes(std::span(&taken, 1))));
  return taken.signo;
}

base::Result<void> SysSigaltstack(Task& task, sentry::UserIn<base::abi::StackT> stack,
                                  sentry::UserOut<base::abi::StackT> old) {
  std::optional<base::abi::StackT> wanted;
  if (!stack.is_null()) wanted = TRY(stack.Read(task.user_memory()));
  base::abi::StackT current = task.alternate_stack();
  // Without a stack nobody is on it: the registers need not be fetched.
  uint64_t stack_pointer = current.size != 0 ? TRY(StackPointer(task)) : 0;
  if (wanted) {
    task.set_alternate_stack(TRY(sentry::ChangeAlternateStack(current, *wanted, stack_pointer)));
  }
  if (old.is_null()) return {};
  base::abi::StackT shown = current;
  shown.flags = sentry::AlternateStackState(current, stack_pointer) | (current.flags & base::abi::kSsAutodisarm);
  shown.padding = 0;
  return old.Write(task.user_memory(), shown);
}

base::Result<void> SysRtSigreturn(Task& task) {
  task.guest().set_syscall(platform::SyscallAction::kReturn, 0);
  // A frame that is not one kills, or runs the handler of SIGSEGV; the call itself never returns.
  if (!task.ReturnFromSignal().ok()) task.ForceBadFrame(0);
  return {};
}

base::SysResult<uint64_t> SysRestartSyscall(Task& task) {
  // Calls are restarted without the guest's doing: only a guest's own idea leads here.
  auto restart = std::exchange(task.restart_block, nullptr);
  if (!restart) return base::Errno(EINTR);
  return restart(task);
}

}  // namespace syscalls
