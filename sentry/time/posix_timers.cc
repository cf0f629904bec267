// SPDX-License-Identifier: Apache-2.0
#include "sentry/time/posix_timers.h"

#include <signal.h>
#include <sys/resource.h>

#include <algorithm>
#include <utility>

#include "sentry/kernel.h"
#include "sentry/signals/signal_delivery.h"
#include "sentry/task/thread_group.h"

namespace sentry {
namespace {

// DELAYTIMER_MAX
constexpr int64_t kMaxOverrun = INT32_MAX;

}  // namespace

constinit base::LockClass PosixTimer::kLock{"PosixTimer::mutex_"};
constinit base::LockClass PosixTimers::kLock{"PosixTimers::mutex_"};

PosixTimer::PosixTimer(ThreadGroup& group, Scheduler& scheduler, int id, TimerClock clock, const TimerNotice& notice,
                       SignalAccounts::Charge charge)
    : group_(&group),
      id_(id),
      clock_(clock),
      notice_(notice),
      charge_(std::move(charge)),
      mutex_(kLock),
      timer_(scheduler, *this, [this] { Look(); }) {}

int64_t PosixTimer::ForwardLocked(int64_t now_ns) {
  if (deadline_ > now_ns) return 0;
  if (interval_ == 0) {
    deadline_ = base::kForever;
    return 0;
  }
  int64_t passed = (now_ns - deadline_) / interval_ + 1;
  if (__builtin_add_overflow(deadline_, passed * interval_, &deadline_)) deadline_ = base::kForever;
  return passed;
}

PosixTimer::Setting PosixTimer::GetLocked(int64_t now_ns) {
  Setting setting{.interval_ns = interval_};
  if (deadline_ == base::kForever) return setting;
  int64_t deadline = deadline_;
  if (deadline <= now_ns && interval_ != 0) {
    int64_t passed = (now_ns - deadline) / interval_ + 1;
    if (__builtin_add_overflow(deadline, passed * interval_, &deadline)) deadline = base::kForever;
  }
  if (deadline <= now_ns && (notice_.signal == 0 || queued_)) return setting;
  // About to fire: an armed timer never shows 0.
  setting.value_ns = std::max<int64_t>(deadline - now_ns, 1);
  return setting;
}

void PosixTimer::ArmLocked(int64_t now_ns) {
  idle_looks_ = now_ns == last_look_ ? idle_looks_ + 1 : 0;
  last_look_ = now_ns;
  // One that tells nobody is only computed.
  bool runs = deadline_ != base::kForever && !queued_ && notice_.signal != 0;
  timer_.Set(runs ? clock_.WhenToLook(now_ns, deadline_, idle_looks_) : base::kForever);
}

PosixTimer::Setting PosixTimer::Get() {
  int64_t now = clock_.Now();
  base::MutexLock lock(mutex_);
  return GetLocked(now);
}

PosixTimer::Setting PosixTimer::Set(const Setting& setting, bool absolute) {
  int64_t now = clock_.Now();
  base::MutexLock lock(mutex_);
  Setting old = GetLocked(now);
  ++generation_;
  queued_ = false;
  overrun_ = 0;
  missed_ = 0;
  interval_ = setting.interval_ns;
  deadline_ = setting.value_ns;
  if (setting.value_ns == 0 || (!absolute && __builtin_add_overflow(now, setting.value_ns, &deadline_))) {
    deadline_ = base::kForever;
  }
  ArmLocked(now);
  return old;
}

int PosixTimer::overrun() const {
  base::MutexLock lock(mutex_);
  return overrun_;
}

void PosixTimer::Look() {
  int64_t now = clock_.Now();
  uint32_t generation = 0;
  {
    base::MutexLock lock(mutex_);
    if (deadline_ == base::kForever || queued_) return;
    if (deadline_ > now) {
      ArmLocked(now);
      return;
    }
    queued_ = true;
    generation = generation_;
  }
  if (Send(generation)) return;
  // Ignored: it goes on by itself, in case the signal is wanted later.
  base::MutexLock lock(mutex_);
  if (generation != generation_) return;
  queued_ = false;
  missed_ += ForwardLocked(now);
  ArmLocked(now);
}

bool PosixTimer::Send(uint32_t generation) {
  base::abi::Siginfo info;
  info.signo = notice_.signal;
  info.code = SI_TIMER;
  info.timer.timer_id = id_;
  info.timer.value = notice_.own_value ? static_cast<uint64_t>(id_) : notice_.value;
  info.timer.generation = generation;
  return SignalDelivery::SendFrom(*group_, notice_.thread, info, base::RefPtr<SignalSource>(this));
}

bool PosixTimer::Taken(base::abi::Siginfo* info) {
  int64_t now = clock_.NowLocked();
  base::MutexLock lock(mutex_);
  if (std::exchange(info->timer.generation, 0) != generation_) return false;
  queued_ = false;
  // The expiration that sent the signal is none that was missed.
  int64_t passed = ForwardLocked(now);
  overrun_ = static_cast<int>(std::min(std::max<int64_t>(passed - 1, 0) + std::exchange(missed_, 0), kMaxOverrun));
  info->timer.overrun = overrun_;
  ArmLocked(now);
  return true;
}

base::Result<int> PosixTimers::Create(TimerClock clock, const TimerNotice& notice, base::KUid user) {
  Kernel& kernel = group_.kernel();
  auto charge = kernel.signal_accounts().Take(user, group_.limits().Soft(RLIMIT_SIGPENDING));
  if (!charge) return base::Errno(EAGAIN);
  base::MutexLock lock(mutex_);
  while (timers_.contains(next_id_)) next_id_ = next_id_ == INT32_MAX ? 0 : next_id_ + 1;
  int id = next_id_;
  next_id_ = id == INT32_MAX ? 0 : id + 1;
  timers_[id] = base::MakeRef<PosixTimer>(group_, kernel.scheduler(), id, clock, notice, std::move(*charge));
  return id;
}

base::Result<base::RefPtr<PosixTimer>> PosixTimers::Find(int id) const {
  base::MutexLock lock(mutex_);
  auto found = timers_.find(id);
  if (found == timers_.end()) return base::Errno(EINVAL);
  return found->second;
}

base::Result<void> PosixTimers::Delete(int id) {
  base::RefPtr<PosixTimer> timer;
  {
    base::MutexLock lock(mutex_);
    auto found = timers_.find(id);
    if (found == timers_.end()) return base::Errno(EINVAL);
    timer = std::move(found->second);
    timers_.erase(found);
  }
  timer->Disarm();
  return {};
}

void PosixTimers::DeleteAll() {
  std::map<int, base::RefPtr<PosixTimer>> timers;
  {
    base::MutexLock lock(mutex_);
    timers.swap(timers_);
  }
  for (auto& [id, timer] : timers) timer->Disarm();
}

}  // namespace sentry
