// SPDX-License-Identifier: Apache-2.0
#include "syscalls/sys_process.h"

#include "sentry/kernel.h"

namespace syscalls {

base::Result<base::Pid> SysGetpid(Task& task) { return task.group().pid(); }

base::Result<base::Tid> SysGettid(Task& task) { return task.tid(); }

base::Result<base::Pid> SysGetppid(Task& task) {
  base::MutexLock lock(task.kernel().tree_mutex());
  sentry::ThreadGroup* parent = task.group().parent;
  return parent != nullptr ? parent->pid() : base::Pid(0);
}

}  // namespace syscalls
