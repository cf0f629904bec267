// SPDX-License-Identifier: Apache-2.0
// How a guest thread comes into the sentry's hands: its notifications.
#include <linux/audit.h>
#include <signal.h>
#include <sys/syscall.h>

#include <cstring>
#include <utility>

#include "platform/systrap/machine.h"
#include "platform/systrap/stub.h"
#include "platform/systrap/stub_image.h"
#include "platform/systrap/stub_thread.h"

namespace platform::systrap {

namespace {

constexpr int kRestartNoInterrupt = -513;
constexpr int kSeccompCode = 1;           // SYS_SECCOMP.
constexpr uint64_t kInstructionSize = 2;  // syscall; int $0x80.

}  // namespace

void StubThread::OnNotification(const seccomp_notif& notification) {
  After after;
  uint64_t ip = notification.data.instruction_pointer;
  {
    base::MutexLock lock(mutex_);
    if (ip == Labels().hello) {
      OnHelloLocked(notification, &after);
    } else if (ip == Labels().park && notification.data.nr == STUB_NR_PARK) {
      OnParkLocked(notification, &after);
    } else {
      OnCallLocked(notification, &after);
    }
  }
  Finish(after);
}

void StubThread::OnHelloLocked(const seccomp_notif& notification, After* after) {
  set_tid(static_cast<int>(notification.pid));
  notification_id_ = notification.id;
  switch (state_) {
    case State::kStarting:
      state_ = State::kHello;
      if (waits_ == Waits::kEvent) ResumeLocked(after);
      return;
    case State::kHello:
      return;  // It was interrupted and asks again.
    case State::kExiting:
      if (frame_) {
        state_ = State::kHello;
        ExitLocked();
      } else {
        stub_->listener().Continue(*this, notification.id);
      }
      return;
    case State::kRunning:
    case State::kAsleep:
      // The answer was lost on the way, or this is not the first hello.
      if (fresh_) {
        stub_->listener().Continue(*this, notification.id);
        return;
      }
      [[fallthrough]];
    default:
      after->breach = "a second hello";
  }
}

void StubThread::OnCallLocked(const seccomp_notif& notification, After* after) {
  fresh_ = false;
  const seccomp_data& data = notification.data;
  Call call{static_cast<uint32_t>(data.nr), {}, data.instruction_pointer};
  memcpy(call.arguments, data.args, sizeof(call.arguments));
  Listener& listener = stub_->listener();
  switch (state_) {
    case State::kRunning: {
      after->release_quarantine = quarantined_;
      quarantined_ = false;
      if (kicked_) {
        // The kick is pending for it: it takes the thread out of the call, whether or not this answer comes first.
        listener.Reply(*this, notification.id, 0, kRestartNoInterrupt);
        return;
      }
      Counters::Add(stub_->machine().counters.notified_calls);
      state_ = State::kNotified;
      notification_id_ = notification.id;
      call_ = call;
      call_pending_ = true;
      outcome_set_ = false;
      NoteSiteLocked(after);
      DeliverLocked(CallEvent(), after);
      return;
    }
    case State::kNotified:
      // A signal that is not ours (stop, continue, freeze) took it out of the call, and it makes it again.
      if (call.number != call_.number || call.ip != call_.ip ||
          memcmp(call.arguments, call_.arguments, sizeof(call.arguments)) != 0) {
        after->breach = "a second call while one is in flight";
        return;
      }
      notification_id_ = notification.id;
      if (std::exchange(answered_, false) && waits_ == Waits::kEvent) ResumeNotifiedLocked(after);
      return;
    case State::kExiting:
      if (call.number == SYS_exit) {
        listener.Continue(*this, notification.id);
        return;
      }
      if (kicked_) {
        listener.Reply(*this, notification.id, 0, kRestartNoInterrupt);
        return;
      }
      [[fallthrough]];
    default:
      after->breach = "a call of a thread that was stopped";
  }
}

void StubThread::OnParkLocked(const seccomp_notif& notification, After* after) {
  fresh_ = false;
  Stop stop{};
  if (!memory_.TakeStop(stub_->machine().facts, notification.data.args[1], notification.data.args[2], &stop)) {
    after->breach = "a stop outside its slot";
    return;
  }
  if (stop.signal == 0) {
    OnRepeatedParkLocked(notification.id, after);
    return;
  }
  notification_id_ = notification.id;
  bool kick = stop.signal == STUB_KICK_SIGNAL;
  if (kick) KickArrivedLocked();
  switch (state_) {
    case State::kRunning:
      after->release_quarantine = quarantined_;
      quarantined_ = false;
      state_ = State::kParked;
      TakeFrameLocked(stop);
      OnStopLocked(stop, after);
      return;
    case State::kNotified:
    case State::kHot:
      // A kick that is not ours. It has the same effect.
      if (!kick) break;
      [[fallthrough]];
    case State::kLeaving: {
      state_ = State::kParked;
      answered_ = false;
      TakeFrameLocked(stop);
      bool sleep = std::exchange(sleep_next_, false);
      if (waits_ == Waits::kEvent) {
        if (continue_) {
          // Only after a foreign kick: the call is made again, and allowed again.
          registers_.rip = call_.ip - kInstructionSize;
          registers_.rax = call_.number;
          continue_ = false;
        }
        ResumeLocked(after);
      } else if (waits_ == Waits::kFrame) {
        waits_ = Waits::kNothing;
        after->wake = waiter_;
      } else if (sleep) {
        SleepLocked();
      }
      return;
    }
    case State::kExiting:
      TakeFrameLocked(stop);
      ExitLocked();
      return;
    default:
      break;
  }
  after->breach = "a stop of a thread that was stopped";
}

void StubThread::OnRepeatedParkLocked(uint64_t id, After* after) {
  switch (state_) {
    case State::kParked:
      notification_id_ = id;
      return;
    case State::kAsleep:
      notification_id_ = id;
      state_ = State::kParked;
      return;
    case State::kRunning:
    case State::kExiting:
      stub_->listener().Reply(*this, id, 0);
      return;
    default:
      after->breach = "a repeated stop";
  }
}

void StubThread::TakeFrameLocked(const Stop& stop) {
  frame_ = true;
  frame_offset_ = stop.frame;
  fpstate_offset_ = stop.fpstate;
  extended_taken_ = false;
  registers_ = stop.registers;
  if (!call_pending_) {
    LeaveHotCodeLocked();
    return;
  }
  if (call_.hot) NormalizeHotLocked();
  NormalizeCallLocked();
  ApplyOutcomeLocked();
}

void StubThread::NormalizeCallLocked() {
  registers_.rip = call_.ip;
  registers_.rcx = call_.ip;
  registers_.r11 = registers_.rflags;
  registers_.rax = static_cast<uint64_t>(-ENOSYS);
  registers_.orig_rax = call_.number;
}

void StubThread::ApplyOutcomeLocked() {
  if (!call_pending_ || !outcome_set_ || !frame_) return;
  if (action_ == SyscallAction::kRestart) {
    registers_.rip = call_.ip - kInstructionSize;
    registers_.rax = call_.number;
  } else {
    registers_.rax = value_;
  }
}

void StubThread::OnStopLocked(const Stop& stop, After* after) {
  Event event{};
  Registers& r = registers_;
  switch (stop.signal) {
    case STUB_KICK_SIGNAL:
      if (interrupt_) {
        DeliverInterruptLocked(after);
      } else {
        ResumeLocked(after);
      }
      return;
    case SIGSYS:
      if (stop.code != kSeccompCode) break;
      if (stop.architecture != AUDIT_ARCH_X86_64) {
        // int $0x80: as on a kernel without 32-bit calls, a general protection fault on that vector of the table.
        r.rip -= kInstructionSize;
        event.kind = Event::Kind::kFault;
        event.signal = SIGSEGV;
        event.code = SI_KERNEL;
        event.trap_number = 13;
        event.error_code = 0x80 * 8 + 2;
        DeliverLocked(event, after);
        return;
      }
      Counters::Add(stub_->machine().counters.trapped_calls);
      call_ = Call{static_cast<uint32_t>(r.rax), {r.rdi, r.rsi, r.rdx, r.r10, r.r8, r.r9}, r.rip};
      // A number that looks like the host's restart codes makes it step back.
      if (stop.address == r.rip + kInstructionSize) call_.ip = stop.address;
      call_pending_ = true;
      outcome_set_ = false;
      NormalizeCallLocked();
      NoteSiteLocked(after);
      DeliverLocked(CallEvent(), after);
      return;
    case SIGSEGV:
    case SIGBUS:
      if (OnHotFaultLocked(stop, after)) return;
      [[fallthrough]];
    case SIGFPE:
    case SIGILL:
    case SIGTRAP:
      if (stop.code <= 0) break;
      event.kind = Event::Kind::kFault;
      event.signal = stop.signal;
      event.code = stop.code;
      event.address = stop.address;
      event.trap_number = stop.trap_number;
      event.error_code = stop.error_code;
      DeliverLocked(event, after);
      return;
    default:
      break;
  }
  ResumeLocked(after);  // A signal somebody on the host sent.
}

Event StubThread::CallEvent() const {
  Event event{};
  event.kind = Event::Kind::kSyscall;
  event.number = call_.number;
  memcpy(event.arguments, call_.arguments, sizeof(event.arguments));
  event.instruction_pointer = call_.ip;
  event.worth_patching = worth_patching_;
  return event;
}

void StubThread::NoteSiteLocked(After* after) {
  worth_patching_ = false;
  if (!MayBeHot(call_.number)) return;
  switch (sites_.Note(call_.ip)) {
    case CallSites::Advice::kNothing:
      return;
    case CallSites::Advice::kPatch:
      worth_patching_ = true;
      return;
    case CallSites::Advice::kPatched:
      after->hot_demand = true;
      return;
  }
}

void StubThread::DeliverLocked(const Event& event, After* after) {
  if (waits_ != Waits::kEvent) {
    after->breach = "an event nobody waits for";
    return;
  }
  event_ = event;
  waits_ = Waits::kNothing;
  after->wake = waiter_;
}

void StubThread::DeliverInterruptLocked(After* after) {
  interrupt_ = false;
  Event event{};
  event.kind = Event::Kind::kInterrupt;
  DeliverLocked(event, after);
}

}  // namespace platform::systrap
