// SPDX-License-Identifier: Apache-2.0
// A thread's own signals: actions, masks, waiting, the alternate stack. Sending: sys_kill.h.
#pragma once

#include "base/abi/signal.h"
#include "base/abi/time.h"
#include "base/sys_error.h"
#include "sentry/mm/user_memory.h"
#include "syscalls/decode.h"

namespace syscalls {

base::Result<void> SysRtSigaction(Task& task, int32_t signal, sentry::UserIn<base::abi::KernelSigaction> action,
                                  sentry::UserOut<base::abi::KernelSigaction> old, uint64_t set_size);
base::Result<void> SysRtSigprocmask(Task& task, int32_t how, sentry::UserIn<uint64_t> set,
                                    sentry::UserOut<uint64_t> old, uint64_t set_size);
base::Result<void> SysRtSigpending(Task& task, base::GuestAddr set, uint64_t set_size);
base::SysResult<void> SysRtSigsuspend(Task& task, sentry::UserIn<uint64_t> set, uint64_t set_size);
base::Result<int32_t> SysRtSigtimedwait(Task& task, sentry::UserIn<uint64_t> set, base::GuestAddr info,
                                        sentry::UserIn<base::abi::Timespec> timeout, uint64_t set_size);
base::Result<void> SysSigaltstack(Task& task, sentry::UserIn<base::abi::StackT> stack,
                                  sentry::UserOut<base::abi::StackT> old);
base::Result<void> SysRtSigreturn(Task& task);
base::SysResult<void> SysPause(Task& task);
base::SysResult<uint64_t> SysRestartSyscall(Task& task);

}  // namespace syscalls
