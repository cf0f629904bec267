// SPDX-License-Identifier: Apache-2.0
// Processes, process groups and sessions. One lock, Kernel::tree_mutex(), guards the whole family tree (Linux's
// tasklist_lock); one lock per process guards its signals.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "base/abi/signal.h"
#include "base/mutex.h"
#include "base/ref.h"
#include "base/result.h"
#include "base/types.h"
#include "base/wait_queue.h"
#include "sentry/signals/pending_signals.h"
#include "sentry/signals/signal_handlers.h"
#include "sentry/task/limits.h"
#include "sentry/task/resource_usage.h"
#include "sentry/time/cpu_limit.h"
#include "sentry/time/interval_timer.h"
#include "sentry/time/posix_timers.h"

namespace sentry {

class Container;
class Kernel;
class MemoryManager;
class Task;
class Terminal;
class ThreadGroup;

// A session (setsid(2)). Guarded by the tree lock.
class Session : public base::RefCounted {
 public:
  explicit Session(base::Pid id);
  ~Session() override;

  const base::Pid id;
  base::RefPtr<Terminal> terminal;  // The controlling terminal; null: none.
  base::Pid lost_foreground;        // The foreground process group of one that was hung up; 0: none.
};

// A process group. Guarded by the tree lock.
class ProcessGroup : public base::RefCounted {
 public:
  ProcessGroup(base::Pid id, base::RefPtr<Session> session) : id(id), session(std::move(session)) {}
  const base::Pid id;
  const base::RefPtr<Session> session;
  std::list<ThreadGroup*> members;
};

// A process: the threads that share a process id. Lives from its first task until it is reaped.
class ThreadGroup : public base::RefCounted {
 public:
  ThreadGroup(Kernel& kernel, Container& container, base::Pid pid, base::RefPtr<SignalHandlers> handlers,
              const Limits::Values& limits, int exit_signal);
  ~ThreadGroup() override;

  // --- Constant after construction.
  Kernel& kernel() const { return kernel_; }
  Container& container() const { return container_; }
  base::Pid pid() const { return pid_; }
  int64_t start_time_ns() const { return start_time_ns_; }
  Limits& limits() { return limits_; }

  // --- Signals. Any thread; take the group's signal lock themselves.
  base::RefPtr<SignalHandlers> handlers() const;
  // execve: a private set of handlers.
  void set_handlers(base::RefPtr<SignalHandlers> handlers);
  // Queues a signal of the kernel's own for the process. Handles SIGKILL, SIGCONT, stop signals and ignored ones as
  // signal(7) says. Reaches even a container's init (as a signal from an ancestor pid namespace does). A process
  // without threads ignores it.
  void SendSignal(const base::abi::Siginfo& info);
  // The same for a signal a guest sends (kill, sigqueue): init gets only what it has a handler for
  // (pid_namespaces(7)). EAGAIN: RLIMIT_SIGPENDING of the receiver, for a real-time signal not from kill(2).
  base::Result<void> SendUserSignal(const base::abi::Siginfo& info);
  // sigaction(2): returns the old action; drops pending signals that are ignored from now on.
  base::abi::KernelSigaction SetAction(base::Signal signal, const base::abi::KernelSigaction& action);
  // Ends all threads with wait status `status`; the first call wins. Any thread.
  void StartGroupExit(int status);
  int group_exit_status() const;
  bool group_exiting() const { return group_exiting_.load(std::memory_order_acquire); }

  // Stopped by job control.
  bool stopped() const {
    base::MutexLock lock(signal_mutex_);
    return stopped_;
  }

  // --- Timers. Any thread, without the signal lock.
  IntervalTimer& real_timer() { return real_timer_; }
  IntervalTimer& virtual_timer() { return virtual_timer_; }
  IntervalTimer& profiling_timer() { return profiling_timer_; }
  PosixTimers& timers() { return timers_; }
  CpuLimit& cpu_limit() { return cpu_limit_; }
  // At the end of the process.
  void StopTimers();

  // --- Resource usage (resource_usage.h makes something of it). Any thread.
  // Of all threads, guest time cut to what the stubs had; `wall_ns`: what it was before that.
  ResourceUsage UsageLocked(int64_t* wall_ns = nullptr) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(signal_mutex_);
  // Remembers the resident size if it is the largest so far.
  void NoteResident(MemoryManager& memory);
  // Where its threads run; and a change of that (execve).
  void SetStub(MemoryManager& memory);
  void ChangeStub(MemoryManager& from, MemoryManager& to);

