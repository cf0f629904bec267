// SPDX-License-Identifier: Apache-2.0
// What a fiber asks of its stopped thread: registers, the outcome of a call, calls the thread shall make itself.
#include <asm/prctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include <utility>

#include "platform/systrap/machine.h"
#include "platform/systrap/stub.h"
#include "platform/systrap/stub_thread.h"

namespace platform::systrap {

void StubThread::SetSyscall(SyscallAction action, uint64_t value) {
  base::MutexLock lock(mutex_);
  if (!call_pending_) return;
  // Changing one's mind: the registers show the call as returned again.
  if (frame_ && outcome_set_ && action_ == SyscallAction::kRestart && action == SyscallAction::kReturn) {
    registers_.rip = call_.ip;
  }
  outcome_set_ = true;
  action_ = action;
  value_ = value;
  ApplyOutcomeLocked();
}

base::Result<Registers*> StubThread::GetRegisters() {
  bool planned = false;
  {
    base::MutexLock lock(mutex_);
    if (state_ == State::kDead) return base::Errno(ESRCH);
    if (frame_ && !continue_) return &registers_;
    planned = continue_;
  }
  if (planned) PerformPlanned();
  Executor& executor = stub_->executor();
  Parking parking{this, executor.Current()};
  executor.Park(CommitFrame, &parking);
  base::MutexLock lock(mutex_);
  if (state_ == State::kDead || !frame_) return base::Errno(ESRCH);
  return &registers_;
}

void StubThread::CommitFrame(void* argument) {
  auto* parking = static_cast<Parking*>(argument);
  base::RefPtr<StubThread> self(parking->thread);
  After after;
  {
    base::MutexLock lock(self->mutex_);
    if (self->state_ == State::kDead || self->frame_) {
      after.wake = parking->fiber;
    } else {
      self->waiter_ = parking->fiber;
      self->waits_ = Waits::kFrame;
      if (self->state_ == State::kNotified || self->state_ == State::kHot) self->KickOutLocked();
    }
  }
  self->Finish(after);
}

base::Result<ExtendedState*> StubThread::GetExtendedState() {
  TRY(GetRegisters());
  base::MutexLock lock(mutex_);
  if (!extended_taken_) {
    if (!memory_.ReadExtendedState(stub_->machine().facts, fpstate_offset_, &extended_)) return base::Errno(ENOMEM);
    extended_taken_ = true;
  }
  return &extended_;
}

base::Result<void> StubThread::SetFsBase(uint64_t value) {
  {
    base::MutexLock lock(mutex_);
    if (state_ == State::kDead) return base::Errno(ESRCH);
    if (state_ == State::kNotified && call_pending_ && call_.number == SYS_arch_prctl &&
        call_.arguments[0] == ARCH_SET_FS && call_.arguments[1] == value) {
      continue_ = true;
      return {};
    }
  }
  Registers* registers = TRY(GetRegisters());
  registers->fs_base = value;
  return {};
}

bool StubThread::CanContinue(uint32_t number, const uint64_t (&arguments)[6], unsigned mask) {
  base::MutexLock lock(mutex_);
  if (state_ != State::kNotified || !call_pending_ || continue_ || quarantined_ || call_.number != number) return false;
  for (int i = 0; i < 6; i++) {
    if ((mask & (1U << i)) != 0 && call_.arguments[i] != arguments[i]) return false;
  }
  return true;
}

void StubThread::PlanContinue(bool quarantined) {
  base::MutexLock lock(mutex_);
  continue_ = true;
  quarantined_ = quarantined;
}

void StubThread::PerformPlanned() {
  Call call;
  {
    base::MutexLock lock(mutex_);
    if (!continue_) return;
    continue_ = false;
    call = call_;
  }
  if (call.number == SYS_arch_prctl) {
    auto registers = GetRegisters();
    if (registers.ok()) registers.value()->fs_base = call.arguments[1];
    return;
  }
  if (call.number == SYS_mmap) call.arguments[3] &= ~uint64_t{MAP_STACK};
  Command batch;
  const uint64_t* a = call.arguments;
  batch.Add(call.number, a[0], a[1], a[2], a[3], a[4], a[5]);
  // An error is what the guest would have seen, too late to be told.
  (void)stub_->Execute(batch).ok();
  bool quarantined = false;
  {
    base::MutexLock lock(mutex_);
    quarantined = std::exchange(quarantined_, false);
  }
  if (quarantined) stub_->quarantine().Release(this, stub_->executor());
}

}  // namespace platform::systrap
