// SPDX-License-Identifier: Apache-2.0
#include "sentry/time/cpu_limit.h"

#include <signal.h>
#include <sys/resource.h>

#include <algorithm>

#include "sentry/task/thread_group.h"
#include "sentry/time/timer_clock.h"

namespace sentry {
namespace {

constexpr uint64_t kNanosecondsPerSecond = 1'000'000'000;
// Limits beyond cannot be reached.
constexpr uint64_t kMaxSeconds = INT64_MAX / kNanosecondsPerSecond;

}  // namespace

constinit base::LockClass CpuLimit::kLock{"CpuLimit::mutex_"};

CpuLimit::CpuLimit(ThreadGroup& group, Scheduler& scheduler)
    : group_(group), mutex_(kLock), timer_(scheduler, group, [this] { Look(); }) {}

void CpuLimit::Update() {
  if (group_.limits().Soft(RLIMIT_CPU) > kMaxSeconds) {
    Stop();
  } else {
    Look();
  }
}

void CpuLimit::Look() {
  Limit limit = group_.limits().Get(RLIMIT_CPU);
  if (limit.soft > kMaxSeconds) return;
  TimerClock clock = TimerClock::CpuTimeOf(group_);
  int64_t now = clock.Now();
  base::abi::Siginfo info;
  info.code = SI_KERNEL;
  if (static_cast<uint64_t>(now) >= std::min(limit.hard, kMaxSeconds) * kNanosecondsPerSecond) {
    info.signo = SIGKILL;
    group_.SendSignal(info);
    return;
  }
  // Linux counts a limit of 0 as one second (setrlimit(2), "BUGS").
  uint64_t soft = std::max<uint64_t>(limit.soft, 1);
  if (static_cast<uint64_t>(now) >= soft * kNanosecondsPerSecond) {
    info.signo = SIGXCPU;
    group_.SendSignal(info);
    // The limit moves on, which getrlimit(2) shows.
    limit.soft = ++soft;
    group_.limits().Set(RLIMIT_CPU, limit);
  }
  base::MutexLock lock(mutex_);
  idle_looks_ = now == last_look_ ? idle_looks_ + 1 : 0;
  last_look_ = now;
  timer_.Set(clock.WhenToLook(now, static_cast<int64_t>(soft * kNanosecondsPerSecond), idle_looks_));
}

}  // namespace sentry
