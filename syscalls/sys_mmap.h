// SPDX-License-Identifier: Apache-2.0
// Memory: mmap(2) and friends. What they mean is sentry/mm's.
#pragma once

#include "base/types.h"
#include "sentry/mm/user_memory.h"
#include "sentry/task/task.h"

namespace syscalls {

using sentry::Task;

base::Result<base::GuestAddr> SysMmap(Task& task, base::GuestAddr address, uint64_t length, int32_t protection,
                                      int32_t flags, base::Fd fd, uint64_t offset);
base::Result<void> SysMunmap(Task& task, base::GuestAddr address, uint64_t length);
base::Result<void> SysMprotect(Task& task, base::GuestAddr address, uint64_t length, int32_t protection);
base::Result<base::GuestAddr> SysMremap(Task& task, base::GuestAddr old_address, uint64_t old_length,
                                        uint64_t new_length, int32_t flags, base::GuestAddr new_address);
base::Result<void> SysMadvise(Task& task, base::GuestAddr address, uint64_t length, int32_t advice);
base::Result<base::GuestAddr> SysBrk(Task& task, base::GuestAddr address);
base::Result<void> SysMsync(Task& task, base::GuestAddr address, uint64_t length, int32_t flags);
base::Result<void> SysMincore(Task& task, base::GuestAddr address, uint64_t length, base::GuestAddr vector);
base::Result<void> SysMlock(Task& task, base::GuestAddr address, uint64_t length);
base::Result<void> SysMlock2(Task& task, base::GuestAddr address, uint64_t length, int32_t flags);
base::Result<void> SysMunlock(Task& task, base::GuestAddr address, uint64_t length);
base::Result<void> SysMlockall(Task& task, int32_t flags);
base::Result<void> SysMunlockall(Task& task);

// Protection keys: there are none to be had, as on a CPU without them.
base::Result<void> SysPkeyMprotect(Task& task, base::GuestAddr address, uint64_t length, int32_t protection,
                                   int32_t key);
base::Result<int32_t> SysPkeyAlloc(Task& task, uint64_t flags, uint64_t rights);
base::Result<void> SysPkeyFree(Task& task, int32_t key);

}  // namespace syscalls
