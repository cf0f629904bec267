// SPDX-License-Identifier: Apache-2.0
// The end of a task, and of a process with its last task (exit_group(2), wait(2), "NOTES").
#include <poll.h>

#include "base/log.h"
#include "sentry/futex/futex.h"
#include "sentry/ipc/ipc_namespace.h"
#include "sentry/ipc/semaphores.h"
#include "sentry/kernel.h"
#include "sentry/mm/memory_manager.h"
#include "sentry/task/completion.h"
#include "sentry/task/task.h"

namespace sentry {

void Task::PrepareExit(int status) {
  exit_status_ = status;
  exit_requested_.store(true, std::memory_order_release);
}

void Task::PrepareGroupExit(int status) { group_->StartGroupExit(status); }

void Task::ReleaseMemory() {
  if (!robust_list.is_null()) ReleaseRobustList(kernel_.futexes(), *memory_, robust_list, tid());
  if (!clear_child_tid.is_null()) ClearChildTid(kernel_.futexes(), *memory_, clear_child_tid);
  robust_list = base::GuestAddr();
  clear_child_tid = base::GuestAddr();
}

void Task::ExitMain() {
  LeaveSignals();
  ReleaseMemory();
  // The memory goes before anybody may see the process dead: a waiter may count on its being free.
  std::unique_ptr<platform::GuestThread> guest;
  base::RefPtr<MemoryManager> memory;
  base::RefPtr<FdTable> fds;
  base::RefPtr<FsContext> fs;
  {
    base::MutexLock lock(mutex_);
    guest = std::move(guest_);
    memory = std::move(memory_);
  }
  guest.reset();
  memory = nullptr;
  if (vfork_done_) {
    vfork_done_->Complete();
    vfork_done_ = nullptr;
  }
  if (fds_->reference_count() == 1) fds_->CloseAll(*this);
  {
    base::MutexLock lock(mutex_);
    fds = std::move(fds_);
    fs = std::move(fs_);
  }
  fds = nullptr;
  fs = nullptr;
  LeaveGroup();
}

void Task::LeaveGroup() {
  std::function<void(int)> exited;
  int status = 0;
  base::RefPtr<ThreadGroup> reaped;
  {
    base::MutexLock tree(kernel_.tree_mutex());
    bool last = false;
    {
      base::MutexLock lock(group_->signal_mutex_);
      std::erase(group_->tasks, this);
      last = group_->tasks.empty();
      if (group_->leader == this) {
        group_->leader = nullptr;
        group_->leader_status = exit_status_;
      }
      status = group_->group_exiting() ? group_->group_exit_status_ : group_->leader_status;
    }
    group_->exit_uid = credentials_->ruid.value();
    group_->last_name = name_;
    kernel_.ForgetTask(*this);
    if (last) IpcNamespace::Of(kernel_).semaphores().Undo(group_.get(), group_->pid().value());
    if (last) reaped = kernel_.ProcessEnded(*group_, status, &exited);
  }
  group_->thread_exit_.Notify(POLLIN);
  if (exited) exited(status);
}

}  // namespace sentry
