// SPDX-License-Identifier: Apache-2.0
#include "syscalls/sys_itimer.h"

#include <sys/time.h>

#include "sentry/task/task.h"
#include "sentry/task/thread_group.h"

namespace syscalls {
namespace {

using base::abi::Itimerval;
using base::abi::Timeval;
using sentry::IntervalTimer;

constexpr int64_t kNanosecondsPerSecond = 1'000'000'000;
constexpr int64_t kNanosecondsPerMicrosecond = 1000;
constexpr int64_t kMicrosecondsPerSecond = 1'000'000;

base::Result<int64_t> ToNs(const Timeval& time) {
  if (time.seconds < 0 || time.microseconds < 0 || time.microseconds >= kMicrosecondsPerSecond) {
    return base::Errno(EINVAL);
  }
  return sentry::ToNanoseconds({time.seconds, time.microseconds * kNanosecondsPerMicrosecond});
}

Timeval ToTimeval(int64_t ns) {
  return {ns / kNanosecondsPerSecond, ns % kNanosecondsPerSecond / kNanosecondsPerMicrosecond};
}

Itimerval ToItimerval(const IntervalTimer::Setting& setting) {
  // What is left of less than a microsecond is one still, not none.
  int64_t remaining = setting.remaining_ns;
  if (remaining > 0 && remaining < kNanosecondsPerMicrosecond) remaining = kNanosecondsPerMicrosecond;
  return {ToTimeval(setting.interval_ns), ToTimeval(remaining)};
}

base::Result<IntervalTimer*> TimerOf(Task& task, int32_t which) {
  switch (which) {
    case ITIMER_REAL:
      return &task.group().real_timer();
    case ITIMER_VIRTUAL:
      return &task.group().virtual_timer();
    case ITIMER_PROF:
      return &task.group().profiling_timer();
    default:
      return base::Errno(EINVAL);
  }
}

}  // namespace

base::Result<uint32_t> SysAlarm(Task& task, uint32_t seconds) {
  IntervalTimer::Setting old =
      task.group().real_timer().Set({.remaining_ns = int64_t{seconds} * kNanosecondsPerSecond, .interval_ns = 0});
  if (old.remaining_ns == 0) return 0u;
  // Rounded, but never to 0 (alarm(2)).
  int64_t whole = old.remaining_ns / kNanosecondsPerSecond;
  int64_t rest = old.remaining_ns % kNanosecondsPerSecond;
  if (rest >= kNanosecondsPerSecond / 2 || whole == 0) ++whole;
  return static_cast<uint32_t>(whole);
}

base::Result<void> SysGetitimer(Task& task, int32_t which, sentry::UserOut<Itimerval> value) {
  IntervalTimer* timer = TRY(TimerOf(task, which));
  return value.Write(task.user_memory(), ToItimerval(timer->Get()));
}

base::Result<void> SysSetitimer(Task& task, int32_t which, sentry::UserIn<Itimerval> value,
                                sentry::UserOut<Itimerval> old) {
  IntervalTimer::Setting wanted;
  // No value disarms, as on Linux.
  if (!value.is_null()) {
    Itimerval read = TRY(value.Read(task.user_memory()));
    wanted.remaining_ns = TRY(ToNs(read.value));
    wanted.interval_ns = TRY(ToNs(read.interval));
  }
  IntervalTimer* timer = TRY(TimerOf(task, which));
  IntervalTimer::Setting previous = timer->Set(wanted);
  if (old.is_null()) return {};
  return old.Write(task.user_memory(), ToItimerval(previous));
}

}  // namespace syscalls
