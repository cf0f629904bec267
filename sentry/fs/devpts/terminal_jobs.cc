// SPDX-License-Identifier: Apache-2.0
// A terminal and its session: who may use it, and who hears of it. Linux analogue: tty_jobctrl.c.
#include <signal.h>

#include "sentry/fs/devpts/terminal.h"
#include "sentry/kernel.h"
#include "sentry/task/job_control.h"
#include "sentry/task/task.h"
#include "sentry/task/thread_group.h"

namespace sentry {
namespace {

constexpr int kCapSysAdmin = 21;

bool IsLeader(const ThreadGroup& group) {
  return group.process_group && group.process_group->session->id == group.pid();
}

// Blocked or ignored: the caller does not mean to be stopped.
bool Ignores(Task& task, base::Signal signal) {
  return (task.signal_mask() & signal.mask()) != 0 || task.group().handlers()->Ignored(signal);
}

}  // namespace

base::RefPtr<Terminal> Terminal::Of(const ThreadGroup& group) {
  if (!group.process_group || group.without_terminal) return nullptr;
  return group.process_group->session->terminal;
}

bool Terminal::Controls(const ThreadGroup& group) const {
  return group.process_group && !group.without_terminal && group.process_group->session->terminal.get() == this;
}

base::Pid Terminal::foreground_id() const {
  kernel_.tree_mutex().AssertHeld();
  return foreground_;
}

base::SysResult<void> Terminal::CheckForeground(Task& task, int signal) {
  base::Signal number = base::Signal::Of(signal);
  base::MutexLock lock(kernel_.tree_mutex());
  ThreadGroup& group = task.group();
  if (!Controls(group) || foreground_.value() == 0 || group.process_group->id == foreground_) return {};
  if (Ignores(task, number)) {
    if (signal == SIGTTIN) return base::Errno(EIO);
    return {};
  }
  if (IsOrphaned(*group.process_group)) return base::Errno(EIO);
  SignalProcessGroup(*group.process_group, signal);
  return base::Restart::kSys;
}

void Terminal::AttachTo(ThreadGroup& leader) {
  session_ = leader.process_group->session.get();
  session_->terminal = base::RefPtr<Terminal>(this);
  foreground_ = leader.process_group->id;
  leader.without_terminal = false;
}

void Terminal::Detach() {
  if (session_ == nullptr) return;
  base::RefPtr<Terminal> keep(this);
  session_->terminal = nullptr;
  session_ = nullptr;
  foreground_ = base::Pid(0);
}

void Terminal::OfferTo(ThreadGroup& group) {
  base::MutexLock lock(kernel_.tree_mutex());
  if (!IsLeader(group) || group.process_group->session->terminal || session_ != nullptr) return;
  AttachTo(group);
}

base::Result<void> Terminal::Acquire(Task& task, bool steal, bool readable) {
  ThreadGroup& group = task.group();
  base::MutexLock lock(kernel_.tree_mutex());
  bool leader = IsLeader(group);
  if (leader && group.process_group->session.get() == session_) return {};
  if (!leader || group.process_group->session->terminal) return base::Errno(EPERM);
  bool admin = task.credentials().HasCapability(kCapSysAdmin);
  if (session_ != nullptr && !(steal && admin)) return base::Errno(EPERM);
  if (!readable && !admin) return base::Errno(EPERM);
  Detach();
  AttachTo(group);
  return {};
}

base::Result<void> Terminal::Relinquish(Task& task) {
  ThreadGroup& group = task.group();
  base::MutexLock lock(kernel_.tree_mutex());
  if (!Controls(group)) return base::Errno(ENOTTY);
  if (!IsLeader(group)) {
    group.without_terminal = true;
    return {};
  }
  base::RefPtr<ProcessGroup> foreground = kernel_.FindProcessGroup(foreground_);
  if (foreground) {
    SignalProcessGroup(*foreground, SIGHUP);
    SignalProcessGroup(*foreground, SIGCONT);
  }
  Detach();
  return {};
}

base::Result<base::Pid> Terminal::ForegroundGroup(Task& task, bool master) {
  base::MutexLock lock(kernel_.tree_mutex());
  if (!master && !Controls(task.group())) return base::Errno(ENOTTY);
  return foreground_;
}

base::Result<void> Terminal::SetForegroundGroup(Task& task, base::Pid id) {
  base::MutexLock lock(kernel_.tree_mutex());
  ThreadGroup& group = task.group();
  if (!Controls(group)) return base::Errno(ENOTTY);
  if (id.value() < 0) return base::Errno(EINVAL);
  base::RefPtr<ProcessGroup> wanted = kernel_.FindProcessGroup(id);
  if (!wanted) return base::Errno(ESRCH);
  if (!(wanted->session == group.process_group->session)) return base::Errno(EPERM);
  foreground_ = id;
  return {};
}

base::Result<base::Pid> Terminal::SessionId(Task& task, bool master) {
  base::MutexLock lock(kernel_.tree_mutex());
  if (!master && !Controls(task.group())) return base::Errno(ENOTTY);
  if (session_ == nullptr) return base::Errno(ENOTTY);
  return session_->id;
}

void Terminal::SignalForeground(int signal) {
  base::MutexLock lock(kernel_.tree_mutex());
  if (foreground_.value() == 0) return;
  base::RefPtr<ProcessGroup> foreground = kernel_.FindProcessGroup(foreground_);
  if (foreground) SignalProcessGroup(*foreground, signal);
}

void Terminal::HangUp() {
  base::MutexLock lock(kernel_.tree_mutex());
  if (session_ == nullptr) return;
  base::RefPtr<ThreadGroup> leader = kernel_.FindGroup(session_->id);
  // The foreground hears of it when the leader has ended.
  session_->lost_foreground = foreground_;
  Detach();
  if (!leader || leader->zombie) return;
  leader->SendSignal(KernelSignal(SIGHUP));
  leader->SendSignal(KernelSignal(SIGCONT));
}

void Terminal::LeaderEnded(ThreadGroup& leader) {
  Kernel& kernel = leader.kernel();
  kernel.tree_mutex().AssertHeld();
  if (!IsLeader(leader)) return;
  Session& session = *leader.process_group->session;
  base::RefPtr<Terminal> terminal = session.terminal;
  base::Pid foreground = terminal ? terminal->foreground_ : session.lost_foreground;
  base::RefPtr<ProcessGroup> group = foreground.value() != 0 ? kernel.FindProcessGroup(foreground) : nullptr;
  if (group && group->session.get() == &session) {
    SignalProcessGroup(*group, SIGHUP);
    if (!terminal) SignalProcessGroup(*group, SIGCONT);
  }
  if (terminal) terminal->Detach();
}

}  // namespace sentry
