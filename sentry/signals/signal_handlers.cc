// SPDX-License-Identifier: Apache-2.0
#include "sentry/signals/signal_handlers.h"

#include <signal.h>

#include <algorithm>
#include <iterator>
#include <utility>

namespace sentry {
namespace {

bool ActionIgnores(const base::abi::KernelSigaction& action, base::Signal signal) {
  if (action.handler == base::abi::kSigIgn) return true;
  if (action.handler != base::abi::kSigDfl) return false;
  DefaultAction what = DefaultActionOf(signal);
  // SIGCONT has done its work when it was sent.
  return what == DefaultAction::kIgnore || what == DefaultAction::kContinue;
}

}  // namespace

constinit base::LockClass SignalHandlers::kLock{"SignalHandlers::mutex_"};

DefaultAction DefaultActionOf(base::Signal signal) {
  switch (signal.number()) {
    case SIGCHLD:
    case SIGURG:
    case SIGWINCH:
      return DefaultAction::kIgnore;
    case SIGCONT:
      return DefaultAction::kContinue;
    case SIGSTOP:
    case SIGTSTP:
    case SIGTTIN:
    case SIGTTOU:
      return DefaultAction::kStop;
    case SIGQUIT:
    case SIGILL:
    case SIGTRAP:
    case SIGABRT:
    case SIGFPE:
    case SIGSEGV:
    case SIGBUS:
    case SIGSYS:
    case SIGXCPU:
    case SIGXFSZ:
      return DefaultAction::kCore;
    default:
      return DefaultAction::kTerminate;
  }
}

base::abi::KernelSigaction SignalHandlers::Get(base::Signal signal) const {
  base::MutexLock lock(mutex_);
  return actions_[signal.number() - 1];
}

base::abi::KernelSigaction SignalHandlers::Set(base::Signal signal, const base::abi::KernelSigaction& action) {
  base::MutexLock lock(mutex_);
  return std::exchange(actions_[signal.number() - 1], action);
}

base::RefPtr<SignalHandlers> SignalHandlers::Copy() const {
  base::abi::KernelSigaction actions[base::abi::kSignalCount];
  {
    base::MutexLock lock(mutex_);
    std::copy(std::begin(actions_), std::end(actions_), actions);
  }
  auto copy = base::MakeRef<SignalHandlers>();
  base::MutexLock lock(copy->mutex_);
  std::copy(std::begin(actions), std::end(actions), copy->actions_);
  return copy;
}

base::RefPtr<SignalHandlers> SignalHandlers::CopyForExec() const {
  base::RefPtr<SignalHandlers> copy = Copy();
  base::MutexLock lock(copy->mutex_);
  for (base::abi::KernelSigaction& action : copy->actions_) {
    uint64_t handler = action.handler == base::abi::kSigIgn ? base::abi::kSigIgn : base::abi::kSigDfl;
    action = base::abi::KernelSigaction{.handler = handler};
  }
  return copy;
}

bool SignalHandlers::Ignored(base::Signal signal) const { return ActionIgnores(Get(signal), signal); }

void SignalHandlers::Masks(base::abi::SignalSet* ignored, base::abi::SignalSet* caught) const {
  *ignored = 0;
  *caught = 0;
  base::MutexLock lock(mutex_);
  for (int number = 1; number <= base::abi::kSignalCount; ++number) {
    uint64_t handler = actions_[number - 1].handler;
    if (handler == base::abi::kSigDfl) continue;
    *(handler == base::abi::kSigIgn ? ignored : caught) |= base::Signal::Of(number).mask();
  }
}

}  // namespace sentry
