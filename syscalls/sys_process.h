// SPDX-License-Identifier: Apache-2.0
// Process identity and life: getpid(2) and friends, clone(2), fork(2), exit(2), process groups and sessions.
#pragma once

#include "base/abi/process.h"
#include "base/types.h"
#include "sentry/mm/user_memory.h"
#include "sentry/task/task.h"

namespace syscalls {

using sentry::Task;

base::Result<base::Pid> SysGetpid(Task& task);
base::Result<base::Tid> SysGettid(Task& task);
base::Result<base::Pid> SysGetppid(Task& task);
base::Result<base::Tid> SysSetTidAddress(Task& task, base::GuestAddr address);
base::Result<void> SysSetRobustList(Task& task, base::GuestAddr head, uint64_t size);
base::Result<void> SysGetRobustList(Task& task, base::Tid tid, sentry::UserOut<uint64_t> head,
                                    sentry::UserOut<uint64_t> size);

base::SysResult<uint64_t> SysClone(Task& task, uint64_t flags, uint64_t stack, base::GuestAddr parent_tid,
                                   base::GuestAddr child_tid, uint64_t tls);
base::SysResult<uint64_t> SysClone3(Task& task, base::GuestAddr arguments, uint64_t size);
base::SysResult<uint64_t> SysFork(Task& task);
base::SysResult<uint64_t> SysVfork(Task& task);
base::Result<void> SysExit(Task& task, int32_t status);
base::Result<void> SysExitGroup(Task& task, int32_t status);

base::Result<void> SysSetpgid(Task& task, base::Pid pid, base::Pid group);
base::Result<base::Pid> SysGetpgid(Task& task, base::Pid pid);
base::Result<base::Pid> SysGetpgrp(Task& task);
base::Result<base::Pid> SysSetsid(Task& task);
base::Result<base::Pid> SysGetsid(Task& task, base::Pid pid);

}  // namespace syscalls
