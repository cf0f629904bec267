// SPDX-License-Identifier: Apache-2.0
// A guest thread as its tracer sees it: resumed, stopped, ended. All on the tracer's thread.
#include <errno.h>
#include <linux/audit.h>
#include <signal.h>
#include <sys/syscall.h>

#include <utility>

#include "base/log.h"
#include "platform/guest_copy.h"
#include "platform/ptrace/stub_image.h"
#include "platform/ptrace/stub_layout.h"
#include "platform/ptrace/stub_thread.h"
#include "platform/signal_frame.h"

namespace platform::ptrace {

namespace {

constexpr uint64_t kInstructionSize = 2;
constexpr int kCallStop = SIGTRAP | 0x80;
constexpr int kSeccompCode = 1;  // SYS_SECCOMP.
constexpr uint64_t kGeneralProtection = 13;

}  // namespace

void StubThread::OnBorn(int tid) { tid_.store(tid, std::memory_order_relaxed); }

void StubThread::OnExit() {
  Executor::Fiber* waiter = nullptr;
  {
    base::MutexLock lock(mutex_);
    state_ = State::kDead;
    waiter = std::exchange(waiter_, nullptr);
  }
  if (waiter == nullptr) return;
  event_ = Event{};
  event_.kind = Event::Kind::kGone;
  stub_->executor().Wake(waiter);
}

void StubThread::Deliver(const Event& event) {
  Executor::Fiber* waiter = nullptr;
  {
    base::MutexLock lock(mutex_);
    if (state_ == State::kRunning) state_ = State::kStopped;
    waiter = std::exchange(waiter_, nullptr);
    if (waiter != nullptr) event_ = event;
  }
  if (waiter != nullptr) stub_->executor().Wake(waiter);
}

void StubThread::Breach(const char* what) {
  RUNSC_WARN("ptrace: thread %d: %s: killed", tid(), what);
  stub_->Kill();
}

void StubThread::Resume() {
  call_pending_ = false;
  outcome_set_ = false;
  Machine& machine = stub_->machine();
  base::Result<void> result = {};
  if (std::exchange(extended_taken_, false)) {
    result = WriteExtendedState(tid(), machine.facts, machine.extended_set_size, extended_);
  }
  if (result.ok()) result = WriteRegisters(tid(), registers_);
  if (result.ok()) result = RunGuest(tid(), 0);
  // ESRCH: it was killed; its end is told.
  if (!result.ok() && result.error().code() != ESRCH) Breach("the host refuses its registers");
}

void StubThread::Continue() { (void)RunGuest(tid(), 0).ok(); }

void StubThread::End() {
  TraceeRegisters registers = InitialRegisters();
  registers.general.rip = Labels().call;
  registers.general.rax = SYS_exit;
  registers.general.rsp = SCRATCH_STACK;
  auto result = WriteRegisters(tid(), registers);
  if (result.ok()) result = RunNatively(tid());
  if (!result.ok() && result.error().code() != ESRCH) Breach("it does not end");
}

void StubThread::OnStop(int status) {
  State state;
  bool interrupt = false;
  {
    base::MutexLock lock(mutex_);
    state = state_;
    if (state == State::kStarting) {
      state_ = retired_ ? State::kExiting : waiter_ != nullptr && !interrupt_ ? State::kRunning : State::kStopped;
      interrupt = waiter_ != nullptr && std::exchange(interrupt_, false);
    }
  }
  switch (state) {
    case State::kStarting: {
      base::MutexLock lock(mutex_);
      state = state_;
      break;
    }
    case State::kRunning:
      OnGuestStop(status);
      return;
    case State::kExiting:
      (void)RunNatively(tid()).ok();  // A kick that came late.
      return;
    default:
      return;
  }
  if (state == State::kRunning) Resume();
  if (state == State::kExiting) End();
  if (interrupt) {
    Event event{};
    event.kind = Event::Kind::kInterrupt;
    Deliver(event);
  }
}

void StubThread::OnGuestStop(int status) {
  int signal = status & 0xff;
  if (status >> 8 != 0) {
    Continue();  // A stop or continuation that somebody on the host sent.
  } else if (signal == kCallStop) {
    OnCall();
  } else {
    OnSignal(signal);
  }
}

void StubThread::BeginCall(uint32_t number, Event* event) {
  Registers& r = registers_.general;
  Counters::Add(stub_->machine().counters.trapped_calls);
  call_ = Call{number, r.rip};
  call_pending_ = true;
  outcome_set_ = false;
  r.rax = static_cast<uint64_t>(-ENOSYS);
  r.orig_rax = number;
  event->kind = Event::Kind::kSyscall;
  event->number = number;
  const uint64_t arguments[6] = {r.rdi, r.rsi, r.rdx, r.r10, r.r8, r.r9};
  for (int i = 0; i < 6; i++) event->arguments[i] = arguments[i];
  event->instruction_pointer = r.rip;
}

void StubThread::OnCall() {
  if (!ReadRegisters(tid(), &registers_).ok()) return;
  auto architecture = ReadCallArchitecture(tid());
  if (!architecture.ok()) return;
  Registers& r = registers_.general;
  Event event{};
  if (architecture.value() == AUDIT_ARCH_X86_64) {
    BeginCall(static_cast<uint32_t>(r.orig_rax), &event);
  } else {
    // int $0x80: as on a kernel without 32-bit calls, a general protection fault on that vector of the table.
    r.rip -= kInstructionSize;
    r.rax = r.orig_rax;
    r.orig_rax = ~uint64_t{0};
    event.kind = Event::Kind::kFault;
    event.signal = SIGSEGV;
    event.code = SI_KERNEL;
    event.trap_number = kGeneralProtection;
    event.error_code = 0x80 * 8 + 2;
  }
  Deliver(event);
}

void StubThread::OnSignal(int signal) {
  siginfo_t info{};
  if (!ReadSignal(tid(), &info).ok()) return;
  if (info.si_code > 0) {
    switch (signal) {
      case SIGSYS:
        if (info.si_code == kSeccompCode) OnVsyscall(info);
        return;
      case SIGSEGV:
      case SIGBUS:
      case SIGFPE:
      case SIGILL:
      case SIGTRAP:
        OnFault(info);
        return;
      default:
        break;
    }
  }
  bool interrupt = false;
  if (signal == STUB_KICK_SIGNAL) {
    base::MutexLock lock(mutex_);
    kicked_ = false;
    interrupt = std::exchange(interrupt_, false);
  }
  if (!interrupt) {
    Continue();
    return;
  }
  if (!ReadRegisters(tid(), &registers_).ok()) return;
  registers_.general.orig_rax = ~uint64_t{0};
  Event event{};
  event.kind = Event::Kind::kInterrupt;
  Deliver(event);
}

// The host emulates the vsyscall page: it asks the filter, and returns to the caller without the call.
void StubThread::OnVsyscall(const siginfo_t& info) {
  if (!ReadRegisters(tid(), &registers_).ok()) return;
  Event event{};
  BeginCall(static_cast<uint32_t>(info.si_syscall), &event);
  Deliver(event);
}

void StubThread::OnFault(const siginfo_t& info) {
  if (!ReadRegisters(tid(), &registers_).ok()) return;
  registers_.general.orig_rax = ~uint64_t{0};
  Event event{};
  event.kind = Event::Kind::kFault;
  event.signal = info.si_signo;
  event.code = info.si_code;
  event.address = FaultAddress(info);
  if (!CollectFault(info.si_signo, &event)) return;
  Deliver(event);
}

// ptrace does not tell a fault's number and error code, but the host writes them into the frame of a signal: the thread
// is let into a handler on the scratch pages, stops there at once, and has its registers put back. A sibling that
// scribbles over the frame falsifies what its own process is told.
bool StubThread::CollectFault(int signal, Event* event) {
  Machine& machine = stub_->machine();
  ExtendedState state;
  if (!ReadExtendedState(tid(), machine.facts, machine.extended_set_size, &state).ok()) return false;
  TraceeRegisters registers = registers_;
  registers.general.rsp = SCRATCH_STACK;
  registers.general.rflags = InitialRegisters().general.rflags;
  if (!WriteRegisters(tid(), registers).ok() || !RunGuest(tid(), signal).ok()) return false;
  for (;;) {
    int status = stub_->tracer().WaitForStop(tid());
    if (status < 0 || !ReadRegisters(tid(), &registers).ok()) return false;
    if (status == SIGTRAP && registers.general.rip == Labels().handled) break;
    if (status == STUB_KICK_SIGNAL) {
      base::MutexLock lock(mutex_);
      kicked_ = false;  // The interrupt is delivered by the next Run.
    }
    if (!RunGuest(tid(), 0).ok()) return false;
  }
  HostFrame frame{};
  HostPid::Use use(stub_->pid());
  auto got = ReadGuest(use.pid(), base::GuestAddr(registers.general.rdx), std::as_writable_bytes(std::span(&frame, 1)));
  if (got.ok() && got.value() == sizeof(frame)) {
    event->trap_number = frame.trap_number;
    event->error_code = frame.error_code;
  }
  return WriteExtendedState(tid(), machine.facts, machine.extended_set_size, state).ok();
}

}  // namespace platform::ptrace