  base::Mutex& signal_mutex() ABSL_LOCK_RETURNED(signal_mutex_) { return signal_mutex_; }
  // Notified (POLLIN) when a signal is queued for the process or one of its threads: signalfd, sigtimedwait.
  base::WaitQueue& signal_queue() { return signal_wait_; }
  // What is pending for the process or any of its threads.
  base::abi::SignalSet PendingForAny() const;

  // --- Job control, for the parent's wait4 and waitid. Any thread.
  // The wait status of a stop not yet waited for (WUNTRACED), 0 if none; whether a continuation has not been waited for
  // yet (WCONTINUED). Consumed unless `keep` (WNOWAIT).
  int TakeStopReport(bool keep);
  bool TakeContinueReport(bool keep);

  // --- Children. Notified (POLLIN) when a child changes state; for wait4 and friends. Any thread.
  base::WaitQueue& child_queue() { return child_wait_; }
  // Notified (POLLIN) when a thread has left `tasks`, the last one's leaving included. Any thread.
  base::WaitQueue& thread_exit_queue() { return thread_exit_; }

  // --- Guarded by Kernel::tree_mutex().
  // Live threads; tasks[0] need not be the leader. Written with both the tree lock and the signal lock held; read with
  // either.
  std::vector<Task*> tasks;
  Task* leader = nullptr;                         // Null after the leader exited.
  ThreadGroup* parent = nullptr;                  // Null: the kernel (init processes).
  std::list<base::RefPtr<ThreadGroup>> children;  // Live and zombie; the reference the tree holds.
  base::RefPtr<ProcessGroup> process_group;
  int exit_signal = 0;              // Sent to the parent at exit; 0: none (clone children).
  std::function<void(int)> exited;  // Processes started from outside: told the wait status when they end.
  int leader_status = 0;            // Wait status of the leader, once it exited alone.
  bool zombie = false;
  int wait_status = 0;    // Of a zombie.
  uint32_t exit_uid = 0;  // Real user id of a zombie's last thread.
  std::string last_name;  // Of a zombie: its last thread's.
  bool child_subreaper = false;
  bool did_exec = false;
  bool without_terminal = false;  // Gave up its session's terminal (TIOCNOTTY).
  ResourceUsage children_usage;   // Of reaped children and theirs.

  // Set for a container's first process before it runs: pid_namespaces(7) protects it from signals.
  std::atomic<bool> protected_init{false};

 private:
  friend class SignalDelivery;
  friend class Task;
  friend class TaskPeer;

  Kernel& kernel_;
  Container& container_;
  const base::Pid pid_;
  const int64_t start_time_ns_;
  Limits limits_;

  static base::LockClass kSignalLock;
  mutable base::Mutex signal_mutex_;
  base::RefPtr<SignalHandlers> handlers_ ABSL_GUARDED_BY(signal_mutex_);
  PendingSignals pending_ ABSL_GUARDED_BY(signal_mutex_);
  // Job control. All threads shall stop / have stopped; they wait in NextSignal.
  int stop_signal_ ABSL_GUARDED_BY(signal_mutex_) = 0;  // Why; 0: not stopping.
  bool stopped_ ABSL_GUARDED_BY(signal_mutex_) = false;
  int stop_report_ ABSL_GUARDED_BY(signal_mutex_) = 0;  // Wait status.
  bool continue_report_ ABSL_GUARDED_BY(signal_mutex_) = false;
  int parent_notice_ ABSL_GUARDED_BY(signal_mutex_) = 0;   // CLD_* the next thread to run tells the parent; 0: none.
  size_t next_target_ ABSL_GUARDED_BY(signal_mutex_) = 0;  // Where the search for a thread to interrupt begins.
  int group_exit_status_ ABSL_GUARDED_BY(signal_mutex_) = 0;
  Task* exec_task_ ABSL_GUARDED_BY(signal_mutex_) = nullptr;  // Waits in execve for the other threads to end.
  std::atomic<bool> group_exiting_{false};
  ResourceUsage exited_ ABSL_GUARDED_BY(signal_mutex_);       // Of ended threads; once all have, of the process.
  int64_t past_stubs_ns_ ABSL_GUARDED_BY(signal_mutex_) = 0;  // Guest time before stub_pid_.
  std::atomic<int> stub_pid_{0};                              // The host's; 0: none.
  base::WaitQueue signal_wait_;
  base::WaitQueue continue_wait_;  // Notified (POLLIN) when stopped threads shall look again.
  base::WaitQueue child_wait_;
  IntervalTimer real_timer_, virtual_timer_, profiling_timer_;
  PosixTimers timers_;
  CpuLimit cpu_limit_;
  base::WaitQueue thread_exit_;  // Notified when a thread has left `tasks`.
};

}  // namespace sentry
