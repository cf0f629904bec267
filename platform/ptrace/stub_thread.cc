// SPDX-License-Identifier: Apache-2.0
// What a fiber asks of its guest thread.
#include "platform/ptrace/stub_thread.h"

#include <sys/syscall.h>

#include <cerrno>
#include <utility>

#include "base/log.h"
#include "platform/ptrace/stub_layout.h"
#include "platform/syscall_unsafe.h"

namespace platform::ptrace {

namespace {

constexpr uint64_t kInstructionSize = 2;

Event MakeEvent(Event::Kind kind) {
  Event event{};
  event.kind = kind;
  return event;
}

}  // namespace

constinit base::LockClass StubThread::kLock{"ptrace::StubThread::mutex_"};

StubThread::StubThread(base::RefPtr<Stub> stub) : stub_(std::move(stub)) {
  Counters::Add(stub_->machine().counters.live_threads);
}

StubThread::~StubThread() { Counters::Subtract(stub_->machine().counters.live_threads); }

base::Result<base::RefPtr<StubThread>> StubThread::Create(base::RefPtr<Stub> stub, const Registers& registers,
                                                          const ExtendedState& state) {
  auto thread = base::AdoptRef(new StubThread(std::move(stub)));
  if (!thread->extended_.CopyFrom(state)) return base::Errno(ENOMEM);
  thread->extended_taken_ = true;
  thread->registers_ = InitialRegisters();
  thread->registers_.general = registers;
  return thread;
}

void StubThread::CommitParking(void* argument) {
  auto* parking = static_cast<Parking*>(argument);
  parking->thread->stub_->tracer().Post(parking->request);
}

Event StubThread::Run() {
  {
    base::MutexLock lock(mutex_);
    if (state_ == State::kDead) return MakeEvent(Event::Kind::kGone);
    if (std::exchange(interrupt_, false)) return MakeEvent(Event::Kind::kInterrupt);
  }
  if (call_pending_ && !outcome_set_) {
    RUNSC_ERROR("ptrace: thread %d was resumed without the outcome of call %u", tid(), call_.number);
    stub_->Kill();
    return MakeEvent(Event::Kind::kGone);
  }
  Executor& executor = stub_->executor();
  Parking parking{this, executor.Current(), {}};
  parking.request.perform = [](Request& request) {
    auto* self = static_cast<Parking*>(request.context);
    self->thread->PerformRun(self->fiber);
  };
  parking.request.context = &parking;
  executor.Park(CommitParking, &parking);
  return event_;
}

void StubThread::PerformRun(Executor::Fiber* fiber) {
  bool resume = false;
  bool dead = false;
  {
    base::MutexLock lock(mutex_);
    waiter_ = fiber;
    dead = state_ == State::kDead;
    resume = !dead && !interrupt_ && state_ == State::kStopped;
    if (resume) state_ = State::kRunning;
    if (!dead && !resume && !interrupt_) return;  // Resumed at its first stop.
    if (!resume) interrupt_ = false;
  }
  if (resume) {
    Resume();
  } else {
    Deliver(MakeEvent(dead ? Event::Kind::kGone : Event::Kind::kInterrupt));
  }
}

void StubThread::SetSyscall(SyscallAction action, uint64_t value) {
  if (!call_pending_) return;
  Registers& r = registers_.general;
  if (action == SyscallAction::kRestart) {
    r.rip = call_.ip - kInstructionSize;
    r.rax = call_.number;
  } else {
    // Changing one's mind: the registers show the call as returned again.
    if (outcome_set_ && action_ == SyscallAction::kRestart) r.rip = call_.ip;
    r.rax = value;
  }
  outcome_set_ = true;
  action_ = action;
}

base::Result<Registers*> StubThread::GetRegisters() {
  base::MutexLock lock(mutex_);
  if (state_ == State::kDead) return base::Errno(ESRCH);
  return &registers_.general;
}

base::Result<ExtendedState*> StubThread::GetExtendedState() {
  if (!extended_taken_) {
    Executor& executor = stub_->executor();
    Parking parking{this, executor.Current(), {}};
    parking.request.perform = [](Request& request) {
      auto* self = static_cast<Parking*>(request.context);
      self->thread->PerformFetch(*self);
    };
    parking.request.context = &parking;
    executor.Park(CommitParking, &parking);
    if (!parking.good) return base::Errno(ESRCH);
    extended_taken_ = true;
  }
  TRY(GetRegisters());
  return &extended_;
}

void StubThread::PerformFetch(Parking& parking) {
  Machine& machine = stub_->machine();
  parking.good = ReadExtendedState(tid(), machine.facts, machine.extended_set_size, &extended_).ok();
  stub_->executor().Wake(parking.fiber);
}

base::Result<void> StubThread::SetFsBase(uint64_t value) {
  Registers* registers = TRY(GetRegisters());
  registers->fs_base = value;
  return {};
}

void StubThread::Interrupt() {
  base::MutexLock lock(mutex_);
  interrupt_ = true;
  if (state_ != State::kRunning || kicked_) return;
  HostPid::Use use(stub_->pid());
  if (use.pid() == 0) return;  // Its death is about to be told.
  kicked_ = true;
  Counters::Add(stub_->machine().counters.kicks);
  RawSyscall(SYS_tgkill, use.pid(), tid(), STUB_KICK_SIGNAL);
}

void StubThread::Retire() {
  {
    base::MutexLock lock(mutex_);
    if (state_ == State::kDead || std::exchange(retired_, true)) return;
  }
  Ref();  // The request's.
  retire_.perform = [](Request& request) {
    auto* self = static_cast<StubThread*>(request.context);
    self->PerformRetire();
    self->Unref();
  };
  retire_.context = this;
  stub_->tracer().Post(retire_);
}

void StubThread::PerformRetire() {
  {
    base::MutexLock lock(mutex_);
    if (state_ != State::kStopped) return;  // Dead, or ended at its first stop.
    state_ = State::kExiting;
  }
  End();
}

}  // namespace platform::ptrace
