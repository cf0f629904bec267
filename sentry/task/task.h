// SPDX-License-Identifier: Apache-2.0
// A guest thread, kernel side. Behaviour is split by verb: task_run.cc (the loop), task_block.cc, task_clone.cc,
// task_exec.cc, task_exit.cc, and sentry/signals (delivery).
//
// Lock order: Kernel::tree_mutex_ < ThreadGroup::signal_mutex_ < SignalHandlers::mutex_; Task::mutex_ is a leaf.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/abi/signal.h"
#include "base/mutex.h"
#include "base/ref.h"
#include "base/result.h"
#include "base/types.h"
#include "base/wait_queue.h"
#include "platform/platform.h"
#include "sentry/loader/arguments.h"
#include "sentry/sched/parker.h"
#include "sentry/signals/pending_signals.h"
#include "sentry/task/cpu_account.h"
#include "sentry/task/fd_table.h"
#include "sentry/task/fs_context.h"
#include "sentry/task/scheduling.h"
#include "sentry/task/syscall_table.h"
#include "vfs/context.h"

namespace sentry {

class Container;
class Kernel;
class MemoryManager;
class Task;
class ThreadGroup;
class Completion;

// Collects wake-ups for one Task::Block: waiters on queues, and anything else that calls Set.
class WakeFlag {
 public:
  explicit WakeFlag(Task& task) : task_(task) {}
  // From any thread.
  void Set();
  bool is_set() const { return set_.load(std::memory_order_acquire); }
  // By the task, before it looks again at what it waits for.
  void Clear() { set_.store(false, std::memory_order_relaxed); }

 private:
  Task& task_;
  std::atomic<bool> set_{false};
};

// A base::Waiter that sets a WakeFlag. Registers on construction, unregisters on destruction.
class FlagWaiter : public base::Waiter {
 public:
  FlagWaiter(WakeFlag& flag, base::WaitQueue* queue, base::EventMask mask);
  ~FlagWaiter() override;
  void Notified(base::EventMask events) override;

 private:
  WakeFlag& flag_;
  base::WaitQueue* queue_to_leave_;
};

enum class BlockOutcome { kWoken, kTimedOut, kInterrupted };

class Task : public base::RefCounted, public vfs::Context {
 public:
  struct Parts {
    base::RefPtr<ThreadGroup> group;
    base::RefPtr<MemoryManager> memory;
    std::unique_ptr<platform::GuestThread> guest;
    base::RefPtr<FdTable> fds;
    base::RefPtr<FsContext> fs;
    base::RefPtr<vfs::Credentials> credentials;
    base::abi::SignalSet signal_mask = 0;
    std::string name;
  };
  Task(Kernel& kernel, base::Tid tid, Parts parts);
  ~Task() override;

  // --- Constant after construction.
  Kernel& kernel() const { return kernel_; }
  ThreadGroup& group() const { return *group_; }
  Container& container() const;

  // --- The task's own fiber only.
  MemoryManager& memory() const { return *memory_; }
  platform::GuestThread& guest() const { return *guest_; }
  FdTable& fds() const { return *fds_; }
  FsContext& fs() const { return *fs_; }
  base::Result<base::RefPtr<vfs::FileDescription>> GetFile(base::Fd fd) const { return fds_->Get(fd); }
  // A table of its own, if it is shared (CLOSE_RANGE_UNSHARE, unshare(CLONE_FILES)).
  void UnshareFds();
  base::Result<base::Fd> InstallFd(base::RefPtr<vfs::FileDescription> file, bool close_on_exec);

  // --- Any thread.
  // In the sandbox's root pid namespace. Changes once at most: a thread that execs becomes its process's leader.
  base::Tid tid() const { return base::Tid(tid_.load(std::memory_order_relaxed)); }
  base::RefPtr<MemoryManager> SharedMemory() const;  // Null once the task exited.
  base::RefPtr<FdTable> SharedFds() const;           // Null once the task exited.
  base::RefPtr<FsContext> SharedFs() const;          // Null once the task exited.
  base::RefPtr<vfs::Credentials> SharedCredentials() const;
  base::abi::SignalSet SharedSignalMask() const;
  // Whether guest code runs now, as opposed to a system call that waits. A snapshot.
  bool running() const;
  std::string name() const;
  void set_name(std::string_view name);  // At most 15 bytes are kept.
  // Replaces the credentials. Own fiber.
  void SetCredentials(base::RefPtr<vfs::Credentials> credentials);
  // A private copy to be changed and published with SetCredentials. Own fiber.
  base::RefPtr<vfs::Credentials> CopyCredentials() const;

