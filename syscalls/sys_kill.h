// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "base/abi/signal.h"
#include "sentry/mm/user_memory.h"
#include "sentry/task/thread_group.h"
#include "syscalls/decode.h"

namespace syscalls {

base::Result<void> SysKill(Task& task, base::Pid pid, int32_t signal);
base::Result<void> SysTkill(Task& task, base::Tid tid, int32_t signal);
base::Result<void> SysTgkill(Task& task, base::Pid pid, base::Tid tid, int32_t signal);
base::Result<void> SysRtSigqueueinfo(Task& task, base::Pid pid, int32_t signal,
                                     sentry::UserIn<base::abi::Siginfo> info);
base::Result<void> SysRtTgsigqueueinfo(Task& task, base::Pid pid, base::Tid tid, int32_t signal,
                                       sentry::UserIn<base::abi::Siginfo> info);

// For a process held by other means than its id: as kill(2), or with `info` as rt_sigqueueinfo(2). ESRCH: it was
// reaped.
base::Result<void> SendToProcess(Task& task, sentry::ThreadGroup& target, int signal,
                                 const std::optional<base::abi::Siginfo>& info);

}  // namespace syscalls
