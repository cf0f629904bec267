// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <linux/seccomp.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "base/mutex.h"
#include "base/ref.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "platform/executor.h"
#include "platform/systrap/hot_calls.h"

namespace platform::systrap {

class Listener;

// A host thread of a stub as the listener knows it: a guest thread, or the helper. The listener's tables hold
// references.
class Endpoint : public base::RefCounted {
 public:
  // A notification of this thread was received; it is on the listener's list of outstanding ones. No lock held.
  virtual void OnNotification(const seccomp_notif& notification) = 0;
  // Its notification has been outstanding for long: leave the listener if that is possible now. No lock held.
  virtual void LeaveListener() = 0;
  // Another host thread has got this one's id: this one is dead. Called with the listener's lock held: only flags.
  virtual void OnTidReused() = 0;
  // Kicks have been under way for a while: see to one's own. No lock held.
  virtual void CheckKick() {}

 private:
  friend class Listener;
  // Guarded by Listener::mutex_.
  bool outstanding_ = false;
  uint64_t notification_id_ = 0;
  uint64_t since_tick_ = 0;
  Endpoint* next_ = nullptr;
  Endpoint* previous_ = nullptr;
};

// One seccomp listener: receives the notifications of all stubs of one zygote and hands each to its endpoint.
// Thread-safe. Lock order: this lock is taken under the endpoints' locks, and none is taken under it.
class Listener final : public Receiver {
 public:
  // What the owner of the listener does once per tick. Returns whether it wants another.
  using TickHook = bool (*)(void* context);

  static base::Result<std::unique_ptr<Listener>> Create(base::UniqueFd listener);

  // Receiver.
  Outcome Receive() override;
  void Interrupt() override;
  bool Tick(int64_t monotonic_ns) override;
  uint32_t TakeDemand() override { return hot_calls_.TakeDemand(); }
  void BeginPolling() override { hot_calls_.Open(); }
  bool Poll() override { return hot_calls_.Poll(); }
  void EndPolling() override { hot_calls_.Close(); }

  // Set before the first Receive.
  void set_tick_hook(TickHook hook, void* context);

  // From now on notifications of thread `tid` go to the endpoint; an older endpoint of that id is told and dropped.
  void Bind(int tid, base::RefPtr<Endpoint> endpoint);
  // Forgets the binding if it still is this endpoint's.
  void Unbind(int tid, const Endpoint* endpoint);
  // A thread that is about to be made will make itself known by this cookie, from the zone.
  void Expect(uint64_t cookie, base::RefPtr<Endpoint> endpoint);
  void Unexpect(uint64_t cookie);
  // Numbers nobody else was given.
  uint64_t NewCookie();

  // Answers. Returns 0, or -ENOENT when the thread no longer waits there (it was interrupted, or it is dead).
  int Reply(Endpoint& endpoint, uint64_t notification_id, int64_t value, int error = 0, uint32_t flags = 0);
  int Continue(Endpoint& endpoint, uint64_t notification_id) {
    return Reply(endpoint, notification_id, 0, 0, SECCOMP_USER_NOTIF_FLAG_CONTINUE);
  }
  // Takes the endpoint's notification off the list without an answer.
  void Forget(Endpoint& endpoint);

  // Kicks under way; while there are any, every endpoint is asked now and then (CheckKick).
  void OnKickSent() { kicks_.fetch_add(1, std::memory_order_relaxed); }
  void OnKickArrived() { kicks_.fetch_sub(1, std::memory_order_relaxed); }

  HotCalls& hot_calls() { return hot_calls_; }
  int fd() const { return listener_.get(); }
  // How many notifications have been received and not answered.
  size_t outstanding() const;

 private:
  // Nothing may sleep in a listener: the host scans its list at every call.
  static constexpr size_t kMaxOutstanding = 64;
  static constexpr size_t kMaxLeavesPerTick = 256;
  static constexpr uint64_t kTicksPerKickCheck = 128;

  Listener(base::UniqueFd listener, base::UniqueFd bell);

  base::RefPtr<Endpoint> FindLocked(const seccomp_notif& notification) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void LinkLocked(Endpoint& endpoint, uint64_t notification_id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void UnlinkLocked(Endpoint& endpoint) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void BindLocked(int tid, base::RefPtr<Endpoint> endpoint) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void CheckKicks();
  void KillStranger(const seccomp_notif& notification);

  static base::LockClass kLock;
  const base::UniqueFd listener_;
  const base::UniqueFd bell_;
  HotCalls hot_calls_;
  std::atomic<int> kicks_{0};
  TickHook tick_hook_ = nullptr;
  void* tick_context_ = nullptr;

  mutable base::Mutex mutex_{kLock};
  std::unordered_map<int, base::RefPtr<Endpoint>> bound_ ABSL_GUARDED_BY(mutex_);
  std::unordered_map<uint64_t, base::RefPtr<Endpoint>> expected_ ABSL_GUARDED_BY(mutex_);
  uint64_t next_cookie_ ABSL_GUARDED_BY(mutex_);
  uint64_t tick_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t outstanding_ ABSL_GUARDED_BY(mutex_) = 0;
  // Oldest first.
  Endpoint* head_ ABSL_GUARDED_BY(mutex_) = nullptr;
  Endpoint* tail_ ABSL_GUARDED_BY(mutex_) = nullptr;
};

}  // namespace platform::systrap
