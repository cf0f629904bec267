// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/abi/signal.h"
#include "base/mutex.h"
#include "base/ref.h"
#include "base/types.h"

namespace sentry {

// The dispositions of all signals; shared by the threads of a process, and by processes made with CLONE_SIGHAND.
// Linux analogue: sighand_struct. Thread-safe.
class SignalHandlers : public base::RefCounted {
 public:
  SignalHandlers() : mutex_(kLock) {}

  base::abi::KernelSigaction Get(base::Signal signal) const;
  // Returns the old action.
  base::abi::KernelSigaction Set(base::Signal signal, const base::abi::KernelSigaction& action);
  // A private copy, for fork.
  base::RefPtr<SignalHandlers> Copy() const;
  // A private copy for execve(2): handlers become SIG_DFL, ignored signals stay ignored.
  base::RefPtr<SignalHandlers> CopyForExec() const;
  // Whether a signal sent now would be thrown away: SIG_IGN, or SIG_DFL of a signal whose default is to be ignored.
  bool Ignored(base::Signal signal) const;
  // SigIgn and SigCgt as /proc/PID/status shows them: set to SIG_IGN; with a handler.
  void Masks(base::abi::SignalSet* ignored, base::abi::SignalSet* caught) const;

 private:
  static base::LockClass kLock;
  mutable base::Mutex mutex_;
  base::abi::KernelSigaction actions_[base::abi::kSignalCount] ABSL_GUARDED_BY(mutex_);
};

// What a signal does by default (signal(7)).
enum class DefaultAction { kTerminate, kCore, kIgnore, kStop, kContinue };
DefaultAction DefaultActionOf(base::Signal signal);

}  // namespace sentry
