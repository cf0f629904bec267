// SPDX-License-Identifier: Apache-2.0
// The life of a stub process.
#include "platform/systrap/stub.h"

#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/log.h"
#include "platform/guest_copy.h"
#include "platform/syscall_unsafe.h"
#include "platform/systrap/shard.h"
#include "platform/systrap/stub_thread.h"

namespace platform::systrap {

constinit base::LockClass Stub::kLock{"systrap::Stub::mutex_"};
constinit base::LockClass Stub::kMemoryLock{"systrap::Stub::memory_mutex_"};

Stub::Stub(Shard& shard, uint32_t page) : shard_(shard), page_index_(page), page_(shard.commands().At(page)) {}

base::Result<base::RefPtr<Stub>> Stub::Create(Shard& shard) {
  uint32_t page = TRY(shard.commands().Allocate());
  base::RefPtr<Stub> stub = base::AdoptRef(new Stub(shard, page));
  Run run{0, TRY(shard.slots().Allocate(SlotFile::kUnit)), SlotFile::kUnit};
  base::MutexLock lock(stub->mutex_);
  stub->runs_.push_back(run);
  stub->next_run_ = run.count;
  // Slot 0 is where the host puts the frame of a fault of the helper.
  for (uint32_t i = run.count - 1; i > 0; i--) stub->free_slots_.push_back(i);
  return stub;
}

Stub::~Stub() {
  for (const Run& run : runs_) shard_.slots().Free(run.file_first, run.count);
  shard_.commands().Free(page_index_);
}

Machine& Stub::machine() const { return shard_.machine(); }
Executor& Stub::executor() const { return *shard_.machine().executor; }
Listener& Stub::listener() const { return shard_.listener(); }

Stub::PidUse::PidUse(Stub& stub) : stub_(stub) {
  uint32_t old = stub.users_.fetch_add(1, std::memory_order_acq_rel);
  if ((old & kDeadBit) == 0) pid_ = stub.pid();
}

Stub::PidUse::~PidUse() { stub_.Release(); }

void Stub::Release() {
  if (users_.fetch_sub(1, std::memory_order_acq_rel) == kDeadBit + 1) Reap();
}

void Stub::Reap() {
  if (reaping_.exchange(true)) return;
  base::RefPtr<Stub> self(this);
  int pid = pid_.load();
  RawSyscall(SYS_wait4, pid, 0, __WALL, 0);
  shard_.Unregister(pid, this);
  reaped_.store(true);
}

void Stub::OnPid(int pid) {
  if (pid_.load() == pid) return;
  int none = 0;
  if (!pid_.compare_exchange_strong(none, pid)) {
    if (none != pid) Breach("two helpers");
    return;
  }
  Counters::Add(machine().counters.live_stubs);
  if (!shard_.Register(pid, base::RefPtr<Stub>(this))) {
    // It has died and was reaped before anybody knew it.
    reaping_.store(true);
    OnHostDeath();
    return;
  }
  if (kill_wanted()) Kill();
}

void Stub::Kill() {
  kill_wanted_.store(true);
  PidUse use(*this);
  if (use.pid() != 0) RawSyscall(SYS_kill, use.pid(), SIGKILL);
}

void Stub::Breach(const char* what) {
  RUNSC_WARN("systrap: stub %d: %s: killed", pid(), what);
  Kill();
}

void Stub::OnHostDeath() {
  base::RefPtr<Stub> self(this);
  kill_wanted_.store(true);
  users_.fetch_add(1, std::memory_order_acq_rel);
  users_.fetch_or(kDeadBit, std::memory_order_acq_rel);
  Counters::Subtract(machine().counters.live_stubs);
  std::vector<base::RefPtr<StubThread>> threads;
  Command* commands = nullptr;
  {
    base::MutexLock lock(mutex_);
    gone_ = true;
    threads = std::move(threads_);
    for (auto& thread : retired_) threads.push_back(std::move(thread));
    threads_.clear();
    retired_.clear();
    commands = std::exchange(queue_head_, nullptr);
    queue_tail_ = nullptr;
    if (current_ != nullptr) {
      current_->next = commands;
      commands = std::exchange(current_, nullptr);
    }
  }
  listener().Unbind(pid(), this);
  for (const auto& thread : threads) {
    thread->OnStubDeath();
    listener().Unexpect(thread->cookie());
    if (thread->tid() != 0) listener().Unbind(thread->tid(), thread.get());
  }
  while (commands != nullptr) {
    Command* command = commands;
    commands = command->next;
    command->result = -ESRCH;
    listener().Unexpect(command->cookie);
    command->finish(*command);
  }
  Release();
}

int Stub::MemoryFile() {
  base::MutexLock lock(memory_mutex_);
  if (memory_file_) return memory_file_.get();
  PidUse use(*this);
  if (use.pid() == 0 || !machine().proc) return -1;
  memory_file_ = OpenMemoryFile(machine().proc.get(), use.pid());
  return memory_file_.get();
}

}  // namespace platform::systrap
