// SPDX-License-Identifier: Apache-2.0
#include "syscalls/sys_timerfd.h"

#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>

#include "base/abi/signal.h"
#include "sentry/kernel.h"
#include "sentry/signals/signal_file.h"
#include "sentry/time/timer_file.h"
#include "syscalls/itimerspec.h"

namespace syscalls {
namespace {

using base::abi::Itimerspec;
using sentry::SignalFile;
using sentry::TimerFile;

bool HasTimerFiles(int32_t clock) {
  return clock == CLOCK_REALTIME || clock == CLOCK_MONOTONIC || clock == CLOCK_BOOTTIME ||
         clock == CLOCK_REALTIME_ALARM || clock == CLOCK_BOOTTIME_ALARM;
}

// EBADF; EINVAL: another kind of file.
base::Result<base::RefPtr<TimerFile>> FindTimer(Task& task, base::Fd fd) {
  base::RefPtr<vfs::FileDescription> file = TRY(task.GetFile(fd));
  if (file->kind() != vfs::FileKind::kTimer) return base::Errno(EINVAL);
  return base::RefPtr<TimerFile>(static_cast<TimerFile*>(file.get()));
}

Itimerspec Show(const TimerFile::Setting& setting) { return ToItimerspec({setting.value_ns, setting.interval_ns}); }

}  // namespace

base::Result<base::Fd> SysTimerfdCreate(Task& task, int32_t clock, int32_t flags) {
  if ((flags & ~(TFD_CLOEXEC | TFD_NONBLOCK)) != 0 || !HasTimerFiles(clock)) return base::Errno(EINVAL);
  sentry::TimerClock on = TRY(sentry::TimerClock::Create(task, clock));
  base::RefPtr<TimerFile> file =
      TimerFile::Create(task, task.kernel().scheduler().timers(), on, clock, flags & TFD_NONBLOCK);
  return task.InstallFd(std::move(file), (flags & TFD_CLOEXEC) != 0);
}

base::Result<void> SysTimerfdSettime(Task& task, base::Fd fd, int32_t flags, sentry::UserIn<Itimerspec> value,
                                     sentry::UserOut<Itimerspec> old) {
  Itimerspec read = TRY(value.Read(task.user_memory()));
  if ((flags & ~(TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET)) != 0) return base::Errno(EINVAL);
  int64_t value_ns = TRY(sentry::ToNanoseconds(read.value));
  int64_t interval_ns = TRY(sentry::ToNanoseconds(read.interval));
  base::RefPtr<TimerFile> file = TRY(FindTimer(task, fd));
  TimerFile::Setting previous = file->Set({.value_ns = value_ns, .interval_ns = interval_ns}, flags);
  if (old.is_null()) return {};
  return old.Write(task.user_memory(), Show(previous));
}

base::Result<void> SysTimerfdGettime(Task& task, base::Fd fd, sentry::UserOut<Itimerspec> value) {
  base::RefPtr<TimerFile> file = TRY(FindTimer(task, fd));
  return value.Write(task.user_memory(), Show(file->Get()));
}

base::Result<base::Fd> SysSignalfd(Task& task, base::Fd fd, sentry::UserIn<uint64_t> mask, uint64_t mask_size) {
  return SysSignalfd4(task, fd, mask, mask_size, 0);
}

base::Result<base::Fd> SysSignalfd4(Task& task, base::Fd fd, sentry::UserIn<uint64_t> mask, uint64_t mask_size,
                                    int32_t flags) {
  if (mask_size != base::abi::kSignalSetSize) return base::Errno(EINVAL);
  base::abi::SignalSet wanted = TRY(mask.Read(task.user_memory()));
  if ((flags & ~(SFD_CLOEXEC | SFD_NONBLOCK)) != 0) return base::Errno(EINVAL);
  if (fd.value() == -1) {
    base::RefPtr<SignalFile> file = SignalFile::Create(task, task.group(), wanted, flags & SFD_NONBLOCK);
    return task.InstallFd(std::move(file), (flags & SFD_CLOEXEC) != 0);
  }
  base::RefPtr<vfs::FileDescription> file = TRY(task.GetFile(fd));
  if (file->kind() != vfs::FileKind::kSignal) return base::Errno(EINVAL);
  static_cast<SignalFile&>(*file).set_mask(wanted);
  return fd;
}

}  // namespace syscalls
