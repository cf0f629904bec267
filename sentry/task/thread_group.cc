// SPDX-License-Identifier: Apache-2.0
#include "sentry/task/thread_group.h"

#include <signal.h>

#include "base/clock.h"
#include "base/log.h"
#include "sentry/fs/devpts/terminal.h"
#include "sentry/kernel.h"

namespace sentry {

Session::Session(base::Pid id) : id(id) {}
Session::~Session() = default;

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
      real_timer_(*this, kernel.scheduler(), TimerClock::Monotonic(), SIGALRM),
      virtual_timer_(*this, kernel.scheduler(), TimerClock::GuestTimeOf(*this), SIGVTALRM),
      profiling_timer_(*this, kernel.scheduler(), TimerClock::CpuTimeOf(*this), SIGPROF),
      timers_(*this),
      cpu_limit_(*this, kernel.scheduler()) {}

void ThreadGroup::StopTimers() {
  real_timer_.Set({});
  virtual_timer_.Set({});
  profiling_timer_.Set({});
  timers_.DeleteAll();
  cpu_limit_.Stop();
}

ThreadGroup::~ThreadGroup() { CHECK_INVARIANT(tasks.empty()); }

}  // namespace sentry