  // --- vfs::Context. Own fiber.
  const vfs::Credentials& credentials() const override { return *credentials_; }
  int32_t process_id() const override;
  int32_t thread_id() const override { return tid().value(); }
  uint64_t file_size_limit() const override;
  int64_t RealtimeNow() const override;
  vfs::UserMemory& user_memory() override;
  const vfs::DeviceTable* device_table() const override;

  // --- Blocking. Own fiber. The only function in which a task's fiber leaves the CPU to wait for an event.
  // Waits until `flag` is set, `deadline_ns` (CLOCK_MONOTONIC) passes, or, if `interruptible`, a signal is to be
  // handled. A task that is being killed is interrupted even if not interruptible.
  BlockOutcome Block(WakeFlag& flag, int64_t deadline_ns, bool interruptible = true);
  // True if a Block would be interrupted now.
  bool Interrupted() const;
  // Tries, registers, tries again, blocks: the loop of every call on a file that may have to wait. `attempt` returns
  // Result<T>; EAGAIN means "would block". EAGAIN is returned when `nonblocking`, or on timeout; Restart::kSys when
  // interrupted.
  template <typename Attempt>
  auto BlockingOp(vfs::FileDescription& file, base::EventMask mask, bool nonblocking, int64_t deadline_ns,
                  Attempt&& attempt) -> base::SysResult<typename decltype(attempt())::value_type>;
  // As Block, as a system call result: EAGAIN-free; Restart::kSys when interrupted, ETIMEDOUT when timed out.
  base::SysResult<void> Sleep(WakeFlag& flag, int64_t deadline_ns);

  // --- The loop (task_run.cc). Runs the task on a new fiber until it exits. ENOMEM.
  base::Result<void> Start();

  // --- Life and death (task_clone.cc, task_exec.cc, task_exit.cc). Own fiber.
  struct CloneArguments {
    uint64_t flags = 0;  // CLONE_*, without the signal.
    int exit_signal = 0;
    uint64_t stack = 0;  // New stack pointer; 0: the caller's.
    uint64_t tls = 0;
    base::GuestAddr parent_tid, child_tid, pidfd;
  };
  base::SysResult<uint64_t> Clone(const CloneArguments& arguments);
  // execve(2), execveat(2). On success this task runs the new program, all other threads of its process are gone and
  // the pending system call is no more; on failure nothing has changed.
  struct ExecArguments {
    vfs::Path directory;  // For a relative name; null: the working directory.
    std::string path;
    int flags = 0;  // AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW.
    ArgumentBlock argv, envp;
  };
  base::SysResult<void> Exec(ExecArguments arguments);
  // This thread alone ends with `status` (a wait status) once its current call returns to the loop.
  void PrepareExit(int status);
  // The whole thread group ends. Any task of it.
  void PrepareGroupExit(int status);

