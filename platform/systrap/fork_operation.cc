// SPDX-License-Identifier: Apache-2.0
#include "platform/systrap/fork_operation.h"

#include "platform/systrap/shard.h"

namespace platform::systrap {

namespace {

struct Waiting {
  ForkOperation* operation;
  Executor* executor;
  Executor::Fiber* fiber;
};

void WakeWaiting(ForkOperation& operation) {
  auto* waiting = static_cast<Waiting*>(operation.context());
  waiting->executor->Wake(waiting->fiber);
}

void CommitStart(void* argument) {
  auto* waiting = static_cast<Waiting*>(argument);
  waiting->operation->Start(WakeWaiting, waiting);
}

bool IsError(int64_t result) { return result < 0 && result > -4096; }

}  // namespace

ForkOperation::ForkOperation(base::RefPtr<Stub> parent, base::RefPtr<Stub> child)
    : parent_(std::move(parent)), child_(std::move(child)), clone_(OnClone, this), initial_(OnInitial, this) {
  child_->AddSetup(initial_);
  parent_->AddFork(clone_, *child_);
}

void ForkOperation::Start(Finish finish, void* context) {
  finish_ = finish;
  context_ = context;
  base::RefPtr<Stub> parent = parent_;  // The operation may end, and be gone, before Submit returns.
  parent->shard().OnForkBegins();
  child_->Prime(initial_);
  parent->Submit(clone_);
}

void ForkOperation::OnClone(Command& command) {
  auto* self = static_cast<ForkOperation*>(command.context);
  Shard& shard = self->parent_->shard();
  if (command.result > 0) {
    self->made_ = true;
    self->child_->OnPid(static_cast<int>(command.result));
    shard.OnForkEnds();
    self->Arrive(1);
    return;
  }
  // Also when the parent died after the clone: then the child may have come to life all the same.
  bool cancelled = self->child_->CancelPrime();
  self->made_ = !cancelled;
  shard.OnForkEnds();
  self->Arrive(cancelled ? 2 : 1);
}

void ForkOperation::OnInitial(Command& command) { static_cast<ForkOperation*>(command.context)->Arrive(1); }

void ForkOperation::Arrive(int parts) {
  if (parts_.fetch_sub(parts, std::memory_order_acq_rel) == parts) finish_(*this);
}

base::Result<void> ForkOperation::Outcome() {
  if (!made_) {
    int error = IsError(clone_.result) ? static_cast<int>(-clone_.result) : EAGAIN;
    return base::Errno(error == ENOMEM ? ENOMEM : EAGAIN);
  }
  if (!IsError(initial_.result)) return {};
  child_->Kill();
  return base::Errno(initial_.result == -ENOMEM ? ENOMEM : EAGAIN);
}

base::Result<void> ForkOperation::Execute() {
  Executor& executor = parent_->executor();
  Waiting waiting{this, &executor, executor.Current()};
  executor.Park(CommitStart, &waiting);
  return Outcome();
}

}  // namespace platform::systrap
