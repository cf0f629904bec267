// SPDX-License-Identifier: Apache-2.0
#include "syscalls/sys_wait.h"

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

#include <optional>

#include "base/clock.h"
#include "sentry/kernel.h"
#include "syscalls/sys_limits.h"
#include "syscalls/sys_pidfd.h"

namespace syscalls {
namespace {

constexpr int kWait4Options = WNOHANG | WUNTRACED | WCONTINUED | static_cast<int>(__WNOTHREAD) |
                              static_cast<int>(__WCLONE) | static_cast<int>(__WALL);
constexpr int kWaitidOptions = WNOHANG | WNOWAIT | WEXITED | WSTOPPED | WCONTINUED | static_cast<int>(__WNOTHREAD) |
                               static_cast<int>(__WCLONE) | static_cast<int>(__WALL);

// Which children a wait is for.
struct Selector {
  enum class Kind { kAny, kPid, kGroup } kind = Kind::kAny;
  base::Pid id;
  bool nonblocking = false;  // By the pidfd: EAGAIN instead of waiting.

  bool Matches(const sentry::ThreadGroup& child) const {
    switch (kind) {
      case Kind::kAny:
        return true;
      case Kind::kPid:
        return child.pid() == id;
      case Kind::kGroup:
        return child.process_group && child.process_group->id == id;
    }
    return false;
  }
};

struct Found {
  base::Pid pid;
  int wait_status = 0;
  uint32_t uid = 0;
  sentry::ResourceUsage usage;
};

// "Clone" children send something else than SIGCHLD to their parent (wait4(2), __WCLONE).
bool KindMatches(const sentry::ThreadGroup& child, int options) {
  if ((options & static_cast<int>(__WALL)) != 0) return true;
  bool clone_child = child.exit_signal != SIGCHLD;
  return clone_child == ((options & static_cast<int>(__WCLONE)) != 0);
}

// A child's and its children's, with the tree lock held.
sentry::ResourceUsage UsageOf(sentry::ThreadGroup& child) {
  sentry::ResourceUsage usage = child.children_usage;
  base::MutexLock lock(child.signal_mutex());
  usage.Add(child.UsageLocked());
  return usage;
}

// Looks once. Empty optional: children exist but none has changed. ECHILD: there are none.
base::Result<std::optional<Found>> Look(Task& task, const Selector& selector, int options) {
  sentry::Kernel& kernel = task.kernel();
  sentry::ThreadGroup& parent = task.group();
  base::RefPtr<sentry::ThreadGroup> reaped;
  base::MutexLock lock(kernel.tree_mutex());
  bool any = false;
  for (const base::RefPtr<sentry::ThreadGroup>& child : parent.children) {
    if (!selector.Matches(*child) || !KindMatches(*child, options)) continue;
    any = true;
    Found found{child->pid(), 0, child->exit_uid};
    if (child->zombie) {
      if ((options & WEXITED) == 0) continue;
      found.wait_status = child->wait_status;
      found.usage = UsageOf(*child);
      if ((options & WNOWAIT) == 0) {
        reaped = child;
        parent.children_usage.Add(found.usage);
        kernel.Reap(*reaped);
      }
      return std::optional(found);
    }
    bool keep = (options & WNOWAIT) != 0;
    if (int status = (options & WSTOPPED) != 0 ? child->TakeStopReport(keep) : 0; status != 0) {
      found.wait_status = status;
      found.usage = UsageOf(*child);
      return std::optional(found);
    }
    if ((options & WCONTINUED) != 0 && child->TakeContinueReport(keep)) {
      found.wait_status = 0xffff;
      found.usage = UsageOf(*child);
      return std::optional(found);
    }
  }
  if (!any) return base::Errno(ECHILD);
  return std::optional<Found>();
}

base::SysResult<std::optional<Found>> Wait(Task& task, const Selector& selector, int options) {
  std::optional<Found> found = TRY(Look(task, selector, options));
  if (found || (options & WNOHANG) != 0) return found;
  if (selector.nonblocking) return base::Errno(EAGAIN);
  sentry::WakeFlag flag(task);
  sentry::FlagWaiter waiter(flag, &task.group().child_queue(), POLLIN);
  while (true) {
    flag.Clear();
    found = TRY(Look(task, selector, options));
    if (found) return found;
    if (task.Block(flag, base::kForever) == sentry::BlockOutcome::kInterrupted) return base::Restart::kSys;
  }
}

base::Pid CallerGroup(Task& task) {
  base::MutexLock lock(task.kernel().tree_mutex());
  return task.group().process_group->id;
}

}  // namespace

base::SysResult<base::Pid> SysWait4(Task& task, base::Pid pid, sentry::UserOut<int32_t> status, int32_t options,
                                    sentry::UserOut<base::abi::Rusage> usage) {
  if ((options & ~kWait4Options) != 0) return base::Errno(EINVAL);
  if (pid.value() == INT32_MIN) return base::Errno(ESRCH);
  Selector selector;
  if (pid.value() > 0) {
    selector = {Selector::Kind::kPid, pid};
  } else if (pid.value() == 0) {
    selector = {Selector::Kind::kGroup, CallerGroup(task)};
  } else if (pid.value() != -1) {
    selector = {Selector::Kind::kGroup, base::Pid(-pid.value())};
  }
  std::optional<Found> found = TRY(Wait(task, selector, options | WEXITED));
  if (!found) return base::Pid(0);
  if (!usage.is_null()) TRY(usage.Write(task.user_memory(), MakeRusage(found->usage)));
  if (!status.is_null()) TRY(status.Write(task.user_memory(), found->wait_status));
  return found->pid;
}

base::SysResult<void> SysWaitid(Task& task, int32_t type, int32_t id, base::GuestAddr info, int32_t options,
                                sentry::UserOut<base::abi::Rusage> usage) {
  if ((options & ~kWaitidOptions) != 0) return base::Errno(EINVAL);
  if ((options & (WEXITED | WSTOPPED | WCONTINUED)) == 0) return base::Errno(EINVAL);
  Selector selector;
  switch (type) {
    case P_ALL:
      break;
    case P_PID:
      if (id <= 0) return base::Errno(EINVAL);
      selector = {Selector::Kind::kPid, base::Pid(id)};
      break;
    case P_PIDFD: {
      if (id < 0) return base::Errno(EINVAL);
      PidfdTarget target = TRY(FindPidfd(task, base::Fd(id)));
      selector = {Selector::Kind::kPid, target.group->pid(), target.nonblocking};
      break;
    }
    case P_PGID:
      if (id < 0) return base::Errno(EINVAL);
      selector = {Selector::Kind::kGroup, id == 0 ? CallerGroup(task) : base::Pid(id)};
      break;
    default:
      return base::Errno(EINVAL);
  }
  std::optional<Found> found = TRY(Wait(task, selector, options));
  if (found && !usage.is_null()) TRY(usage.Write(task.user_memory(), MakeRusage(found->usage)));
  if (info.is_null()) return {};
  base::abi::Siginfo result;
  if (found) {
    result.signo = SIGCHLD;
    result.child.pid = found->pid.value();
    result.child.uid = found->uid;
    int status = found->wait_status;
    if (WIFEXITED(status)) {
      result.code = CLD_EXITED;
      result.child.status = WEXITSTATUS(status);
    } else if (WIFSIGNALED(status)) {
      result.code = WCOREDUMP(status) ? CLD_DUMPED : CLD_KILLED;
      result.child.status = WTERMSIG(status);
    } else if (WIFSTOPPED(status)) {
      result.code = CLD_STOPPED;
      result.child.status = WSTOPSIG(status);
    } else {
      result.code = CLD_CONTINUED;
      result.child.status = SIGCONT;
    }
  }
  // Linux writes these fields only, not all 128 bytes.
  constexpr size_t kWritten = 28;
  TRY(task.user_memory().CopyOut(info, std::as_bytes(std::span(&result, 1)).first(kWritten)));
  return {};
}

}  // namespace syscalls
