// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "base/clock.h"
#include "base/mutex.h"
#include "sentry/sched/timer.h"
#include "sentry/time/timer_clock.h"
#include "vfs/file_description.h"

namespace sentry {

// A timer that is read (timerfd_create(2)). Thread-safe.
class TimerFile : public vfs::FileDescription {
 public:
  // `flags`: O_NONBLOCK. `clock` is no CPU time; `clock_id` its number.
  static base::RefPtr<TimerFile> Create(vfs::Context& context, TimerQueue& timers, TimerClock clock, int32_t clock_id,
                                        int flags);

  struct Setting {
    int64_t value_ns = 0;  // What is left; 0: not armed.
    int64_t interval_ns = 0;
  };
  Setting Get();
  // A value of 0 disarms. `flags`: TFD_TIMER_ABSTIME, TFD_TIMER_CANCEL_ON_SET. Returns the old setting. The clocks are
  // never set from in here, so nothing is ever cancelled.
  Setting Set(const Setting& setting, int flags);

  vfs::FileKind kind() const override { return vfs::FileKind::kTimer; }
  base::Result<size_t> TryRead(vfs::Context& context, vfs::IoSequence& to) override;
  base::Result<size_t> TryWrite(vfs::Context&, vfs::IoSequence&) override { return base::Errno(EINVAL); }
  // Does nothing, successfully.
  base::Result<int64_t> Seek(vfs::Context&, int64_t, int) override { return int64_t{0}; }
  base::EventMask Readiness() override;
  base::WaitQueue* wait_queue() const override { return &wait_queue_; }
  std::string Details() override;

 private:
  template <typename T, typename... Args>
  friend base::RefPtr<T> base::MakeRef(Args&&... args);
  TimerFile(vfs::Path path, int flags, TimerQueue& timers, TimerClock clock, int32_t clock_id);

  // Counts the expirations until now.
  void CountLocked(int64_t now_ns) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Setting GetLocked(int64_t now_ns) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ArmLocked(int64_t now_ns) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  static base::LockClass kLock;
  const TimerClock clock_;
  const int32_t clock_id_;
  mutable base::WaitQueue wait_queue_;
  base::Mutex mutex_;
  int64_t deadline_ ABSL_GUARDED_BY(mutex_) = base::kForever;  // On clock_.
  int64_t interval_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t expirations_ ABSL_GUARDED_BY(mutex_) = 0;  // Not read yet.
  int settime_flags_ ABSL_GUARDED_BY(mutex_) = 0;
  Timer timer_;
};

}  // namespace sentry
