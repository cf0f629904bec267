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
#include "sentry/fs/devpts/terminal.h"
#include "sentry/loader/loader.h"
#include "sentry/sched/scheduler.h"
#include "sentry/signals/signal_accounts.h"
#include "sentry/task/limits.h"
#include "sentry/task/syscall_table.h"
#include "sentry/task/task.h"
#include "sentry/task/thread_group.h"
#include "vfs/device.h"
#include "vfs/path.h"

namespace vfs {
class MountNamespace;
}

namespace sentry {

class FutexTable;
class NetworkNamespace;

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
    base::GuestAddr vdso;   // Where every address space has a vDSO; null: nowhere.
    bool patch_call_sites = true;
    bool strace = false;
    std::vector<std::string> strace_calls;  // Empty: all.
  };
  Kernel(const Options& options, Scheduler& scheduler, platform::Platform& platform, const SyscallTable& table);
  ~Kernel();

  Scheduler& scheduler() { return scheduler_; }
  platform::Platform& platform() { return platform_; }
  const SyscallTable& syscalls() const { return table_; }
  FutexTable& futexes() { return *futexes_; }
  // The sandbox's network: its containers share it.
  NetworkNamespace& network() { return *network_; }
  // Filled before the first process starts.
  vfs::DeviceTable& devices() { return devices_; }
  SignalAccounts& signal_accounts() { return signal_accounts_; }
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
    bool init = false;                // Becomes the container's init: the container ends with it.
    base::RefPtr<Terminal> terminal;  // Its controlling terminal; null: none.
  };
  // Whether its working directory and program are there: ENOENT, EACCES, ENOTDIR...
  base::Result<void> CheckProgram(const ProcessArguments& arguments);
  base::Result<base::RefPtr<ThreadGroup>> StartProcess(ProcessArguments arguments);

  // --- The family tree. With the tree lock held.
  // The live thread with this id; null if none.
  base::RefPtr<Task> FindTask(base::Tid tid) ABSL_EXCLUSIVE_LOCKS_REQUIRED(tree_mutex_);
  // The process with this id, live or zombie; null if none.
  base::RefPtr<ThreadGroup> FindGroup(base::Pid pid) ABSL_EXCLUSIVE_LOCKS_REQUIRED(tree_mutex_);
  base::RefPtr<ProcessGroup> FindProcessGroup(base::Pid id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(tree_mutex_);
  // Calls `visit` for every process, zombies included, in order of ids.
  void ForEachGroup(const std::function<void(ThreadGroup&)>& visit) ABSL_EXCLUSIVE_LOCKS_REQUIRED(tree_mutex_);
  // Moves a process to a group, made if it does not exist (`session` is then its session).
  void SetProcessGroup(ThreadGroup& group, base::Pid id, base::RefPtr<Session> session)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(tree_mutex_);
  // Takes a zombie out of the tree: its id is free again. The caller holds the reference that keeps it alive.
  void Reap(ThreadGroup& zombie) ABSL_EXCLUSIVE_LOCKS_REQUIRED(tree_mutex_);

  // --- For Task. With the tree lock held, but for ReserveTid.
  // The lowest free id above the last one given; wraps at kMaxPid. EAGAIN.
  base::Result<base::Tid> ReserveTid();
  void ReleaseTid(base::Tid tid) ABSL_EXCLUSIVE_LOCKS_REQUIRED(tree_mutex_);
  void AddTask(Task& task) ABSL_EXCLUSIVE_LOCKS_REQUIRED(tree_mutex_);
  void AddProcess(base::RefPtr<ThreadGroup> group, Task& leader, ThreadGroup* parent,
                  base::RefPtr<ProcessGroup> process_group) ABSL_EXCLUSIVE_LOCKS_REQUIRED(tree_mutex_);
  // A thread has left its group: its id is free, unless it is its process's.
  void ForgetTask(Task& task) ABSL_EXCLUSIVE_LOCKS_REQUIRED(tree_mutex_);
  // The last thread has left: makes the process a zombie, finds its children a new parent and tells its parent; or,
  // when nobody will wait for it, reaps it. Returns what must be dropped after the lock, and whom to tell in `exited`.
  base::RefPtr<ThreadGroup> ProcessEnded(ThreadGroup& group, int status, std::function<void(int)>* exited)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(tree_mutex_);
  // The only thread left takes its process's id and becomes the leader.
  void TakeOverLeadership(Task& task) ABSL_EXCLUSIVE_LOCKS_REQUIRED(tree_mutex_);

  // The id given out last.
  int last_id() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(tree_mutex_) { return last_id_; }

  // RLIMIT_NPROC: whether the user may have one more process.
  bool MayAddProcess(const vfs::Credentials& credentials, uint64_t limit);
  // What the loader needs, for a program of `container`.
  LoadArguments MakeLoadArguments(vfs::Context& context, ProgramHost& host, Container& container, Limits& limits);
  // Logs a call the table does not have, once a number.
  void NoteUnimplemented(uint32_t number, const char* name);
  base::GuestAddr vdso() const { return options_.vdso; }

  // Sends a signal from outside (runsc kill) to a container's init, or to all its processes.
  void SignalContainer(Container& container, int signal, bool all);

  static constexpr int kMaxPid = 32768;  // As pid_max: ids are below it.

  size_t task_count() const { return task_count_.load(std::memory_order_relaxed); }

 private:
  friend class Task;
  friend class ThreadGroup;

  struct IdEntry {
    bool reserved = false;                  // Given out, not entered yet.
    Task* task = nullptr;                   // Live thread with this id.
    base::RefPtr<ThreadGroup> group;        // Process with this id, until reaped.
    ProcessGroup* process_group = nullptr;  // Process group with this id.
    bool unused() const { return !reserved && task == nullptr && !group && process_group == nullptr; }
  };

  void DropIfUnused(int id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(tree_mutex_);
  void LeaveProcessGroup(ThreadGroup& group) ABSL_EXCLUSIVE_LOCKS_REQUIRED(tree_mutex_);
  ThreadGroup* NewParentFor(ThreadGroup& dying) ABSL_EXCLUSIVE_LOCKS_REQUIRED(tree_mutex_);
  // Sends the exit signal. False when the parent does not want to wait for it (SIGCHLD ignored, SA_NOCLDWAIT).
  bool TellParent(ThreadGroup& group, int status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(tree_mutex_);

  const Options options_;
  Scheduler& scheduler_;
  platform::Platform& platform_;
  const SyscallTable& table_;
  std::unique_ptr<FutexTable> futexes_;
  const base::RefPtr<NetworkNamespace> network_;
  vfs::DeviceTable devices_;
  SignalAccounts signal_accounts_;

  static base::LockClass kTreeLock;
  base::Mutex tree_mutex_;
  std::map<int, IdEntry> ids_ ABSL_GUARDED_BY(tree_mutex_);
  int last_id_ ABSL_GUARDED_BY(tree_mutex_) = 0;
  std::atomic<size_t> task_count_{0};
  std::atomic<bool> noted_[SyscallTable::kSize] = {};
};

}  // namespace sentry
