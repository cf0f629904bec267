// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/abi/signal.h"
#include "sentry/mm/user_memory.h"
#include "syscalls/decode.h"

namespace syscalls {

base::Result<void> SysKill(Task& task, base::Pid pid, int32_t signal);
base::Result<void> SysTkill(Task& task, base::Tid tid, int32_t signal);
base::Result<void> SysTgkill(Task& task, base::Pid pid, base::Tid tid, int32_t signal);
base::Result<void> SysRtSigqueueinfo(Task& task, base::Pid pid, int32_t signal,
                                     sentry::UserIn<base::abi::Siginfo> info);
base::Result<void> SysRtTgsigqueueinfo(Task& task, base::Pid pid, base::Tid tid, int32_t signal,
                                       sentry::UserIn<base::abi::Siginfo> info);

}  // namespace syscalls
