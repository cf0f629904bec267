// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>

#include "base/mutex.h"
#include "base/ref.h"
#include "base/result.h"
#include "platform/executor.h"
#include "platform/platform.h"
#include "platform/registers.h"
#include "platform/systrap/hot_calls.h"
#include "platform/systrap/kick_refusal.h"
#include "platform/systrap/listener.h"
#include "platform/systrap/slot_unsafe.h"

namespace platform::systrap {

class Stub;

// The host thread behind a GuestThread. It outlives the GuestThread until the host thread is known dead.
// README.md, "States of a guest thread", has the picture.
//
// "Fiber only" methods are called by the GuestThread's fiber; the rest by any thread. Everything that changes is
// guarded by mutex_, but the register copies, which belong to the fiber while the host thread is stopped and to the
// lock's holder otherwise.
class StubThread final : public Endpoint {
 public:
  // `registers` and `state` are what it starts from. Errors: ENOMEM.
  static base::Result<base::RefPtr<StubThread>> Create(base::RefPtr<Stub> stub, uint32_t slot,
                                                       const Registers& registers, const ExtendedState& state);
  ~StubThread() override;

  // Fiber only: what GuestThread's methods of the same names do.
  Event Run();
  void SetSyscall(SyscallAction action, uint64_t value);
  base::Result<Registers*> GetRegisters();
  base::Result<ExtendedState*> GetExtendedState();
  base::Result<void> SetFsBase(uint64_t value);
  // Fiber only: ends the host thread; it runs no guest code afterwards.
  void Retire();

  void Interrupt();

  // Fiber only. Asks whether the pending system call is `number` with these arguments, made by a plain call that the
  // thread can be told to make itself; arguments whose bit in `mask` is clear may be anything.
  bool CanContinue(uint32_t number, const uint64_t (&arguments)[6], unsigned mask);
  // Fiber only, after CanContinue: the thread makes the call itself when it is resumed. The caller has put the range
  // into quarantine, if there is one.
  void PlanContinue(bool quarantined);

  // Endpoint.
  void OnNotification(const seccomp_notif& notification) override;
  void LeaveListener() override;
  void OnTidReused() override { tid_reused_.store(true, std::memory_order_relaxed); }

  // The stub's process is dead.
  void OnStubDeath();
  // Somebody waits for this thread to be seen.
  void KickForQuarantine();

  // Locks the thread unless it runs, or may run, guest code; returns whether it did. Until LetGo it stays where it is.
  bool HoldStill();
  void LetGo();

  // Hot calls (stub_thread_hot.cc). A look, and whether the thread shall post: any thread, without the lock.
  bool HotRequested() const;
  void SetHotGate(bool open);
  // Takes the request that was seen. Returns whether it could be taken.
  bool OnHotRequest();
  // The call site that ends at `ip` was patched.
  void MarkPatched(uint64_t ip);

  // Called every now and then while kicks are under way: kills the stub when the thread has made itself deaf to them.
  void CheckKick() override;

  uint64_t cookie() const { return cookie_; }
  uint32_t slot() const { return slot_index_; }
  // Where the slot is in the stub.
  uint64_t SlotAddress() const;
  int tid() const { return tid_.load(std::memory_order_relaxed); }
  void set_tid(int tid) { tid_.store(tid, std::memory_order_relaxed); }
  // Whether a retired thread's host thread is gone, so that its slot can be used again.
  bool HostThreadGone();

 private:
  enum class State {
    kStarting,  // Its clone was asked for; it has not said hello yet.
    kHello,     // Waits in the listener in the call that installs its filter.
    kRunning,   // Runs guest code, or is on its way there or back.
    kNotified,  // Waits in the listener in a plain system call of guest code.
    kHot,       // Its hot call was taken; it waits in the hot code.
    kLeaving,   // Was kicked out of kNotified or kHot: comes to its handler, the call not made.
    kParked,    // Waits in the listener in its handler.
    kAsleep,    // Waits on its slot's word, in its handler or before its first leave.
    kExiting,   // Was told to end.
    kDead,
  };
  enum class Waits { kNothing, kEvent, kFrame };
  // A system call that was taken and not finished.
  struct Call {
    uint32_t number;
    uint64_t arguments[6];
    uint64_t ip;  // Behind the instruction.
    bool hot = false;
  };
  // What to do when mutex_ is released again.
  struct After {
    Executor::Fiber* wake = nullptr;
    bool release_quarantine = false;
    const char* breach = nullptr;
    bool hot_demand = false;  // A patched site made a plain call.
  };

  StubThread(base::RefPtr<Stub> stub, uint32_t slot, Slot memory);

  // A fiber on its way into a wait; lies in its frame.
  struct Parking {
    StubThread* thread;
    Executor::Fiber* fiber;
  };
  static void CommitRun(void* parking);
  static void CommitFrame(void* parking);
  void Finish(const After& after);
  // Makes the planned call (PlanContinue) by the helper instead. Parks.
  void PerformPlanned();

