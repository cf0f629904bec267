// SPDX-License-Identifier: Apache-2.0
#include "syscalls/sys_timer.h"

#include <signal.h>
#include <time.h>

#include <optional>

#include "sentry/kernel.h"
#include "sentry/time/posix_timers.h"
#include "syscalls/itimerspec.h"

namespace syscalls {
namespace {

using base::abi::Itimerspec;
using sentry::PosixTimer;

// sigevent(7): EINVAL for a notification there is not, a bad signal, or another process's thread.
base::Result<sentry::TimerNotice> ReadNotice(Task& task, const std::optional<base::abi::Sigevent>& event) {
  if (!event) return sentry::TimerNotice{.signal = SIGALRM};
  sentry::TimerNotice notice{.value = event->value, .own_value = false};
  switch (event->notify) {
    case SIGEV_NONE:
      return notice;
    case SIGEV_THREAD_ID: {
      base::MutexLock lock(task.kernel().tree_mutex());
      base::RefPtr<Task> thread = task.kernel().FindTask(base::Tid(event->tid));
      if (!thread || &thread->group() != &task.group()) return base::Errno(EINVAL);
      notice.thread = thread->tid();
      break;
    }
    case SIGEV_SIGNAL:
    case SIGEV_THREAD:
      break;
    default:
      return base::Errno(EINVAL);
  }
  if (!base::Signal::From(event->signo)) return base::Errno(EINVAL);
  notice.signal = event->signo;
  return notice;
}

Itimerspec Show(const PosixTimer::Setting& setting) { return ToItimerspec({setting.value_ns, setting.interval_ns}); }

}  // namespace

base::Result<void> SysTimerCreate(Task& task, int32_t clock, sentry::UserIn<base::abi::Sigevent> event,
                                  sentry::UserOut<int32_t> id) {
  std::optional<base::abi::Sigevent> read;
  if (!event.is_null()) read = TRY(event.Read(task.user_memory()));
  sentry::TimerClock on = TRY(sentry::TimerClock::Create(task, clock));
  sentry::TimerNotice notice = TRY(ReadNotice(task, read));
  sentry::PosixTimers& timers = task.group().timers();
  int created = TRY(timers.Create(on, notice, task.credentials().ruid));
  auto told = id.Write(task.user_memory(), created);
  if (!told.ok()) TRY(timers.Delete(created));
  return told;
}

base::Result<void> SysTimerSettime(Task& task, int32_t id, int32_t flags, sentry::UserIn<Itimerspec> value,
                                   sentry::UserOut<Itimerspec> old) {
  if (value.is_null()) return base::Errno(EINVAL);
  TimerValue wanted = TRY(ReadItimerspec(task.user_memory(), value));
  base::RefPtr<PosixTimer> timer = TRY(task.group().timers().Find(id));
  PosixTimer::Setting previous =
      timer->Set({.value_ns = wanted.value_ns, .interval_ns = wanted.interval_ns}, (flags & TIMER_ABSTIME) != 0);
  if (old.is_null()) return {};
  return old.Write(task.user_memory(), Show(previous));
}

base::Result<void> SysTimerGettime(Task& task, int32_t id, sentry::UserOut<Itimerspec> value) {
  base::RefPtr<PosixTimer> timer = TRY(task.group().timers().Find(id));
  return value.Write(task.user_memory(), Show(timer->Get()));
}

base::Result<int32_t> SysTimerGetoverrun(Task& task, int32_t id) {
  return TRY(task.group().timers().Find(id))->overrun();
}

base::Result<void> SysTimerDelete(Task& task, int32_t id) { return task.group().timers().Delete(id); }

}  // namespace syscalls
