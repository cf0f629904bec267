// SPDX-License-Identifier: Apache-2.0
// The life of a stub process.
#include "platform/ptrace/stub.h"

#include <signal.h>
#include <sys/syscall.h>

#include <utility>

#include "platform/guest_copy.h"
#include "platform/ptrace/shard.h"
#include "platform/syscall_unsafe.h"

namespace platform::ptrace {

constinit base::LockClass Stub::kMemoryLock{"ptrace::Stub::memory_mutex_"};

Stub::Stub(Shard& shard) : shard_(shard) {}
Stub::~Stub() = default;

Tracer& Stub::tracer() const { return shard_.tracer(); }
Machine& Stub::machine() const { return shard_.machine(); }
Executor& Stub::executor() const { return *shard_.machine().executor; }

void Stub::OnBorn(int pid) {
  Counters::Add(machine().counters.live_stubs);
  pid_.set_value(pid);
  if (kill_wanted()) Kill();
}

void Stub::Kill() {
  kill_wanted_.store(true);
  HostPid::Use use(pid_);
  if (use.pid() != 0) RawSyscall(SYS_kill, use.pid(), SIGKILL);
}

void Stub::BeforeReap() {
  kill_wanted_.store(true);
  pid_.Retire();
}

void Stub::OnExit() {
  if (pid_.value() != 0) Counters::Subtract(machine().counters.live_stubs);
  helper_ = Helper::kGone;
  Command* command = std::exchange(queue_head_, nullptr);
  queue_tail_ = nullptr;
  if (current_ != nullptr) FinishCurrent(-ESRCH);
  while (command != nullptr) {
    Command* next = command->next;
    command->result = -ESRCH;
    command->finish(*command);
    command = next;
  }
  // Its container could neither fork nor map a file any more, and would live on like that.
  if (this == &shard_.zygote()) tracer().KillAll();
}

int Stub::MemoryFile() {
  base::MutexLock lock(memory_mutex_);
  if (memory_file_) return memory_file_.get();
  HostPid::Use use(pid_);
  if (use.pid() == 0 || !machine().proc) return -1;
  memory_file_ = OpenMemoryFile(machine().proc.get(), use.pid());
  return memory_file_.get();
}

}  // namespace platform::ptrace
