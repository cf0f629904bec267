// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "base/mutex.h"
#include "sentry/time/fiber_timer.h"

namespace sentry {

class Scheduler;
class ThreadGroup;

// Enforces RLIMIT_CPU (getrlimit(2)): SIGXCPU at the soft limit and each second behind it, SIGKILL at the hard one.
// Part of its ThreadGroup. Thread-safe; not to be called with the process's signal lock held.
class CpuLimit {
 public:
  CpuLimit(ThreadGroup& group, Scheduler& scheduler);

  // The limit has changed, or the process is new.
  void Update();
  // The process has ended.
  void Stop() { timer_.Set(INT64_MAX); }

 private:
  void Look();

  static base::LockClass kLock;
  ThreadGroup& group_;
  base::Mutex mutex_;
  int64_t last_look_ ABSL_GUARDED_BY(mutex_) = -1;
  int idle_looks_ ABSL_GUARDED_BY(mutex_) = 0;
  FiberTimer timer_;
};

}  // namespace sentry
