// SPDX-License-Identifier: Apache-2.0
// How a guest thread leaves the sentry's hands: resumed, put to sleep, kicked, ended.
#include "platform/systrap/stub_thread.h"

#include <linux/futex.h>
#include <signal.h>
#include <sys/syscall.h>

#include <climits>

#include "base/log.h"
#include "platform/syscall_unsafe.h"
#include "platform/systrap/machine.h"
#include "platform/systrap/stub.h"
#include "platform/systrap/stub_image.h"
#include "platform/systrap/stub_layout.h"

namespace platform::systrap {

namespace {

constexpr int kRestartNoInterrupt = -513;  // -ERESTARTNOINTR of the host kernel.

Event MakeEvent(Event::Kind kind) {
  Event event{};
  event.kind = kind;
  return event;
}

}  // namespace

constinit base::LockClass StubThread::kLock{"systrap::StubThread::mutex_"};

StubThread::StubThread(base::RefPtr<Stub> stub, uint32_t slot, Slot memory)
    : stub_(std::move(stub)), slot_index_(slot), memory_(memory) {
  Counters::Add(stub_->machine().counters.live_threads);
}

StubThread::~StubThread() {
  if (kicked_) stub_->listener().OnKickArrived();
  Counters::Subtract(stub_->machine().counters.live_threads);
}

base::Result<base::RefPtr<StubThread>> StubThread::Create(base::RefPtr<Stub> stub, uint32_t slot,
                                                          const Registers& registers, const ExtendedState& state) {
  Stub& owner = *stub;
  auto thread = base::AdoptRef(new StubThread(std::move(stub), slot, owner.SlotAt(slot)));
  if (!thread->extended_.CopyFrom(state)) return base::Errno(ENOMEM);
  thread->cookie_ = owner.listener().NewCookie();
  thread->registers_ = registers;
  base::MutexLock lock(thread->mutex_);
  thread->frame_ = true;
  thread->extended_taken_ = true;
  // The slot may have been another thread's.
  thread->memory_.set_hot_gate(false);
  thread->memory_.ForgetHot();
  return thread;
}

uint64_t StubThread::SlotAddress() const { return STUB_SLOTS + uint64_t{slot_index_} * STUB_SLOT_SIZE; }

void StubThread::Finish(const After& after) {
  Executor& executor = stub_->executor();
  if (after.release_quarantine) stub_->quarantine().Release(this, executor);
  if (after.breach != nullptr) stub_->Breach(after.breach);
  if (after.hot_demand) stub_->listener().hot_calls().Note(*this);
  if (after.wake != nullptr) executor.Wake(after.wake);
}

Event StubThread::Run() {
  bool planned = false;
  {
    base::MutexLock lock(mutex_);
    if (state_ == State::kDead) return MakeEvent(Event::Kind::kGone);
    if (interrupt_) {
      interrupt_ = false;
      return MakeEvent(Event::Kind::kInterrupt);
    }
    if (call_pending_ && !outcome_set_) {
      RUNSC_ERROR("systrap: thread %d was resumed without the outcome of call %u", tid(), call_.number);
      stub_->Kill();
      return MakeEvent(Event::Kind::kGone);
    }
    planned = continue_ && state_ != State::kNotified;
  }
  if (planned) PerformPlanned();
  Executor& executor = stub_->executor();
  Parking parking{this, executor.Current()};
  executor.Park(CommitRun, &parking);
  return event_;
}

void StubThread::CommitRun(void* argument) {
  auto* parking = static_cast<Parking*>(argument);
  base::RefPtr<StubThread> self(parking->thread);
  After after;
  {
    base::MutexLock lock(self->mutex_);
    self->waiter_ = parking->fiber;
    self->waits_ = Waits::kEvent;
    if (self->state_ == State::kDead) {
      self->DeliverLocked(MakeEvent(Event::Kind::kGone), &after);
    } else if (self->interrupt_) {
      self->DeliverInterruptLocked(&after);
    } else {
      self->ResumeLocked(&after);
    }
  }
  self->Finish(after);
}

void StubThread::ResumeLocked(After* after) {
  switch (state_) {
    case State::kNotified:
      ResumeNotifiedLocked(after);
      return;
    case State::kHot:
      ResumeHotLocked();
      return;
    case State::kHello:
      WriteFrameLocked();
      memory_.set_start_word(0);
      state_ = State::kRunning;
      stub_->listener().Continue(*this, notification_id_);
      return;
    case State::kParked:
      WriteFrameLocked();
      state_ = State::kRunning;
      stub_->listener().Reply(*this, notification_id_, 0);
      return;
    case State::kAsleep:
      WriteFrameLocked();
      WakeLocked();
      return;
    case State::kStarting:
    case State::kLeaving:
      return;  // Resumed when it arrives.
    case State::kRunning:
    case State::kExiting:
    case State::kDead:
      after->breach = "resumed while it runs";
      return;
  }
}

void StubThread::ResumeNotifiedLocked(After*) {
  if (action_ == SyscallAction::kRestart) {
    KickOutLocked();
    return;
  }
  Listener& listener = stub_->listener();
  // Without an answer that reached it, the thread is on its way to ask again.
  bool with_continue = continue_;
  int result = with_continue ? listener.Continue(*this, notification_id_)
                             : listener.Reply(*this, notification_id_, static_cast<int64_t>(value_));
  if (result != 0) {
    answered_ = true;
    return;
  }
  answered_ = false;
  continue_ = false;
  call_pending_ = false;
  outcome_set_ = false;
  state_ = State::kRunning;
  if (!with_continue) return;
  const uint64_t* a = call_.arguments;
  RUNSC_DEBUG("systrap: thread %d makes call %u itself (%lx, %lx, %lx, %lx, %lx, %lx)", tid(), call_.number, a[0], a[1],
              a[2], a[3], a[4], a[5]);
  Counters::Add(stub_->machine().counters.continued_calls);
  // A kick after the answer cannot take the answer back.
  if (quarantined_ && stub_->quarantine().Wanted(this)) KickLocked();
}

void StubThread::WriteFrameLocked() {
  memory_.WriteFrame(stub_->machine().facts, registers_, extended_taken_ ? &extended_ : nullptr, frame_offset_,
                     fpstate_offset_);
  frame_ = false;
  extended_taken_ = false;
  call_pending_ = false;
  outcome_set_ = false;
}

void StubThread::SleepLocked() {
  memory_.set_word(word_);
  Counters::Add(stub_->machine().counters.listener_leaves);
  if (state_ == State::kHello) {
    memory_.set_start_word(word_);
    state_ = State::kAsleep;
    stub_->listener().Continue(*this, notification_id_);
    return;
  }
  state_ = State::kAsleep;
  stub_->listener().Reply(*this, notification_id_, static_cast<int64_t>((uint64_t{1} << STUB_REPLY_SLEEP_BIT) | word_));
}

void StubThread::WakeLocked() {
  if (++word_ == 0) word_ = 1;
  state_ = state_ == State::kExiting ? State::kExiting : State::kRunning;
  memory_.set_word(word_);
  RawSyscall(SYS_futex, memory_.word(), FUTEX_WAKE, INT_MAX);
}

void StubThread::KickLocked() {
  Stub::PidUse use(*stub_);
  if (!kicked_) {
    stub_->listener().OnKickSent();
    kick_number_++;
  }
  kicked_ = true;
  if (use.pid() == 0) return;  // Its death is about to be told.
  Counters::Add(stub_->machine().counters.kicks);
  RawSyscall(SYS_tgkill, use.pid(), tid(), STUB_KICK_SIGNAL);
}

void StubThread::KickArrivedLocked() {
  if (kicked_) stub_->listener().OnKickArrived();
  kicked_ = false;
}

void StubThread::KickOutLocked() {
  // The signal first: whether the host sees it or the answer first, the thread comes to its handler with the call
  // undone.
  KickLocked();
  bool hot = state_ == State::kHot;
  state_ = State::kLeaving;
  if (hot) return;
  stub_->listener().Reply(*this, notification_id_, 0, kRestartNoInterrupt);
}

bool StubThread::HoldStill() ABSL_NO_THREAD_SAFETY_ANALYSIS {
  mutex_.Lock();
  if (state_ != State::kRunning) return true;
  mutex_.Unlock();
  return false;
}

void StubThread::LetGo() ABSL_NO_THREAD_SAFETY_ANALYSIS { mutex_.Unlock(); }

void StubThread::LeaveListener() {
  base::MutexLock lock(mutex_);
  switch (state_) {
    case State::kNotified:
      if (waits_ != Waits::kNothing || continue_ || answered_) return;
      if (call_.ip >= 0xffffffff00000000) return;  // The vsyscall page: no instruction to go back to; never blocks.
      sleep_next_ = true;
      KickOutLocked();
      return;
    case State::kParked:
    case State::kHello:
      if (waits_ != Waits::kEvent) SleepLocked();
      return;
    default:
      return;
  }
}

void StubThread::Interrupt() {
  After after;
  {
    base::MutexLock lock(mutex_);
    if (state_ == State::kDead || state_ == State::kExiting) return;
    interrupt_ = true;
    if (waits_ == Waits::kEvent) {
      if (state_ == State::kRunning) {
        if (!kicked_) KickLocked();
      } else {
        DeliverInterruptLocked(&after);  // It has not been resumed yet.
      }
    }
  }
  Finish(after);
}

void StubThread::KickForQuarantine() {
  base::MutexLock lock(mutex_);
  if (state_ == State::kRunning && !kicked_) KickLocked();
}

void StubThread::ExitLocked() {
  registers_.rip = Labels().exit;
  registers_.rflags = 0;
  extended_taken_ = false;
  WriteFrameLocked();
  switch (state_) {
    case State::kHello:
      memory_.set_start_word(0);
      state_ = State::kExiting;
      stub_->listener().Continue(*this, notification_id_);
      return;
    case State::kAsleep:
      state_ = State::kExiting;
      WakeLocked();
      return;
    default:
      state_ = State::kExiting;
      stub_->listener().Reply(*this, notification_id_, 0);
      return;
  }
}

void StubThread::Retire() {
  stub_->listener().hot_calls().Forget(*this);
  bool planned = false;
  {
    base::MutexLock lock(mutex_);
    planned = continue_;
  }
  if (planned) PerformPlanned();
  {
    base::MutexLock lock(mutex_);
    waits_ = Waits::kNothing;
    waiter_ = nullptr;
    switch (state_) {
      case State::kNotified:
        if (call_.number == SYS_exit) {
          state_ = State::kExiting;
          stub_->listener().Continue(*this, notification_id_);
        } else {
          if (!stub_->kill_wanted()) KickOutLocked();
          state_ = State::kExiting;
        }
        break;
      case State::kHello:
      case State::kParked:
      case State::kAsleep:
        if (!stub_->kill_wanted()) {
          ExitLocked();
        } else {
          state_ = State::kExiting;
        }
        break;
      case State::kRunning:
      case State::kHot:
        if (!kicked_) KickLocked();
        state_ = State::kExiting;
        break;
      case State::kStarting:
      case State::kLeaving:
        state_ = State::kExiting;
        break;
      case State::kExiting:
      case State::kDead:
        break;
    }
  }
  stub_->OnThreadRetired(*this);
}

bool StubThread::HostThreadGone() {
  if (tid_reused_.load(std::memory_order_relaxed)) return true;
  Stub::PidUse use(*stub_);
  if (use.pid() == 0) return true;
  return RawSyscall(SYS_tgkill, use.pid(), tid(), 0) == -ESRCH;
}

void StubThread::OnStubDeath() {
  After after;
  {
    base::MutexLock lock(mutex_);
    if (state_ == State::kDead) return;
    state_ = State::kDead;
    KickArrivedLocked();
    after.release_quarantine = quarantined_;
    quarantined_ = false;
    continue_ = false;
    if (waits_ == Waits::kEvent) {
      DeliverLocked(MakeEvent(Event::Kind::kGone), &after);
    } else if (waits_ == Waits::kFrame) {
      after.wake = waiter_;
      waits_ = Waits::kNothing;
    }
  }
  Finish(after);
}

}  // namespace platform::systrap
