// SPDX-License-Identifier: Apache-2.0
// The helper of a stub: calls it is made to make.
#include <signal.h>

#include <cerrno>
#include <utility>

#include "base/log.h"
#include "platform/ptrace/shard.h"
#include "platform/ptrace/stub.h"
#include "platform/ptrace/stub_image.h"
#include "platform/ptrace/stub_layout.h"

namespace platform::ptrace {

namespace {

// A fiber that waits for its command: lies in its frame.
struct Waiting {
  Stub* stub;
  Command* command;
  Executor* executor;
  Executor::Fiber* fiber;
  Request request;
};

void CommitSubmit(void* argument) {
  auto* waiting = static_cast<Waiting*>(argument);
  waiting->stub->tracer().Post(waiting->request);
}

bool IsError(int64_t result) { return result < 0 && result > -4096; }

}  // namespace

base::Result<int64_t> Stub::Execute(Command& command) {
  Waiting waiting{this, &command, &executor(), executor().Current(), {}};
  waiting.request.perform = [](Request& request) {
    auto* self = static_cast<Waiting*>(request.context);
    self->stub->Begin(*self->command);
  };
  waiting.request.context = &waiting;
  command.finish = [](Command& finished) {
    auto* self = static_cast<Waiting*>(finished.context);
    self->executor->Wake(self->fiber);
  };
  command.context = &waiting;
  waiting.executor->Park(CommitSubmit, &waiting);
  if (IsError(command.result)) return base::Errno(static_cast<int>(-command.result));
  return command.result;
}

void Stub::Begin(Command& command) {
  Counters::Add(machine().counters.helper_commands);
  command.next = nullptr;
  if (helper_ == Helper::kGone) {
    command.result = -ESRCH;
    command.finish(command);
    return;
  }
  (queue_tail_ != nullptr ? queue_tail_->next : queue_head_) = &command;
  queue_tail_ = &command;
  StartNext();
}

void Stub::StartNext() {
  while (helper_ == Helper::kIdle && queue_head_ != nullptr) {
    current_ = queue_head_;
    queue_head_ = current_->next;
    if (queue_head_ == nullptr) queue_tail_ = nullptr;
    current_->done = 0;
    current_->result = 0;
    helper_ = Helper::kBusy;
    if (current_->start != nullptr) current_->start(*current_);
    if (current_->child != nullptr) tracer().OnCloneBegins();
    if (current_->count == 0) {
      helper_ = Helper::kIdle;
      FinishCurrent(0);
    } else {
      StartCall();
    }
  }
}

void Stub::StartCall() {
  const HostCall& call = current_->calls[current_->done];
  bool exchange = call.number == Command::kExchange;
  TraceeRegisters registers = InitialRegisters();
  Registers& r = registers.general;
  r.rip = exchange ? Labels().exchange : Labels().call;
  r.rsp = SCRATCH_STACK;
  r.rdi = call.arguments[0];
  r.rax = exchange ? call.arguments[1] : call.number;
  r.rsi = call.arguments[1];
  r.rdx = call.arguments[2];
  r.r10 = call.arguments[3];
  r.r8 = call.arguments[4];
  r.r9 = call.arguments[5];
  int tid = pid_.value();
  auto started = WriteRegisters(tid, registers);
  if (started.ok()) started = RunNatively(tid);
  // Otherwise it was killed: its end is told.
  if (!started.ok() && started.error().code() != ESRCH) {
    RUNSC_WARN("ptrace: stub %d does not take a call: %s", tid, base::ErrnoName(started.error().code()));
    Kill();
  }
}

void Stub::OnStop(int status) {
  if (helper_ == Helper::kStarting) {
    helper_ = Helper::kIdle;
    StartNext();
    return;
  }
  if (helper_ != Helper::kBusy) return;
  bool exchange = current_->calls[current_->done].number == Command::kExchange;
  if (status == SIGTRAP) {
    TraceeRegisters registers;
    if (!ReadRegisters(pid_.value(), &registers).ok()) return;
    uint64_t expected = (exchange ? Labels().exchanged : Labels().called) + kBreakpointSize;
    if (registers.general.rip == expected) {
      OnCallMade(static_cast<int64_t>(registers.general.rax));
      return;
    }
  } else if (exchange && (status == SIGSEGV || status == SIGBUS)) {
    OnCallMade(-EFAULT);
    return;
  }
  (void)RunNatively(pid_.value()).ok();  // A signal somebody on the host sent.
}

void Stub::OnCallMade(int64_t result) {
  bool failed = IsError(result);
  if (!failed && ++current_->done < current_->count) {
    StartCall();
    return;
  }
  helper_ = Helper::kIdle;
  FinishCurrent(result);
  StartNext();
}

void Stub::FinishCurrent(int64_t result) {
  Command* command = std::exchange(current_, nullptr);
  command->result = result;
  if (Tracee* child = command->child; child != nullptr) {
    if (!IsError(result)) tracer().Adopt(static_cast<int>(result), base::RefPtr<Tracee>(child));
    tracer().OnCloneEnds();
  }
  command->finish(*command);
}

}  // namespace platform::ptrace
