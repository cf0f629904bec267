// SPDX-License-Identifier: Apache-2.0
// Sending signals (kill(2), tgkill(2), rt_sigqueueinfo(2)).
#include "syscalls/sys_kill.h"

#include <signal.h>

#include <vector>

#include "sentry/kernel.h"
#include "syscalls/process_lookup.h"

namespace syscalls {
namespace {

base::abi::Siginfo InfoFrom(Task& task, int signal, int code) {
  base::abi::Siginfo info;
  info.signo = signal;
  info.code = code;
  info.kill.pid = task.group().pid().value();
  info.kill.uid = task.credentials().ruid.value();
  return info;
}

// kill(2): who may send what to whom. EINVAL: no such signal; EPERM.
base::Result<void> CheckPermission(Task& task, sentry::ThreadGroup& target, int signal) {
  if (signal < 0 || signal > base::abi::kSignalCount) return base::Errno(EINVAL);
  if (&target == &task.group()) return {};
  const vfs::Credentials& own = task.credentials();
  base::RefPtr<vfs::Credentials> other = CredentialsOf(target);
  if (own.euid == other->suid || own.euid == other->ruid || own.ruid == other->suid || own.ruid == other->ruid ||
      own.HasCapability(kCapKill)) {
    return {};
  }
  if (signal == SIGCONT && target.process_group && task.group().process_group &&
      target.process_group->session == task.group().process_group->session) {
    return {};
  }
  return base::Errno(EPERM);
}

base::Result<void> SendTo(Task& task, sentry::ThreadGroup& target, const base::abi::Siginfo& info) {
  TRY(CheckPermission(task, target, info.signo));
  if (info.signo == 0) return {};
  return target.SendUserSignal(info);
}

// All of `targets`: success if one was reached, else the last error; ESRCH when there are none.
base::Result<void> SendToGroup(Task& task, const sentry::ProcessGroup* targets, const base::abi::Siginfo& info) {
  base::Result<void> result = base::Errno(ESRCH);
  bool reached = false;
  if (targets == nullptr) return result;
  for (sentry::ThreadGroup* member : targets->members) {
    base::Result<void> sent = SendTo(task, *member, info);
    if (sent.ok()) reached = true;
    result = sent;
  }
  if (reached) return {};
  return result;
}

base::Result<void> SendToAll(Task& task, const base::abi::Siginfo& info) {
  base::Result<void> result;
  int count = 0;
  task.kernel().tree_mutex().AssertHeld();
  task.kernel().ForEachGroup([&](sentry::ThreadGroup& target) {
    if (&target.container() != &task.container() || &target == &task.group()) return;
    if (target.container().init.get() == &target) return;
    ++count;
    base::Result<void> sent = SendTo(task, target, info);
    if (sent.ok() || sent.error().code() != EPERM) result = sent;
  });
  if (count == 0) return base::Errno(ESRCH);
  return result;
}

base::Result<void> SendToThread(Task& task, std::optional<base::Pid> pid, base::Tid tid,
                                const base::abi::Siginfo& info) {
  base::MutexLock lock(task.kernel().tree_mutex());
  base::RefPtr<Task> target = FindThread(task, tid);
  if (!target || (pid && target->group().pid() != *pid)) return base::Errno(ESRCH);
  TRY(CheckPermission(task, target->group(), info.signo));
  if (info.signo == 0) return {};
  return target->SendUserSignal(info);
}

// What rt_sigqueueinfo may pretend to be: nothing of the kernel's, and no kill(2) but to oneself.
base::Result<base::abi::Siginfo> ReadInfo(Task& task, sentry::UserIn<base::abi::Siginfo> from, int signal, int target) {
  base::abi::Siginfo info = TRY(from.Read(task.user_memory()));
  info.signo = signal;
  if ((info.code >= 0 || info.code == SI_TKILL) && task.tid().value() != target) return base::Errno(EPERM);
  return info;
}

}  // namespace

base::Result<void> SendToProcess(Task& task, sentry::ThreadGroup& target, int signal,
                                 const std::optional<base::abi::Siginfo>& info) {
  base::MutexLock lock(task.kernel().tree_mutex());
  // A zombie may still be sent signals, which do nothing; what was reaped is gone.
  if (FindProcess(task, target.pid()).get() != &target) return base::Errno(ESRCH);
  return SendTo(task, target, info ? *info : InfoFrom(task, signal, SI_USER));
}

base::Result<void> SysKill(Task& task, base::Pid pid, int32_t signal) {
  base::abi::Siginfo info = InfoFrom(task, signal, SI_USER);
  base::MutexLock lock(task.kernel().tree_mutex());
  if (pid.value() > 0) {
    base::RefPtr<sentry::ThreadGroup> target = FindProcess(task, pid);
    // A thread's id names its process, as on Linux.
    base::RefPtr<Task> thread = target ? nullptr : FindThread(task, base::Tid(pid.value()));
    if (thread) target = base::RefPtr<sentry::ThreadGroup>(&thread->group());
    if (!target) return base::Errno(ESRCH);
    return SendTo(task, *target, info);
  }
  if (pid.value() == INT32_MIN) return base::Errno(ESRCH);
  if (pid.value() == -1) return SendToAll(task, info);
  if (pid.value() == 0) return SendToGroup(task, task.group().process_group.get(), info);
  base::RefPtr<sentry::ProcessGroup> targets = task.kernel().FindProcessGroup(base::Pid(-pid.value()));
  if (targets && !targets->members.empty() && &targets->members.front()->container() != &task.container()) {
    return base::Errno(ESRCH);
  }
  return SendToGroup(task, targets.get(), info);
}

base::Result<void> SysTkill(Task& task, base::Tid tid, int32_t signal) {
  if (tid.value() <= 0) return base::Errno(EINVAL);
  return SendToThread(task, std::nullopt, tid, InfoFrom(task, signal, SI_TKILL));
}

base::Result<void> SysTgkill(Task& task, base::Pid pid, base::Tid tid, int32_t signal) {
  if (pid.value() <= 0 || tid.value() <= 0) return base::Errno(EINVAL);
  return SendToThread(task, pid, tid, InfoFrom(task, signal, SI_TKILL));
}

base::Result<void> SysRtSigqueueinfo(Task& task, base::Pid pid, int32_t signal,
                                     sentry::UserIn<base::abi::Siginfo> from) {
  base::abi::Siginfo info = TRY(ReadInfo(task, from, signal, pid.value()));
  base::MutexLock lock(task.kernel().tree_mutex());
  base::RefPtr<sentry::ThreadGroup> target = FindProcess(task, pid);
  if (!target) return base::Errno(ESRCH);
  return SendTo(task, *target, info);
}

base::Result<void> SysRtTgsigqueueinfo(Task& task, base::Pid pid, base::Tid tid, int32_t signal,
                                       sentry::UserIn<base::abi::Siginfo> from) {
  if (pid.value() <= 0 || tid.value() <= 0) return base::Errno(EINVAL);
  return SendToThread(task, pid, tid, TRY(ReadInfo(task, from, signal, tid.value())));
}

}  // namespace syscalls
