// SPDX-License-Identifier: Apache-2.0
#include "syscalls/sys_process.h"

#include <sched.h>
#include <signal.h>

#include <algorithm>
#include <vector>

#include "sentry/kernel.h"
#include "sentry/mm/memory_manager.h"

namespace syscalls {
namespace {

// struct robust_list_head.
constexpr uint64_t kRobustListHeadSize = 24;
// clone3(2) refuses more than a page of arguments.
constexpr uint64_t kCloneArgsSizeMax = base::kPageSize;
constexpr uint64_t kSignalMask = 0xff;  // CSIGNAL
constexpr uint64_t kKnownClone3Flags = 0x3ffffffffull & ~uint64_t{CLONE_DETACHED};

}  // namespace

base::Result<base::Pid> SysGetpid(Task& task) { return task.group().pid(); }

base::Result<base::Tid> SysGettid(Task& task) { return task.tid(); }

base::Result<base::Pid> SysGetppid(Task& task) {
  base::MutexLock lock(task.kernel().tree_mutex());
  sentry::ThreadGroup* parent = task.group().parent;
  return parent != nullptr ? parent->pid() : base::Pid(0);
}

base::Result<base::Tid> SysSetTidAddress(Task& task, base::GuestAddr address) {
  task.clear_child_tid = address;
  return task.tid();
}

base::Result<void> SysSetRobustList(Task& task, base::GuestAddr head, uint64_t size) {
  if (size != kRobustListHeadSize) return base::Errno(EINVAL);
  task.robust_list = head;
  return {};
}

base::Result<void> SysGetRobustList(Task& task, base::Tid tid, sentry::UserOut<uint64_t> head,
                                    sentry::UserOut<uint64_t> size) {
  base::GuestAddr found = task.robust_list;
  if (tid.value() != 0 && tid != task.tid()) {
    base::MutexLock lock(task.kernel().tree_mutex());
    base::RefPtr<Task> other = task.kernel().FindTask(tid);
    if (!other) return base::Errno(ESRCH);
    if (&other->group() != &task.group()) return base::Errno(EPERM);
    found = other->robust_list;
  }
  TRY(size.Write(task.user_memory(), kRobustListHeadSize));
  return head.Write(task.user_memory(), found.value());
}

base::SysResult<uint64_t> SysClone(Task& task, uint64_t flags, uint64_t stack, base::GuestAddr parent_tid,
                                   base::GuestAddr child_tid, uint64_t tls) {
  // What was CLONE_DETACHED once is reserved where a pidfd is asked for.
  if ((flags & CLONE_PIDFD) != 0 && (flags & CLONE_DETACHED) != 0) return base::Errno(EINVAL);
  // The upper half of the register is ignored; CLONE_DETACHED has no meaning any more (clone(2)).
  flags = (flags & 0xffffffff) & ~uint64_t{CLONE_DETACHED};
  int exit_signal = static_cast<int>(flags & kSignalMask);
  return task.Clone({.flags = flags & ~kSignalMask,
                     .exit_signal = exit_signal,
                     .stack = stack,
                     .tls = tls,
                     .parent_tid = parent_tid,
                     .child_tid = child_tid,
                     .pidfd = parent_tid});
}

base::SysResult<uint64_t> SysClone3(Task& task, base::GuestAddr arguments, uint64_t size) {
  if (size > kCloneArgsSizeMax) return base::Errno(E2BIG);
  if (size < base::abi::kCloneArgsSizeVersion0) return base::Errno(EINVAL);
  std::vector<std::byte> bytes(std::max<size_t>(size, sizeof(base::abi::CloneArgs)));
  TRY(task.user_memory().CopyIn(arguments, std::span(bytes).first(size)));
  // What a newer caller asks for beyond what is known here must be zero.
  for (size_t i = sizeof(base::abi::CloneArgs); i < size; ++i) {
    if (bytes[i] != std::byte{0}) return base::Errno(E2BIG);
  }
  base::abi::CloneArgs clone;
  memcpy(&clone, bytes.data(), sizeof(clone));
  if ((clone.flags & ~kKnownClone3Flags) != 0 || (clone.flags & kSignalMask) != 0) return base::Errno(EINVAL);
  if ((clone.flags & (CLONE_THREAD | CLONE_PARENT)) != 0 && clone.exit_signal != 0) return base::Errno(EINVAL);
  if (clone.exit_signal > base::abi::kSignalCount) return base::Errno(EINVAL);
  if ((clone.stack == 0) != (clone.stack_size == 0)) return base::Errno(EINVAL);
  if (clone.set_tid_size != 0 || clone.set_tid != 0) return base::Errno(EINVAL);
  // CLONE_CLEAR_SIGHAND and CLONE_INTO_CGROUP: not there yet.
  if ((clone.flags >> 32) != 0) return base::Errno(EINVAL);
  return task.Clone({.flags = clone.flags,
                     .exit_signal = static_cast<int>(clone.exit_signal),
                     .stack = clone.stack + clone.stack_size,
                     .tls = clone.tls,
                     .parent_tid = base::GuestAddr(clone.parent_tid),
                     .child_tid = base::GuestAddr(clone.child_tid),
                     .pidfd = base::GuestAddr(clone.pidfd)});
}

base::SysResult<uint64_t> SysFork(Task& task) { return task.Clone({.exit_signal = SIGCHLD}); }

base::SysResult<uint64_t> SysVfork(Task& task) {
  return task.Clone({.flags = CLONE_VM | CLONE_VFORK, .exit_signal = SIGCHLD});
}

base::Result<void> SysExit(Task& task, int32_t status) {
  task.PrepareExit((status & 0xff) << 8);
  return {};
}

base::Result<void> SysExitGroup(Task& task, int32_t status) {
  task.PrepareGroupExit((status & 0xff) << 8);
  return {};
}

base::Result<void> SysSetpgid(Task& task, base::Pid pid, base::Pid group_id) {
  if (group_id.value() < 0) return base::Errno(EINVAL);
  sentry::Kernel& kernel = task.kernel();
  sentry::ThreadGroup& caller = task.group();
  base::MutexLock lock(kernel.tree_mutex());
  base::RefPtr<sentry::ThreadGroup> target =
      pid.value() == 0 ? base::RefPtr<sentry::ThreadGroup>(&caller) : kernel.FindGroup(pid);
  // Linux's order: no such process, a child of another session, a child that has called execve, a session leader.
  if (!target || (target.get() != &caller && target->parent != &caller)) return base::Errno(ESRCH);
  if (target->zombie && target.get() != &caller && target->parent != &caller) return base::Errno(ESRCH);
  const base::RefPtr<sentry::Session>& session = caller.process_group->session;
  if (target.get() != &caller) {
    if (!target->process_group || !(target->process_group->session == session)) return base::Errno(EPERM);
    if (target->did_exec) return base::Errno(EACCES);
  }
  if (target->process_group->session->id == target->pid()) return base::Errno(EPERM);
  base::Pid wanted = group_id.value() == 0 ? target->pid() : group_id;
  if (wanted != target->pid()) {
    base::RefPtr<sentry::ProcessGroup> existing = kernel.FindProcessGroup(wanted);
    if (!existing || !(existing->session == session)) return base::Errno(EPERM);
  }
  if (target->process_group->id != wanted) kernel.SetProcessGroup(*target, wanted, session);
  return {};
}

base::Result<base::Pid> SysGetpgid(Task& task, base::Pid pid) {
  base::MutexLock lock(task.kernel().tree_mutex());
  base::RefPtr<sentry::ThreadGroup> target =
      pid.value() == 0 ? base::RefPtr<sentry::ThreadGroup>(&task.group()) : task.kernel().FindGroup(pid);
  if (!target || !target->process_group) return base::Errno(ESRCH);
  return target->process_group->id;
}

base::Result<base::Pid> SysGetpgrp(Task& task) { return SysGetpgid(task, base::Pid(0)); }

base::Result<base::Pid> SysSetsid(Task& task) {
  sentry::ThreadGroup& group = task.group();
  base::MutexLock lock(task.kernel().tree_mutex());
  // A process group with our id exists already: we lead it, or somebody else is still in it.
  if (task.kernel().FindProcessGroup(group.pid())) return base::Errno(EPERM);
  task.kernel().SetProcessGroup(group, group.pid(), base::MakeRef<sentry::Session>(group.pid()));
  group.without_terminal = false;
  return group.pid();
}

base::Result<base::Pid> SysGetsid(Task& task, base::Pid pid) {
  base::MutexLock lock(task.kernel().tree_mutex());
  base::RefPtr<sentry::ThreadGroup> target =
      pid.value() == 0 ? base::RefPtr<sentry::ThreadGroup>(&task.group()) : task.kernel().FindGroup(pid);
  if (!target || !target->process_group) return base::Errno(ESRCH);
  return target->process_group->session->id;
}

}  // namespace syscalls
