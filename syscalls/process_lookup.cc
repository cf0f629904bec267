// SPDX-License-Identifier: Apache-2.0
#include "syscalls/process_lookup.h"

#include "sentry/kernel.h"

namespace syscalls {

base::RefPtr<sentry::ThreadGroup> FindProcess(Task& task, base::Pid pid) {
  sentry::Kernel& kernel = task.kernel();
  kernel.tree_mutex().AssertHeld();
  base::RefPtr<sentry::ThreadGroup> group = kernel.FindGroup(pid);
  if (!group || &group->container() != &task.container()) return nullptr;
  return group;
}

base::RefPtr<Task> FindThread(Task& task, base::Tid tid) {
  sentry::Kernel& kernel = task.kernel();
  kernel.tree_mutex().AssertHeld();
  base::RefPtr<Task> found = kernel.FindTask(tid);
  if (!found || &found->container() != &task.container()) return nullptr;
  return found;
}

base::RefPtr<vfs::Credentials> CredentialsOf(sentry::ThreadGroup& group) {
  if (group.leader != nullptr) return group.leader->SharedCredentials();
  if (!group.tasks.empty()) return group.tasks.front()->SharedCredentials();
  auto zombie = base::MakeRef<vfs::Credentials>();
  base::KUid uid(group.exit_uid);
  zombie->ruid = zombie->euid = zombie->suid = zombie->fsuid = uid;
  return zombie;
}

}  // namespace syscalls