  // --- Signals (sentry/signals). Any thread unless said otherwise.
  // Queues a signal for this thread, from the kernel / from a guest (tgkill); see ThreadGroup's functions.
  void SendSignal(const base::abi::Siginfo& info);
  base::Result<void> SendUserSignal(const base::abi::Siginfo& info);
  // A synchronous exception: cannot be blocked or ignored (then it kills). Own fiber.
  void ForceSignal(const base::abi::Siginfo& info);
  // Forces SIGSEGV because the frame for `signal` could not be built or read; kills when that is SIGSEGV. Own fiber.
  void ForceBadFrame(int signal);
  // Makes the task leave Block or guest code to look at its signals and at its group's state.
  void Interrupt();
  base::abi::SignalSet signal_mask() const;       // Own fiber, or with the group's signal lock.
  void SetSignalMask(base::abi::SignalSet mask);  // Own fiber.
  // sigsuspend, ppoll...: `mask` until the next signal was handled (its frame saves the old one) or NextSignal found
  // none. A call that ends without looking at signals (ppoll with a ready file) restores the mask itself. Own fiber.
  void SetTemporaryMask(base::abi::SignalSet mask);
  void RestoreTemporaryMask();
  bool has_temporary_mask() const { return saved_mask_.has_value(); }
  const base::abi::StackT& alternate_stack() const { return alternate_stack_; }
  void set_alternate_stack(const base::abi::StackT& stack) { alternate_stack_ = stack; }
  // Takes a pending signal of `set` (thread's, then group's); for sigtimedwait, signalfd. Own fiber.
  bool TakeSignal(base::abi::SignalSet set, base::abi::Siginfo* info);
  // sigtimedwait(2): waits until a signal of `set` is pending and takes it. EAGAIN: timed out; EINTR.
  base::Result<base::abi::Siginfo> WaitForSignal(base::abi::SignalSet set, int64_t deadline_ns);
  base::abi::SignalSet PendingSet() const;
  // rt_sigreturn(2): restores registers, mask, alternate stack from the frame on the guest's stack. Own fiber.
  base::Result<void> ReturnFromSignal();

  // The last exception, for the signal frame's cr2, trapno and err. Own fiber.
  struct Fault {
    uint64_t trap_number = 0;
    uint64_t error_code = 0;
    uint64_t address = 0;  // Of the last page fault (trap 14); other traps leave it.
  };
  Fault last_fault;

  // --- Set by system calls; own fiber.
  base::GuestAddr clear_child_tid;
  base::GuestAddr robust_list;
  int parent_death_signal = 0;  // Read by the parent's exit, under the tree lock.
  bool dumpable = true;
  uint32_t personality = 0;  // personality(2): kept and told, without effect.
  // What restart_syscall(2) runs for a call that returned Restart::kRestartBlock.
  std::function<base::SysResult<uint64_t>(Task&)> restart_block;

  // Any thread.
  base::Guarded<Scheduling>& scheduling() { return scheduling_; }

  // --- Accounting, nanoseconds.
  int64_t start_time_ns() const { return start_time_ns_; }
  const CpuAccount& cpu_account() const { return cpu_account_; }
  // Its exit has begun: its times are its group's. With the group's signal lock.
  bool leaving() const { return leaving_; }

 private:
  friend class Kernel;
  friend class SignalDelivery;
  friend class ThreadGroup;
  friend class TaskPeer;
  friend class WakeFlag;

  void Main();
  // A system call whose result has not been given to the guest yet.
  struct FinishedCall {
    uint32_t number;
    SyscallArguments arguments;
    base::SysResult<uint64_t> result;
  };
  platform::Event RunGuest();
  // Empty when the handler has set the registers itself.
  std::optional<FinishedCall> HandleSyscall(const platform::Event& event);
  void HandleFault(const platform::Event& event);
  // Settles exit, stops and signals before guest code runs; gives `finished` its outcome, or runs the call again when
  // it was interrupted and no handler runs. Returns false when the task must exit.
  bool PrepareForGuest(std::optional<FinishedCall> finished);
  // execve: ends the other threads of the process and makes this one its leader. False when this task is dying itself.
  bool BecomeOnlyThread();
  void RunHandler(const base::abi::Siginfo& info, const base::abi::KernelSigaction& action,
                  std::optional<FinishedCall>& finished);
  // Builds a handler's frame from the registers (which show the outcome of a pending call already), sets them to run
  // the handler and blocks what the action says (sentry/signals/signal_frame_amd64.cc). On failure the caller calls
  // ForceBadFrame(info.signo). ESRCH: the stub is gone.
  base::Result<void> BuildSignalFrame(const base::abi::Siginfo& info, const base::abi::KernelSigaction& action);
  void ExitMain();
  // Undoes a clone whose fiber could not be started. From the parent's fiber.
  void AbandonStart();
  // What others are owed before the memory goes: robust futexes, clear_child_tid, the end of a vfork.
  void ReleaseMemory();
  void LeaveGroup();
  base::Result<platform::Registers> ChildRegisters(const CloneArguments& arguments);
  base::SysResult<uint64_t> CloneThread(const CloneArguments& arguments, const platform::Registers& registers);
  base::SysResult<uint64_t> CloneProcess(const CloneArguments& arguments, const platform::Registers& registers);
  // CLONE_PIDFD: a descriptor of the child, its number written to `where`.
  base::Result<void> InstallPidfd(ThreadGroup& child, base::GuestAddr where);
  // For clone: sched(7), "Nice value" and "SCHED_RESET_ON_FORK".
  void InheritScheduling(Task& parent);
  void LogSyscall(const SyscallEntry* entry, const FinishedCall& call);
  // Recomputes attention_; whether there is something to look at. With the group's signal lock.
  bool RecomputeAttentionLocked() const;
  // Group signals this task was to handle, of `set`, go to another thread. With the group's signal lock.
  void RetargetLocked(base::abi::SignalSet set);
  // First thing of the exit: takes no more part in signals and stops. Own fiber, no lock held.
  void LeaveSignals();
  bool exiting() const { return exit_requested_.load(std::memory_order_acquire); }

