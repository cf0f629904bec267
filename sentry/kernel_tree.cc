// SPDX-License-Identifier: Apache-2.0
// The family tree: ids, parents, process groups, zombies.
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/log.h"
#include "sentry/fs/devpts/terminal.h"
#include "sentry/kernel.h"
#include "sentry/task/job_control.h"
#include "sentry/task/task.h"

namespace sentry {
namespace {

// Ids a wrapped-around search does not hand out, as Linux's RESERVED_PIDS.
constexpr int kReservedIds = 300;

base::abi::Siginfo ChildInfo(ThreadGroup& child, uint32_t uid, int status) {
  constexpr int64_t kTick = 10'000'000;
  base::abi::Siginfo info;
  {
    base::MutexLock lock(child.signal_mutex());
    CpuTimes times = child.UsageLocked().times;
    info.child.utime = times.user_ns / kTick;
    info.child.stime = times.system_ns / kTick;
  }
  info.signo = SIGCHLD;
  info.child.pid = child.pid().value();
  info.child.uid = uid;
  if (WIFSIGNALED(status)) {
    info.code = WCOREDUMP(status) ? CLD_DUMPED : CLD_KILLED;
    info.child.status = WTERMSIG(status);
  } else {
    info.code = CLD_EXITED;
    info.child.status = WEXITSTATUS(status);
  }
  return info;
}

// prctl(PR_SET_PDEATHSIG), to the threads of a process whose parent has ended.
void SendParentDeathSignals(ThreadGroup& child) {
  for (Task* task : child.tasks) {
    if (task->parent_death_signal == 0) continue;
    base::abi::Siginfo info;
    info.signo = task->parent_death_signal;
    info.code = SI_USER;
    task->SendSignal(info);
  }
}

}  // namespace

base::RefPtr<Task> Kernel::FindTask(base::Tid tid) {
  auto found = ids_.find(tid.value());
  if (found == ids_.end() || found->second.task == nullptr || !found->second.task->TryRef()) return nullptr;
  return base::AdoptRef(found->second.task);
}

base::RefPtr<ThreadGroup> Kernel::FindGroup(base::Pid pid) {
  auto found = ids_.find(pid.value());
  return found != ids_.end() ? found->second.group : nullptr;
}

base::RefPtr<ProcessGroup> Kernel::FindProcessGroup(base::Pid id) {
  auto found = ids_.find(id.value());
  if (found == ids_.end() || found->second.process_group == nullptr) return nullptr;
  return base::RefPtr<ProcessGroup>(found->second.process_group);
}

void Kernel::ForEachGroup(const std::function<void(ThreadGroup&)>& visit) {
  for (auto& [id, entry] : ids_) {
    if (entry.group) visit(*entry.group);
  }
}

base::Result<base::Tid> Kernel::ReserveTid() {
  base::MutexLock lock(tree_mutex_);
  for (int tried = 0; tried < kMaxPid; ++tried) {
    if (++last_id_ >= kMaxPid) last_id_ = kReservedIds;
    auto [entry, fresh] = ids_.try_emplace(last_id_);
    if (fresh) {
      entry->second.reserved = true;
      return base::Tid(last_id_);
    }
  }
  return base::Errno(EAGAIN);
}

void Kernel::DropIfUnused(int id) {
  auto found = ids_.find(id);
  if (found != ids_.end() && found->second.unused()) ids_.erase(found);
}

void Kernel::ReleaseTid(base::Tid tid) {
  auto found = ids_.find(tid.value());
  CHECK_INVARIANT(found != ids_.end() && found->second.reserved);
  found->second.reserved = false;
  DropIfUnused(tid.value());
}

void Kernel::AddTask(Task& task) {
  IdEntry& entry = ids_[task.tid().value()];
  CHECK_INVARIANT(entry.task == nullptr);
  entry.task = &task;
  entry.reserved = false;
}

void Kernel::AddProcess(base::RefPtr<ThreadGroup> group, Task& leader, ThreadGroup* parent,
                        base::RefPtr<ProcessGroup> process_group) {
  AddTask(leader);
  ids_[group->pid().value()].group = group;
  {
    base::MutexLock lock(group->signal_mutex());
    group->tasks.push_back(&leader);
    group->leader = &leader;
  }
  group->parent = parent;
  if (parent != nullptr) parent->children.push_back(group);
  if (process_group) {
    group->process_group = process_group;
    process_group->members.push_back(group.get());
  }
}

void Kernel::SetProcessGroup(ThreadGroup& group, base::Pid id, base::RefPtr<Session> session) {
  LeaveProcessGroup(group);
  IdEntry& entry = ids_[id.value()];
  base::RefPtr<ProcessGroup> target;
  if (entry.process_group != nullptr) {
    target = base::RefPtr<ProcessGroup>(entry.process_group);
  } else {
    target = base::MakeRef<ProcessGroup>(id, std::move(session));
    entry.process_group = target.get();
  }
  target->members.push_back(&group);
  group.process_group = std::move(target);
}

void Kernel::LeaveProcessGroup(ThreadGroup& group) {
  if (!group.process_group) return;
  base::RefPtr<ProcessGroup> old = std::move(group.process_group);
  group.process_group = nullptr;
  old->members.remove(&group);
  if (!old->members.empty()) return;
  ids_[old->id.value()].process_group = nullptr;
  DropIfUnused(old->id.value());
}

void Kernel::ForgetTask(Task& task) {
  int id = task.tid().value();
  auto found = ids_.find(id);
  CHECK_INVARIANT(found != ids_.end());
  // A thread whose start failed may not have been entered.
  if (found->second.task == &task) found->second.task = nullptr;
  found->second.reserved = false;
  DropIfUnused(id);
}

void Kernel::Reap(ThreadGroup& zombie) {
  LeaveProcessGroup(zombie);
  auto found = ids_.find(zombie.pid().value());
  if (found != ids_.end()) {
    base::RefPtr<ThreadGroup> group = std::move(found->second.group);
    found->second.group = nullptr;
    DropIfUnused(zombie.pid().value());
    // `group` is not the last reference: the caller holds one.
  }
  if (zombie.parent != nullptr) {
    base::RefPtr<ThreadGroup> keep(&zombie);
    zombie.parent->children.remove(keep);
    zombie.parent = nullptr;
  }
}

ThreadGroup* Kernel::NewParentFor(ThreadGroup& dying) {
  for (ThreadGroup* ancestor = dying.parent; ancestor != nullptr; ancestor = ancestor->parent) {
    if (ancestor->child_subreaper && !ancestor->zombie && !ancestor->tasks.empty()) return ancestor;
  }
  ThreadGroup* init = dying.container().init.get();
  return init != nullptr && init != &dying && !init->zombie && !init->tasks.empty() ? init : nullptr;
}

bool Kernel::TellParent(ThreadGroup& group, int status) {
  ThreadGroup* parent = group.parent;
  if (parent == nullptr) return false;
  bool wanted = true;
  if (group.exit_signal == SIGCHLD) {
    base::abi::KernelSigaction action = parent->handlers()->Get(base::Signal::Of(SIGCHLD));
    wanted = action.handler != base::abi::kSigIgn && (action.flags & SA_NOCLDWAIT) == 0;
  }
  // clone(2) takes any number up to 255; what is no signal is not sent.
  if (base::Signal::From(group.exit_signal)) {
    base::abi::Siginfo info = ChildInfo(group, group.exit_uid, status);
    info.signo = group.exit_signal;
    parent->SendSignal(info);
  }
  return wanted;
}

base::RefPtr<ThreadGroup> Kernel::ProcessEnded(ThreadGroup& group, int status, std::function<void(int)>* exited) {
  base::RefPtr<ThreadGroup> keep(&group);
  group.zombie = true;
  group.wait_status = status;
  if (group.container().init.get() == &group) {
    // The container ends with its init (pid_namespaces(7)).
    base::abi::Siginfo kill;
    kill.signo = SIGKILL;
    kill.code = SI_KERNEL;
    ForEachGroup([&](ThreadGroup& other) {
      if (&other != &group && &other.container() == &group.container() && !other.zombie) other.SendSignal(kill);
    });
  }
  HangUpOrphans(group);
  Terminal::LeaderEnded(group);
  ThreadGroup* heir = NewParentFor(group);
  auto children = std::move(group.children);
  group.children.clear();
  for (base::RefPtr<ThreadGroup>& child : children) {
    SendParentDeathSignals(*child);
    child->parent = heir;
    if (heir != nullptr) {
      heir->children.push_back(child);
      child->exit_signal = SIGCHLD;
      if (child->zombie) {
        if (TellParent(*child, child->wait_status)) {
          heir->child_queue().Notify(POLLIN);
        } else {
          Reap(*child);
        }
      }
    } else if (child->zombie) {
      Reap(*child);
    }
  }
  if (group.parent == nullptr) {
    *exited = std::move(group.exited);
    Reap(group);
    return keep;
  }
  bool wanted = TellParent(group, status);
  ThreadGroup* parent = group.parent;
  if (!wanted) Reap(group);
  // A waiter must also see that its last child is gone (ECHILD).
  parent->child_queue().Notify(POLLIN);
  return keep;
}

void Kernel::TakeOverLeadership(Task& task) {
  ThreadGroup& group = task.group();
  int old_id = task.tid().value();
  int pid = group.pid().value();
  if (old_id != pid) {
    ids_[old_id].task = nullptr;
    DropIfUnused(old_id);
    ids_[pid].task = &task;
    task.tid_.store(pid, std::memory_order_relaxed);
  }
  group.leader = &task;
}

}  // namespace sentry
