// SPDX-License-Identifier: Apache-2.0
// Processes as files.
#pragma once

#include "base/abi/signal.h"
#include "base/types.h"
#include "sentry/mm/user_memory.h"
#include "sentry/task/thread_group.h"
#include "syscalls/decode.h"

namespace syscalls {

base::Result<base::Fd> SysPidfdOpen(Task& task, base::Pid pid, uint32_t flags);
base::Result<void> SysPidfdSendSignal(Task& task, base::Fd fd, int32_t signal, sentry::UserIn<base::abi::Siginfo> from,
                                      uint32_t flags);
base::Result<base::Fd> SysPidfdGetfd(Task& task, base::Fd pidfd, base::Fd target, uint32_t flags);

// The process a descriptor stands for, which may be gone by now, and the description's O_NONBLOCK. EBADF: no pidfd.
struct PidfdTarget {
  base::RefPtr<sentry::ThreadGroup> group;
  bool nonblocking = false;
};
base::Result<PidfdTarget> FindPidfd(Task& task, base::Fd fd);

}  // namespace syscalls
