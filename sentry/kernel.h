// SPDX-License-Identifier: Apache-2.0
// The kernel of one sandbox: owns everything a guest can reach. Made by runsc/boot.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "base/types.h"
#include "platform/platform.h"
#include "sentry/sched/scheduler.h"
#include "sentry/task/limits.h"
#include "sentry/task/syscall_table.h"
#include "sentry/task/task.h"
#include "sentry/task/thread_group.h"
#include "vfs/path.h"

namespace vfs {
class MountNamespace;
}

namespace sentry {

class FutexTable;

// One container of the sandbox (a pod has several): its address-space source, mounts, names and first process.
class Container {
 public:
  Container(std::string id, std::unique_ptr<platform::Container> spaces, base::RefPtr<vfs::MountNamespace> mounts,
            std::string hostname, std::string domainname);
  ~Container();

  const std::string id;
  const std::unique_ptr<platform::Container> spaces;
  const base::RefPtr<vfs::MountNamespace> mounts;
  std::string hostname, domainname;  // Guarded by Kernel::tree_mutex().
  base::RefPtr<ThreadGroup> init;    // Guarded by Kernel::tree_mutex(). Null before start.
};

class Kernel {
 public:
  struct Options {
    int max_tasks = 32768;  // Tasks alive in the sandbox; clone fails with EAGAIN beyond.
    bool strace = false;
    std::vector<std::string> strace_calls;  // Empty: all.
  };
  Kernel(const Options& options, Scheduler& scheduler, platform::Platform& platform, const SyscallTable& table);
  ~Kernel();

  Scheduler& scheduler() { return scheduler_; }
  platform::Platform& platform() { return platform_; }
  const SyscallTable& syscalls() const { return table_; }
  FutexTable& futexes() { return *futexes_; }
  const Options& options() const { return options_; }

  // The lock of the family tree (Linux's tasklist_lock).
  base::Mutex& tree_mutex() ABSL_LOCK_RETURNED(tree_mutex_) { return tree_mutex_; }

  // --- Processes from outside (start, exec). On a fiber.
  struct ProcessArguments {
    Container* container;
    std::vector<std::string> argv, envp;
    std::string cwd;
    base::RefPtr<vfs::Credentials> credentials;
    Limits::Values limits;
    uint32_t umask = 022;
    base::RefPtr<FdTable> fds;
    // Called once, on some kernel thread, with the wait status when the process was reaped by the kernel.
    std::function<void(int wait_status)> exited;
  };
  base::Result<base::RefPtr<ThreadGroup>> StartProcess(ProcessArguments arguments);

  // --- The family tree. All with the tree lock held.
  base::RefPtr<Task> FindTask(base::Tid tid) ABSL_EXCLUSIVE_LOCKS_REQUIRED(tree_mutex_);
  base::RefPtr<ThreadGroup> FindGroup(base::Pid pid) ABSL_EXCLUSIVE_LOCKS_REQUIRED(tree_mutex_);
  base::RefPtr<ProcessGroup> FindProcessGroup(base::Pid id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(tree_mutex_);
  // Calls `visit` for every process that is not a zombie yet / including zombies.
  void ForEachGroup(const std::function<void(ThreadGroup&)>& visit) ABSL_EXCLUSIVE_LOCKS_REQUIRED(tree_mutex_);
  // The lowest free id above the last one given (wraps at kMaxPid). EAGAIN.
  base::Result<base::Tid> AllocateTid() ABSL_EXCLUSIVE_LOCKS_REQUIRED(tree_mutex_);
  void ReleaseTid(base::Tid tid) ABSL_EXCLUSIVE_LOCKS_REQUIRED(tree_mutex_);

  // Sends a signal from outside (runsc kill) to a container's init, or to all its processes.
  void SignalContainer(Container& container, int signal, bool all);

  static constexpr int kMaxPid = 32768;  // As pid_max: ids are below it.

  size_t task_count() const { return task_count_.load(std::memory_order_relaxed); }

 private:
  friend class Task;
  friend class ThreadGroup;

  struct IdEntry {
    Task* task = nullptr;                   // Live thread with this id.
    base::RefPtr<ThreadGroup> group;        // Process with this id, until reaped.
    ProcessGroup* process_group = nullptr;  // Process group with this id.
    Session* session = nullptr;
    bool unused() const { return task == nullptr && !group && process_group == nullptr && session == nullptr; }
  };

  const Options options_;
  Scheduler& scheduler_;
  platform::Platform& platform_;
  const SyscallTable& table_;
  std::unique_ptr<FutexTable> futexes_;

  static base::LockClass kTreeLock;
  base::Mutex tree_mutex_;
  std::map<int, IdEntry> ids_ ABSL_GUARDED_BY(tree_mutex_);
  int last_id_ ABSL_GUARDED_BY(tree_mutex_) = 0;
  std::atomic<size_t> task_count_{0};
};

}  // namespace sentry
