// SPDX-License-Identifier: Apache-2.0
// What a task does about its signals before guest code runs again (Linux analogue: get_signal).
#pragma once

#include "base/abi/signal.h"

namespace sentry {

class Task;

struct SignalVerdict {
  enum class Kind {
    kNone,     // Nothing to do: guest code may run.
    kHandler,  // Decide what becomes of an interrupted call, then Task::BuildSignalFrame(info, action).
    kExit,     // The task ends; its whole group is being ended with `wait_status` if that was this signal's doing.
  };
  Kind kind = Kind::kNone;
  base::abi::Siginfo info;
  base::abi::KernelSigaction action;
  int wait_status = 0;
};

// Settles stop, continue and default actions, and says what is left for the caller. To be called, before guest code
// runs, while Task::Interrupted() or the task has a temporary mask, until it says kNone or kExit: several handlers'
// frames may pile up. With kNone a temporary mask has been undone.
// Own fiber, no lock held; parks while the process is stopped.
SignalVerdict NextSignal(Task& task);

}  // namespace sentry
