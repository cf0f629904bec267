// SPDX-License-Identifier: Apache-2.0
// A pseudo-terminal (pty(7)): two sides with a line discipline between them, and what makes it the controlling terminal
// of a session (credentials(7), "Sessions"; Linux analogue: tty_struct, tty_jobctrl.c).
//
// Lock order: Kernel::tree_mutex_ < Terminal::mutex_. Signals are sent, and waiters told, without Terminal::mutex_.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/abi/termios.h"
#include "base/mutex.h"
#include "base/ref.h"
#include "base/result.h"
#include "base/sys_error.h"
#include "base/types.h"
#include "base/wait_queue.h"
#include "sentry/fs/devpts/line_discipline.h"
#include "sentry/sched/timer.h"

namespace sentry {

class Devpts;
class Kernel;
class ProcessGroup;
class Session;
class Task;
class ThreadGroup;

// Thread-safe. Referred to by the files of both sides, by its node in devpts, and by the session it controls.
class Terminal : public base::RefCounted {
 public:
  Terminal(Kernel& kernel, base::RefPtr<Devpts> filesystem, int number);
  ~Terminal() override;

  // N of /dev/pts/N.
  int number() const { return number_; }
  Kernel& kernel() const { return kernel_; }

  // --- The master's side. EAGAIN: would block.
  base::Result<size_t> Type(std::string_view text);
  // EIO: nobody has the slave open any more.
  base::Result<size_t> TakeOutput(std::span<char> to);
  base::EventMask MasterReadiness();
  base::WaitQueue& master_queue() { return master_queue_; }
  // The last master file is gone: the other side is hung up.
  void CloseMaster();
  size_t output_size();
  // TIOCPKT.
  void SetPacketMode(bool on);
  bool packet_mode();
  // TIOCSPTLCK: a locked terminal's slave cannot be opened.
  void SetLocked(bool locked);
  bool locked();

  // --- The slave's side.
  // EIO: locked, exclusive, or hung up.
  base::Result<void> OpenSlave(bool may_ignore_exclusive);
  void CloseSlave();
  // EAGAIN: would block. `reader`: the thread, for timed reads.
  base::Result<size_t> Read(std::span<char> to, base::Tid reader);
  base::Result<size_t> Write(std::string_view text);
  base::EventMask SlaveReadiness();
  base::WaitQueue& slave_queue() { return slave_queue_; }
  size_t input_size();
  bool hung_up();
  // TIOCEXCL.
  void SetExclusive(bool exclusive);
  bool exclusive();

  // --- Both sides.
  base::abi::Termios2 termios();
  void SetTermios(const base::abi::Termios2& termios, bool flush_input);
  base::abi::WindowSize window_size();
  // Tells the foreground process group if it is another one.
  void SetWindowSize(const base::abi::WindowSize& size);
  void Flush(bool input, bool output);
  // TCXONC.
  void SetStopped(bool stopped);

  // --- Job control (terminal_jobs.cc).
  // May `task` do now what only the foreground may? kSys: it was sent `signal` (SIGTTIN, SIGTTOU), to be handled first.
  // EIO: its process group is orphaned, or ignores SIGTTIN.
  base::SysResult<void> CheckForeground(Task& task, int signal);
  // For opening: makes it the terminal of the caller's session if that has none and the caller leads it.
  void OfferTo(ThreadGroup& group);
  // TIOCSCTTY, TIOCNOTTY, TIOCGPGRP, TIOCSPGRP, TIOCGSID. `master`: asked on the other side.
  base::Result<void> Acquire(Task& task, bool steal, bool readable);
  base::Result<void> Relinquish(Task& task);
  base::Result<base::Pid> ForegroundGroup(Task& task, bool master);
  base::Result<void> SetForegroundGroup(Task& task, base::Pid id);
  base::Result<base::Pid> SessionId(Task& task, bool master);
  // As if typed: for the foreground process group.
  void SignalForeground(int signal);
  // Whether it controls the session of `group`.
  bool Controls(const ThreadGroup& group) const;  // With the tree lock.
  // 0: none. With the tree lock.
  base::Pid foreground_id() const;

  // The controlling terminal of a process; null if it has none. With the tree lock.
  static base::RefPtr<Terminal> Of(const ThreadGroup& group);
  // A session's leader has ended. With the tree lock.
  static void LeaderEnded(ThreadGroup& leader);

 private:
  // What is to be done without mutex_.
  struct Aftermath {
    std::vector<int> signals;
  };
  void Settle(Aftermath aftermath);
  void MarkPacketLocked(uint8_t status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool IsHungUpLocked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return !master_open_; }
  // Whether a read gets something now, or must wait; arms the timer of a timed read.
  bool MayReadLocked(size_t wanted, base::Tid reader) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The session loses its terminal. With the tree lock.
  void Detach();
  void AttachTo(ThreadGroup& leader);
  void HangUp();

  Kernel& kernel_;
  const base::RefPtr<Devpts> filesystem_;
  const int number_;

  // Guarded by Kernel::tree_mutex().
  Session* session_ = nullptr;  // Which it controls; it refers to this.
  base::Pid foreground_;

  static base::LockClass kLock;
  base::Mutex mutex_;
  LineDiscipline discipline_ ABSL_GUARDED_BY(mutex_);
  base::abi::WindowSize window_size_ ABSL_GUARDED_BY(mutex_);
  bool master_open_ ABSL_GUARDED_BY(mutex_) = true;
  bool locked_ ABSL_GUARDED_BY(mutex_) = true;
  bool exclusive_ ABSL_GUARDED_BY(mutex_) = false;
  bool packet_mode_ ABSL_GUARDED_BY(mutex_) = false;
  uint8_t packet_status_ ABSL_GUARDED_BY(mutex_) = 0;
  int slaves_ ABSL_GUARDED_BY(mutex_) = 0;
  bool slave_was_open_ ABSL_GUARDED_BY(mutex_) = false;
  // Of a timed read (VTIME).
  int64_t last_input_ns_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t read_deadline_ns_ ABSL_GUARDED_BY(mutex_) = 0;  // 0: none is under way.
  base::Tid timed_reader_ ABSL_GUARDED_BY(mutex_);
  base::WaitQueue master_queue_, slave_queue_;
  Timer read_timer_;
};

}  // namespace sentry
