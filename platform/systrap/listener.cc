// SPDX-License-Identifier: Apache-2.0
#include "platform/systrap/listener.h"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/syscall.h>

#include "base/log.h"
#include "platform/syscall_unsafe.h"
#include "platform/systrap/stub_layout.h"

#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#endif

namespace platform::systrap {

namespace {

constexpr uint64_t kSyncWakeUp = 1;  // SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP.

bool InZone(uint64_t ip) { return ip > STUB_CODE && ip <= STUB_CODE + STUB_ZONE_SIZE; }

}  // namespace

constinit base::LockClass Listener::kLock{"systrap::Listener::mutex_"};

base::Result<std::unique_ptr<Listener>> Listener::Create(base::UniqueFd listener) {
  // Since 6.6; without it calls work, ten times slower.
  long result = RawSyscall(SYS_ioctl, listener.get(), SECCOMP_IOCTL_NOTIF_SET_FLAGS, kSyncWakeUp);
  if (result < 0)
    RUNSC_WARN("systrap: no synchronous wake-up of notifications (%ld): system calls will be slow", -result);
  long bell = RawSyscall(SYS_eventfd2, 0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (bell < 0) return base::Errno(static_cast<int>(-bell));
  return std::unique_ptr<Listener>(new Listener(std::move(listener), base::UniqueFd(static_cast<int>(bell))));
}

Listener::Listener(base::UniqueFd listener, base::UniqueFd bell)
    : listener_(std::move(listener)), bell_(std::move(bell)) {
  uint64_t seed = 0;
  RawSyscall(SYS_getrandom, &seed, sizeof(seed), 0);
  next_cookie_ = seed | 1;
}

void Listener::set_tick_hook(TickHook hook, void* context) {
  tick_hook_ = hook;
  tick_context_ = context;
}

void Listener::Interrupt() {
  uint64_t one = 1;
  RawSyscall(SYS_write, bell_.get(), &one, sizeof(one));
}

Receiver::Outcome Listener::Receive() {
  pollfd polled[2] = {{listener_.get(), POLLIN, 0}, {bell_.get(), POLLIN, 0}};
  long ready = RawSyscall(SYS_poll, polled, 2, -1);
  if (ready < 0) return Outcome::kInterrupted;
  if ((polled[1].revents & POLLIN) != 0) {
    uint64_t count = 0;
    RawSyscall(SYS_read, bell_.get(), &count, sizeof(count));
    if ((polled[0].revents & POLLIN) == 0) return Outcome::kInterrupted;
  }
  if ((polled[0].revents & POLLIN) == 0) {
    return (polled[0].revents & (POLLHUP | POLLERR | POLLNVAL)) != 0 ? Outcome::kGone : Outcome::kInterrupted;
  }
  // Does not block: the host counts the notifications that were ever ready, and we are the only one to take them.
  seccomp_notif notification{};
  long result = RawSyscall(SYS_ioctl, listener_.get(), SECCOMP_IOCTL_NOTIF_RECV, &notification);
  if (result < 0) return Outcome::kInterrupted;  // It was withdrawn.
  base::RefPtr<Endpoint> endpoint;
  base::RefPtr<Endpoint> oldest;
  {
    base::MutexLock lock(mutex_);
    endpoint = FindLocked(notification);
    if (endpoint) {
      LinkLocked(*endpoint, notification.id);
      if (outstanding_ > kMaxOutstanding && head_ != endpoint.get()) {
        oldest = base::RefPtr<Endpoint>(head_);
        // To the end, so that one that cannot leave now does not keep the others from being tried.
        uint64_t id = oldest->notification_id_;
        LinkLocked(*oldest, id);
      }
    }
  }
  if (!endpoint) {
    KillStranger(notification);
    return Outcome::kInterrupted;
  }
  endpoint->OnNotification(notification);
  if (oldest) oldest->LeaveListener();
  return Outcome::kDispatched;
}

base::RefPtr<Endpoint> Listener::FindLocked(const seccomp_notif& notification) {
  int tid = static_cast<int>(notification.pid);
  // First words from the zone: the installation of a guest thread's filter, a new helper's first wait. Guest threads
  // cannot make calls from there. An id still bound to somebody else is a dead thread's.
  if (!expected_.empty() && InZone(notification.data.instruction_pointer)) {
    uint64_t cookie = notification.data.args[notification.data.nr == STUB_NR_WAIT ? 2 : 3];
    auto expected = expected_.find(cookie);
    if (expected != expected_.end()) {
      base::RefPtr<Endpoint> endpoint = std::move(expected->second);
      expected_.erase(expected);
      BindLocked(tid, endpoint);
      return endpoint;
    }
  }
  auto bound = bound_.find(tid);
  return bound == bound_.end() ? nullptr : bound->second;
}

void Listener::KillStranger(const seccomp_notif& notification) {
  // A child whose parent died in the middle of the fork; or ids have been mixed up, and nothing of that process can be
  // trusted. It waits, so its id is its own still.
  uint64_t id = notification.id;
  if (RawSyscall(SYS_ioctl, listener_.get(), SECCOMP_IOCTL_NOTIF_ID_VALID, &id) != 0) return;
  if (static_cast<int>(notification.pid) <= 0) return;  // Not in our pid namespace: nobody's.
  RUNSC_INFO("systrap: unknown thread %u in call %d: killed", notification.pid, notification.data.nr);
  RawSyscall(SYS_kill, notification.pid, SIGKILL);
}

void Listener::LinkLocked(Endpoint& endpoint, uint64_t notification_id) {
  if (endpoint.outstanding_) UnlinkLocked(endpoint);
  endpoint.outstanding_ = true;
  endpoint.notification_id_ = notification_id;
  endpoint.since_tick_ = tick_;
  endpoint.previous_ = tail_;
  endpoint.next_ = nullptr;
  (tail_ != nullptr ? tail_->next_ : head_) = &endpoint;
  tail_ = &endpoint;
  outstanding_++;
}

void Listener::UnlinkLocked(Endpoint& endpoint) {
  endpoint.outstanding_ = false;
  (endpoint.previous_ != nullptr ? endpoint.previous_->next_ : head_) = endpoint.next_;
  (endpoint.next_ != nullptr ? endpoint.next_->previous_ : tail_) = endpoint.previous_;
  outstanding_--;
}

int Listener::Reply(Endpoint& endpoint, uint64_t notification_id, int64_t value, int error, uint32_t flags) {
  {
    // First off the list: once the answer is out, the thread's next notification may be received.
    base::MutexLock lock(mutex_);
    if (endpoint.outstanding_ && endpoint.notification_id_ == notification_id) UnlinkLocked(endpoint);
  }
  seccomp_notif_resp response{notification_id, value, error, flags};
  return static_cast<int>(RawSyscall(SYS_ioctl, listener_.get(), SECCOMP_IOCTL_NOTIF_SEND, &response));
}

void Listener::Forget(Endpoint& endpoint) {
  base::MutexLock lock(mutex_);
  if (endpoint.outstanding_) UnlinkLocked(endpoint);
}

void Listener::BindLocked(int tid, base::RefPtr<Endpoint> endpoint) {
  base::RefPtr<Endpoint>& place = bound_[tid];
  if (place && place != endpoint) {
    if (place->outstanding_) UnlinkLocked(*place);
    place->OnTidReused();
  }
  place = std::move(endpoint);
}

void Listener::Bind(int tid, base::RefPtr<Endpoint> endpoint) {
  base::RefPtr<Endpoint> old;  // Dropped after the lock.
  base::MutexLock lock(mutex_);
  auto bound = bound_.find(tid);
  if (bound != bound_.end()) old = bound->second;
  BindLocked(tid, std::move(endpoint));
}

void Listener::Unbind(int tid, const Endpoint* endpoint) {
  base::RefPtr<Endpoint> old;
  base::MutexLock lock(mutex_);
  auto bound = bound_.find(tid);
  if (bound == bound_.end() || bound->second.get() != endpoint) return;
  old = std::move(bound->second);
  bound_.erase(bound);
  if (old->outstanding_) UnlinkLocked(*old);
}

void Listener::Expect(uint64_t cookie, base::RefPtr<Endpoint> endpoint) {
  base::MutexLock lock(mutex_);
  expected_[cookie] = std::move(endpoint);
}

void Listener::Unexpect(uint64_t cookie) {
  base::RefPtr<Endpoint> old;
  base::MutexLock lock(mutex_);
  auto expected = expected_.find(cookie);
  if (expected == expected_.end()) return;
  old = std::move(expected->second);
  expected_.erase(expected);
}

uint64_t Listener::NewCookie() {
  base::MutexLock lock(mutex_);
  return next_cookie_++;
}

size_t Listener::outstanding() const {
  base::MutexLock lock(mutex_);
  return outstanding_;
}

void Listener::CheckKicks() {
  std::vector<base::RefPtr<Endpoint>> all;
  {
    base::MutexLock lock(mutex_);
    all.reserve(bound_.size());
    for (const auto& [tid, endpoint] : bound_) all.push_back(endpoint);
  }
  for (const auto& endpoint : all) endpoint->CheckKick();
}

bool Listener::Tick(int64_t) {
  std::vector<base::RefPtr<Endpoint>> late;
  bool check_kicks = false;
  {
    base::MutexLock lock(mutex_);
    tick_++;
    check_kicks = tick_ % kTicksPerKickCheck == 0 && kicks_.load(std::memory_order_relaxed) > 0;
    // Two ticks: at least one whole millisecond.
    for (Endpoint* e = head_; e != nullptr && e->since_tick_ + 2 <= tick_ && late.size() < kMaxLeavesPerTick;
         e = e->next_) {
      late.emplace_back(e);
    }
    // Those that cannot leave now are tried again later, behind the others.
    for (const auto& endpoint : late) LinkLocked(*endpoint, endpoint->notification_id_);
  }
  for (const auto& endpoint : late) endpoint->LeaveListener();
  if (check_kicks) CheckKicks();
  bool again = tick_hook_ != nullptr && tick_hook_(tick_context_);
  return again || outstanding() != 0 || kicks_.load(std::memory_order_relaxed) > 0;
}

}  // namespace platform::systrap
