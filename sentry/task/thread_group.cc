// SPDX-License-Identifier: Apache-2.0
#include "sentry/task/thread_group.h"

#include "base/clock.h"
#include "base/log.h"
#include "sentry/kernel.h"

namespace sentry {

constinit base::LockClass ThreadGroup::kSignalLock{"ThreadGroup::signal_mutex_"};

ThreadGroup::ThreadGroup(Kernel& kernel, Container& container, base::Pid pid, base::RefPtr<SignalHandlers> handlers,
                         const Limits::Values& limits, int exit_signal)
    : exit_signal(exit_signal),
      kernel_(kernel),
      container_(container),
      pid_(pid),
      start_time_ns_(base::MonotonicNow()),
      limits_(limits),
      signal_mutex_(kSignalLock),
      handlers_(std::move(handlers)),
      real_timer_(*this, kernel.scheduler()) {}

ThreadGroup::~ThreadGroup() { CHECK_INVARIANT(tasks.empty()); }

}  // namespace sentry
