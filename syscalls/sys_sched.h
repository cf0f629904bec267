// SPDX-License-Identifier: Apache-2.0
// Scheduling (sched(7)), nice values, I/O priorities.
#pragma once

#include "base/abi/time.h"
#include "sentry/mm/user_memory.h"
#include "syscalls/decode.h"

namespace syscalls {

base::Result<void> SysSchedYield(Task& task);
base::Result<uint64_t> SysSchedGetaffinity(Task& task, base::Tid tid, uint32_t length, base::GuestAddr mask);
base::Result<void> SysSchedSetaffinity(Task& task, base::Tid tid, uint32_t length, base::GuestAddr mask);
base::Result<int32_t> SysSchedGetscheduler(Task& task, base::Tid tid);
base::Result<void> SysSchedSetscheduler(Task& task, base::Tid tid, int32_t policy, sentry::UserIn<int32_t> priority);
base::Result<void> SysSchedGetparam(Task& task, base::Tid tid, sentry::UserOut<int32_t> priority);
base::Result<void> SysSchedSetparam(Task& task, base::Tid tid, sentry::UserIn<int32_t> priority);
base::Result<void> SysSchedSetattr(Task& task, base::Tid tid, base::GuestAddr attributes, uint32_t flags);
base::Result<void> SysSchedGetattr(Task& task, base::Tid tid, base::GuestAddr attributes, uint32_t size,
                                   uint32_t flags);
base::Result<int32_t> SysSchedGetPriorityMax(Task& task, int32_t policy);
base::Result<int32_t> SysSchedGetPriorityMin(Task& task, int32_t policy);
base::Result<void> SysSchedRrGetInterval(Task& task, base::Tid tid, sentry::UserOut<base::abi::Timespec> interval);
base::Result<int32_t> SysGetpriority(Task& task, int32_t which, int32_t who);
base::Result<void> SysSetpriority(Task& task, int32_t which, int32_t who, int32_t nice);
base::Result<int32_t> SysIoprioGet(Task& task, int32_t which, int32_t who);
base::Result<void> SysIoprioSet(Task& task, int32_t which, int32_t who, int32_t priority);

}  // namespace syscalls
