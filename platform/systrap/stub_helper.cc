// SPDX-License-Identifier: Apache-2.0
// The helper of a stub: its commands, and its waits.
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <cstring>
#include <utility>

#include "platform/syscall_unsafe.h"
#include "platform/systrap/filter.h"
#include "platform/systrap/shard.h"
#include "platform/systrap/stub.h"
#include "platform/systrap/stub_thread.h"

namespace platform::systrap {

namespace {

// A fiber that waits for its command: lies in its frame.
struct Waiting {
  Stub* stub;
  Command* command;
  Executor* executor;
  Executor::Fiber* fiber;
};

void WakeWaiting(Command& command) {
  auto* waiting = static_cast<Waiting*>(command.context);
  waiting->executor->Wake(waiting->fiber);
}

void CommitSubmit(void* argument) {
  auto* waiting = static_cast<Waiting*>(argument);
  waiting->stub->Submit(*waiting->command);
}

}  // namespace

void Stub::SendLocked(Command& command) {
  page_->cookie = command.cookie;
  page_->count = command.count;
  memcpy(static_cast<void*>(page_->entries), command.entries, command.count * sizeof(Entry));
  if (command.name != nullptr) memcpy(page_->name, command.name, sizeof(page_->name));
  Helper was = std::exchange(helper_, Helper::kBusy);
  if (was == Helper::kAsleep) {
    page_->word.fetch_add(1);
    RawSyscall(SYS_futex, &page_->word, FUTEX_WAKE, 1);
  } else {
    // Should the answer not reach it, it asks again with the old cookie.
    listener().Reply(*this, helper_notification_, static_cast<int64_t>(command.count));
  }
}

void Stub::StartNextLocked(Command** finished) {
  *finished = nullptr;
  if (current_ != nullptr || queue_head_ == nullptr) return;
  if (helper_ != Helper::kIdle && helper_ != Helper::kAsleep) return;
  Command* command = queue_head_;
  queue_head_ = command->next;
  if (queue_head_ == nullptr) queue_tail_ = nullptr;
  if (command->claim && helper_ == Helper::kIdle) {
    helper_ = Helper::kClaimed;
    *finished = command;
    return;
  }
  current_ = command;
  SendLocked(*command);
}

void Stub::Submit(Command& command) {
  command.cookie = listener().NewCookie();
  command.next = nullptr;
  Counters::Add(machine().counters.helper_commands);
  Command* finished = nullptr;
  {
    base::MutexLock lock(mutex_);
    if (gone_) {
      command.result = -ESRCH;
      finished = &command;
    } else {
      (queue_tail_ != nullptr ? queue_tail_->next : queue_head_) = &command;
      queue_tail_ = &command;
      StartNextLocked(&finished);
    }
  }
  if (finished != nullptr) finished->finish(*finished);
}

base::Result<int64_t> Stub::Execute(Command& command) {
  Waiting waiting{this, &command, &executor(), executor().Current()};
  command.finish = WakeWaiting;
  command.context = &waiting;
  executor().Park(CommitSubmit, &waiting);
  if (command.result < 0 && command.result > -4096) return base::Errno(static_cast<int>(-command.result));
  return command.result;
}

base::Result<void> Stub::Claim() {
  Command command;
  command.claim = true;
  TRY(Execute(command));
  return {};
}

uint64_t Stub::claimed_notification() {
  base::MutexLock lock(mutex_);
  return helper_notification_;
}

void Stub::Unclaim() {
  Command* finished = nullptr;
  {
    base::MutexLock lock(mutex_);
    if (helper_ == Helper::kClaimed) helper_ = Helper::kIdle;
    StartNextLocked(&finished);
  }
  if (finished != nullptr) finished->finish(*finished);
}

void Stub::BeginIdle(uint64_t notification) {
  base::MutexLock lock(mutex_);
  helper_ = Helper::kIdle;
  helper_notification_ = notification;
}

void Stub::OnNotification(const seccomp_notif& notification) {
  if (notification.data.nr != STUB_NR_WAIT || notification.data.instruction_pointer > STUB_CODE + STUB_ZONE_SIZE ||
      notification.data.instruction_pointer < STUB_CODE) {
    Breach("a call of the helper outside its zone");
    return;
  }
  OnPid(static_cast<int>(notification.pid));
  Command* ended = nullptr;
  Command* finished = nullptr;
  {
    base::MutexLock lock(mutex_);
    helper_notification_ = notification.id;
    if (helper_ == Helper::kClaimed) return;  // It was interrupted and asks again.
    if (current_ != nullptr) {
      if (notification.data.args[2] != current_->cookie) {
        // The answer that should have started the command was lost.
        listener().Reply(*this, helper_notification_, static_cast<int64_t>(current_->count));
        return;
      }
      ended = std::exchange(current_, nullptr);
      ended->result = static_cast<int64_t>(notification.data.args[0]);
      ended->done = notification.data.args[1];
      if (ended->claim) {
        ended->result = 0;
        helper_ = Helper::kClaimed;
      }
    }
    if (helper_ != Helper::kClaimed) {
      helper_ = Helper::kIdle;
      StartNextLocked(&finished);
    }
  }
  if (ended != nullptr) ended->finish(*ended);
  if (finished != nullptr) finished->finish(*finished);
}

void Stub::LeaveListener() {
  base::MutexLock lock(mutex_);
  if (helper_ != Helper::kIdle) return;
  helper_ = Helper::kAsleep;
  Counters::Add(machine().counters.listener_leaves);
  uint64_t word = page_->word.load();
  listener().Reply(*this, helper_notification_, static_cast<int64_t>((uint64_t{1} << STUB_REPLY_SLEEP_BIT) | word));
}

void Stub::AddRun(Command& command, const Run& run) {
  uint64_t address = STUB_SLOTS + uint64_t{run.stub_first} * STUB_SLOT_SIZE;
  uint64_t length = uint64_t{run.count} * STUB_SLOT_SIZE;
  command.Add(SYS_mmap, address, length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, kSlotDescriptor,
              uint64_t{run.file_first} * STUB_SLOT_SIZE);
  command.Add(SYS_madvise, address, length, MADV_DONTFORK);
}

void Stub::AddSetup(Command& command) {
  Run first{};
  {
    base::MutexLock lock(mutex_);
    first = runs_.front();
  }
  AddRun(command, first);
  command.Add(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL);
}

void Stub::AddFork(Command& command, Stub& child) {
  command.Add(SYS_clone, ForkCloneFlags(), 0, 0, 0, kCommandDescriptor, child.page_offset(), KIND_FORK);
}

void Stub::AddThread(Command& command, StubThread& thread) {
  command.Add(SYS_clone, ThreadCloneFlags(), 0, 0, 0, thread.cookie(), thread.SlotAddress(), KIND_THREAD);
}

void Stub::Prime(Command& initial) {
  initial.cookie = listener().NewCookie();
  {
    base::MutexLock lock(mutex_);
    current_ = &initial;
    page_->cookie = initial.cookie;
    page_->count = initial.count;
    memcpy(static_cast<void*>(page_->entries), initial.entries, initial.count * sizeof(Entry));
  }
  listener().Expect(initial.cookie, base::RefPtr<Endpoint>(this));
}

bool Stub::CancelPrime() {
  Command* initial = nullptr;
  {
    base::MutexLock lock(mutex_);
    initial = std::exchange(current_, nullptr);
    gone_ = true;
  }
  if (initial == nullptr) return false;
  listener().Unexpect(initial->cookie);
  return true;
}

}  // namespace platform::systrap