  Kernel& kernel_;
  std::atomic<int32_t> tid_;
  const base::RefPtr<ThreadGroup> group_;
  const int64_t start_time_ns_;

  static base::LockClass kLock, kSchedulingLock;
  mutable base::Mutex mutex_;
  // Written by the own fiber with mutex_ held; the own fiber reads them without.
  base::RefPtr<MemoryManager> memory_;
  base::RefPtr<FdTable> fds_;
  base::RefPtr<FsContext> fs_;
  base::RefPtr<vfs::Credentials> credentials_;
  std::string name_;
  // The guest thread: replaced by exec (own fiber, mutex_ held); Interrupt uses it with mutex_ held.
  std::unique_ptr<platform::GuestThread> guest_;
  bool in_guest_ ABSL_GUARDED_BY(mutex_) = false;

  Parker parker_;
  CpuAccount cpu_account_;
  base::Guarded<Scheduling> scheduling_;
  // Signals, stop or exit want to be looked at. A hint for those who do not want to take the signal lock: recomputed
  // under it from what is pending, the group's state and exit_requested_ (set before attention_).
  mutable std::atomic<bool> attention_{false};
  std::atomic<bool> exit_requested_{false};
  int exit_status_ = 0;  // Own fiber; wait status.

  // Guarded by the group's signal_mutex_.
  PendingSignals pending_;
  base::abi::SignalSet mask_ = 0;     // Written by the own fiber only.
  base::abi::SignalSet awaited_ = 0;  // Blocked signals a WaitForSignal is there for.
  bool in_stop_ = false;              // Takes part in the group's stop; waits until it is false.
  bool stop_dequeued_ = false;        // Is about to stop the group; SIGCONT clears it.
  bool leaving_ = false;              // LeaveSignals was called.
  // Own fiber.
  std::optional<base::abi::SignalSet> saved_mask_;  // To be restored when the temporary mask ends.
  // As on Linux, a new program's flags are 0, a new thread's SS_DISABLE: both mean that there is none.
  base::abi::StackT alternate_stack_;
  base::RefPtr<Completion> vfork_done_;  // Set in a vfork child until exec or exit.
};

template <typename Attempt>
auto Task::BlockingOp(vfs::FileDescription& file, base::EventMask mask, bool nonblocking, int64_t deadline_ns,
                      Attempt&& attempt) -> base::SysResult<typename decltype(attempt())::value_type> {
  auto first = attempt();
  if (first.ok() || first.error().code() != EAGAIN || nonblocking) return first;
  WakeFlag flag(*this);
  FlagWaiter waiter(flag, file.wait_queue(), mask);
  while (true) {
    flag.Clear();
    auto again = attempt();
    if (again.ok() || again.error().code() != EAGAIN) return again;
    switch (Block(flag, deadline_ns)) {
      case BlockOutcome::kWoken:
        break;
      case BlockOutcome::kTimedOut:
        return base::Errno(EAGAIN);
      case BlockOutcome::kInterrupted:
        return base::Restart::kSys;
    }
  }
}

}  // namespace sentry
