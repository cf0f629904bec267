// SPDX-License-Identifier: Apache-2.0
// The inner side of sending and delivery, shared by this directory's files only.
#pragma once

#include "base/abi/signal.h"
#include "base/ref.h"
#include "base/result.h"
#include "base/types.h"
#include "sentry/signals/deliver.h"
#include "sentry/signals/pending_signals.h"

namespace sentry {

class Task;
class ThreadGroup;

constexpr base::abi::SignalSet SignalBit(int signal) { return base::abi::SignalSet{1} << (signal - 1); }
extern const base::abi::SignalSet kStopSignals;         // SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU.
extern const base::abi::SignalSet kUnblockableSignals;  // SIGKILL, SIGSTOP.

// "Locked": with the group's signal lock. Nothing here notifies a wait queue with that lock held: a queue's waiters may
// take locks under which others ask for pending signals.
class SignalDelivery {
 public:
  // Queues `info` for `thread`, or for the process if it is null, and chooses who handles it.
  // EAGAIN as ThreadGroup::SendUserSignal.
  static base::Result<void> Send(ThreadGroup& group, Task* thread, const base::abi::Siginfo& info, bool from_guest);
  // A signal of `source` for the thread, or for the process if `tid` is 0. False when nobody will ever take it:
  // ignored, or no such thread.
  static bool SendFrom(ThreadGroup& group, base::Tid tid, const base::abi::Siginfo& info,
                       base::RefPtr<SignalSource> source);
  static void StartGroupExitLocked(ThreadGroup& group, int status);
  // Drops pending signals of the process and all its threads.
  static void DiscardLocked(ThreadGroup& group, base::abi::SignalSet mask);
  // The mask without what cannot be blocked; group signals that become blocked go to other threads.
  static void SetMaskLocked(Task& task, base::abi::SignalSet mask);
  // After a thread stopped or left: whether the stop of the group is complete by that, so that the parent must be told.
  static bool CompleteStopLocked(ThreadGroup& group);
  // SIGCHLD with code `why` (CLD_STOPPED, CLD_CONTINUED) and the parent's wait4. No lock held.
  static void TellParent(ThreadGroup& group, int why, int signal);
  static SignalVerdict Next(Task& task);

 private:
  struct Step;
  // Whether it was queued, or has had its effect.
  static base::Result<bool> SendLocked(ThreadGroup& group, Task* thread, const base::abi::Siginfo& info,
                                       bool from_guest, base::RefPtr<SignalSource> source, bool* continued);
  static void ContinueLocked(ThreadGroup& group, bool* continued);
  static bool IgnoredLocked(ThreadGroup& group, const Task& target, base::Signal signal, bool from_guest);
  static void ChooseThreadLocked(ThreadGroup& group, Task& first, base::Signal signal, bool thread_directed);
  static bool WantsLocked(const Task& task, base::Signal signal);
  static Step NextStep(Task& task);
  // What a signal that was taken means.
  static Step ActOnLocked(Task& task, const base::abi::Siginfo& info);
  static void BeginStopLocked(Task& task, int signal);
  static void WaitWhileStopped(Task& task);
  static bool InOrphanedProcessGroup(ThreadGroup& group);
};

}  // namespace sentry