  // Arrivals (stub_thread_events.cc).
  void OnHelloLocked(const seccomp_notif& notification, After* after) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void OnCallLocked(const seccomp_notif& notification, After* after) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void OnParkLocked(const seccomp_notif& notification, After* after) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void OnRepeatedParkLocked(uint64_t id, After* after) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void OnStopLocked(const Stop& stop, After* after) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void TakeFrameLocked(const Stop& stop) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void DeliverLocked(const Event& event, After* after) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void DeliverInterruptLocked(After* after) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // The event of call_.
  Event CallEvent() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Counts the call site of call_, a plain call.
  void NoteSiteLocked(After* after) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Hot calls (stub_thread_hot.cc).
  void ResumeHotLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void OpenWindowLocked(const HotRequest& request) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool WriteToGuest(base::GuestAddr to, std::span<const std::byte> from);
  // A fault of the hot code, when it copied. False when the stop was none.
  bool OnHotFaultLocked(const Stop& stop, After* after) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // registers_ were taken: if they stand in the hot code without a pending call, makes them those of the guest before
  // or after the call.
  void LeaveHotCodeLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The part of it for where the slot does not yet say all of the call. False: it does.
  bool LeaveUnsavedHotCodeLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // registers_ stand where the slot says all of the call: puts them on the site's system call instruction.
  void MakePlainCallLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // registers_ were taken with a hot call pending: what the hot code has changed is put back.
  void NormalizeHotLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Departures (stub_thread.cc).
  void ResumeLocked(After* after) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ResumeNotifiedLocked(After* after) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void WriteFrameLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ApplyOutcomeLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void NormalizeCallLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void SleepLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void WakeLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void KickLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void KickArrivedLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void KickOutLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Lets a thread in its handler (or in its hello) go to its end.
  void ExitLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  static base::LockClass kLock;
  const base::RefPtr<Stub> stub_;
  const uint32_t slot_index_;
  uint64_t cookie_ = 0;  // Const after Create.
  std::atomic<int> tid_{0};
  std::atomic<bool> tid_reused_{false};

  base::Mutex mutex_{kLock};
  State state_ ABSL_GUARDED_BY(mutex_) = State::kStarting;
  Slot memory_ ABSL_GUARDED_BY(mutex_);
  bool sleep_next_ ABSL_GUARDED_BY(mutex_) = false;  // kLeaving: it blocks for long, so it goes to sleep on arrival.
  uint64_t notification_id_ ABSL_GUARDED_BY(mutex_) = 0;
  bool fresh_ ABSL_GUARDED_BY(mutex_) = true;         // Nothing but its hello was seen yet.
  uint32_t word_ ABSL_GUARDED_BY(mutex_) = 1;         // What it sleeps on while it is kAsleep; never 0.
  bool kicked_ ABSL_GUARDED_BY(mutex_) = false;       // A kick was sent whose park has not come yet.
  uint64_t kick_number_ ABSL_GUARDED_BY(mutex_) = 0;  // Of the last kick.
  KickRefusal refusal_ ABSL_GUARDED_BY(mutex_);
  bool interrupt_ ABSL_GUARDED_BY(mutex_) = false;  // Interrupt was called and no kInterrupt delivered since.

  Executor::Fiber* waiter_ ABSL_GUARDED_BY(mutex_) = nullptr;
  Waits waits_ ABSL_GUARDED_BY(mutex_) = Waits::kNothing;
  Event event_{};  // Written under mutex_ before the waiter is woken, read by the fiber after.

  // The pending call. With call_pending_ and a frame, registers_ show it as not returned yet.
  bool call_pending_ ABSL_GUARDED_BY(mutex_) = false;
  Call call_ ABSL_GUARDED_BY(mutex_){};
  bool outcome_set_ ABSL_GUARDED_BY(mutex_) = false;
  SyscallAction action_ ABSL_GUARDED_BY(mutex_) = SyscallAction::kReturn;
  uint64_t value_ ABSL_GUARDED_BY(mutex_) = 0;
  bool answered_ ABSL_GUARDED_BY(mutex_) = false;  // kNotified: the answer could not be given yet: when it asks again.
  bool continue_ ABSL_GUARDED_BY(mutex_) = false;  // The thread makes the pending call itself.
  bool quarantined_ ABSL_GUARDED_BY(mutex_) = false;  // It has a range in quarantine.

  CallSites sites_ ABSL_GUARDED_BY(mutex_);
  bool worth_patching_ ABSL_GUARDED_BY(mutex_) = false;  // The site of call_.
  uint64_t hot_value_ ABSL_GUARDED_BY(mutex_) = 0;       // The last answer given in the slot.

  // The private copies of what is in the frame; see the class comment.
  bool frame_ ABSL_GUARDED_BY(mutex_) = false;  // registers_ are valid: it stands in its handler or has not started.
  uint64_t frame_offset_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t fpstate_offset_ ABSL_GUARDED_BY(mutex_) = 0;
  Registers registers_{};
  bool extended_taken_ ABSL_GUARDED_BY(mutex_) = false;
  ExtendedState extended_;
};

}  // namespace platform::systrap
