// SPDX-License-Identifier: Apache-2.0
#include "sentry/time/timer_file.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/timerfd.h>

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <utility>

#include "vfs/pseudo/anonymous.h"

namespace sentry {

constinit base::LockClass TimerFile::kLock{"TimerFile::mutex_"};

// At the deadline the readers are told, who count themselves: with the timer queue's lock nothing else can be done, and
// between two reads nobody needs to know how often the timer went off.
TimerFile::TimerFile(vfs::Path path, int flags, TimerQueue& timers, TimerClock clock, int32_t clock_id)
    : FileDescription(std::move(path), flags),
      clock_(clock),
      clock_id_(clock_id),
      mutex_(kLock),
      timer_(timers, [this] { wait_queue_.Notify(POLLIN); }) {}

base::RefPtr<TimerFile> TimerFile::Create(vfs::Context& context, TimerQueue& timers, TimerClock clock, int32_t clock_id,
                                          int flags) {
  vfs::Path path = vfs::MakeAnonymousPath(context, 0600, "anon_inode:[timerfd]");
  return base::MakeRef<TimerFile>(std::move(path), O_RDWR | (flags & O_NONBLOCK), timers, clock, clock_id);
}

void TimerFile::CountLocked(int64_t now_ns) {
  if (deadline_ > now_ns) return;
  if (interval_ == 0) {
    ++expirations_;
    deadline_ = base::kForever;
    return;
  }
  int64_t passed = (now_ns - deadline_) / interval_ + 1;
  expirations_ += static_cast<uint64_t>(passed);
  if (__builtin_add_overflow(deadline_, passed * interval_, &deadline_)) deadline_ = base::kForever;
}

void TimerFile::ArmLocked(int64_t now_ns) {
  timer_.Set(deadline_ == base::kForever ? base::kForever : clock_.WhenToLook(now_ns, deadline_, 0));
}

TimerFile::Setting TimerFile::GetLocked(int64_t now_ns) const {
  return {.value_ns = deadline_ == base::kForever ? 0 : std::max<int64_t>(deadline_ - now_ns, 1),
          .interval_ns = interval_};
}

TimerFile::Setting TimerFile::Get() {
  int64_t now = clock_.Now();
  base::MutexLock lock(mutex_);
  CountLocked(now);
  ArmLocked(now);
  return GetLocked(now);
}

TimerFile::Setting TimerFile::Set(const Setting& setting, int flags) {
  int64_t now = clock_.Now();
  base::MutexLock lock(mutex_);
  CountLocked(now);
  Setting old = GetLocked(now);
  expirations_ = 0;
  settime_flags_ = flags;
  interval_ = setting.interval_ns;
  deadline_ = setting.value_ns;
  bool absolute = (flags & TFD_TIMER_ABSTIME) != 0;
  if (setting.value_ns == 0 || (!absolute && __builtin_add_overflow(now, setting.value_ns, &deadline_))) {
    deadline_ = base::kForever;
  }
  ArmLocked(now);
  return old;
}

base::Result<size_t> TimerFile::TryRead(vfs::Context&, vfs::IoSequence& to) {
  if (to.remaining() < sizeof(uint64_t)) return base::Errno(EINVAL);
  uint64_t value = 0;
  int64_t now = clock_.Now();
  {
    base::MutexLock lock(mutex_);
    CountLocked(now);
    ArmLocked(now);
    value = std::exchange(expirations_, 0);
  }
  if (value == 0) return base::Errno(EAGAIN);
  // As on Linux the count is gone even if the buffer turns out bad.
  size_t copied = TRY(to.CopyOut(std::as_bytes(std::span(&value, 1))));
  if (copied < sizeof(value)) return base::Errno(EFAULT);
  return sizeof(value);
}

base::EventMask TimerFile::Readiness() {
  int64_t now = clock_.Now();
  base::MutexLock lock(mutex_);
  if (expirations_ > 0 || deadline_ <= now) return POLLIN;
  // A clock that was set back: the wake-up came too soon.
  ArmLocked(now);
  return 0;
}

std::string TimerFile::Details() {
  int64_t now = clock_.Now();
  base::MutexLock lock(mutex_);
  CountLocked(now);
  ArmLocked(now);
  Setting setting = GetLocked(now);
  constexpr int64_t kSecond = 1'000'000'000;
  char text[256];
  snprintf(text, sizeof(text),
           "clockid: %d\nticks: %" PRIu64 "\nsettime flags: 0%o\nit_value: (%" PRId64 ", %" PRId64
           ")\nit_interval: (%" PRId64 ", %" PRId64 ")\n",
           clock_id_, expirations_, static_cast<unsigned>(settime_flags_), setting.value_ns / kSecond,
           setting.value_ns % kSecond, interval_ / kSecond, interval_ % kSecond);
  return text;
}

}  // namespace sentry
