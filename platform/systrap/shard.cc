// SPDX-License-Identifier: Apache-2.0
#include "platform/systrap/shard.h"

#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <utility>

#include "base/log.h"
#include "platform/syscall_unsafe.h"
#include "platform/systrap/fork_operation.h"
#include "platform/systrap/stub_thread.h"

namespace platform::systrap {

constinit base::LockClass Shard::kLock{"systrap::Shard::mutex_"};

Machine::Machine() = default;
Machine::~Machine() = default;

Shard::Shard(Machine& machine, std::unique_ptr<SlotFile> slots, std::unique_ptr<CommandFile> commands)
    : machine_(machine), slots_(std::move(slots)), commands_(std::move(commands)) {}

void Shard::set_listener(std::unique_ptr<Listener> listener) {
  listener_ = std::move(listener);
  listener_->set_tick_hook(OnTick, this);
}

Shard::~Shard() {
  if (zygote_) {
    // All at once: a child that is being made is in no list yet, and nobody receives its first word any more.
    Stub::PidUse use(*zygote_);
    if (use.pid() > 0) RawSyscall(SYS_kill, -use.pid(), SIGKILL);
  }
  KillAll();
  if (reaper_started_) {
    pthread_join(reaper_, nullptr);
  } else if (group_ != 0) {
    ReapLoop(this);
  }
  zygote_ = nullptr;
}

base::Result<void> Shard::StartReaper() {
  if (pthread_create(&reaper_, nullptr, ReapLoop, this) != 0) return base::Errno(EAGAIN);
  reaper_started_ = true;
  return {};
}

void Shard::KillAll() {
  std::vector<base::RefPtr<Stub>> stubs;
  std::vector<base::RefPtr<Stub>> ready;
  {
    base::MutexLock lock(mutex_);
    closing_ = true;
    for (const auto& [pid, stub] : stubs_) stubs.push_back(stub);
    ready.swap(ready_);
  }
  for (const auto& stub : stubs) stub->Kill();
}

// Runs until the group has no process left. Every process of the shard is a child of ours (CLONE_PARENT) and in the
// zygote's process group.
void* Shard::ReapLoop(void* argument) {
  auto* self = static_cast<Shard*>(argument);
  for (;;) {
    siginfo_t info{};
    // The zombie stays: its id must not be used again while somebody still names it.
    long result = RawSyscall(SYS_waitid, P_PGID, self->group_, &info, WEXITED | WNOWAIT | __WALL, 0);
    if (result == -EINTR) continue;
    if (result < 0) break;
    int pid = info.si_pid;
    base::RefPtr<Stub> stub;
    {
      base::MutexLock lock(self->mutex_);
      auto found = self->stubs_.find(pid);
      if (found != self->stubs_.end()) stub = found->second;
    }
    if (!stub) {
      self->ReapUnknown(pid);
      continue;
    }
    stub->OnHostDeath();
    if (stub.get() == self->zygote_.get()) {
      // Its container could neither fork nor map a file any more, and would live on like that.
      RUNSC_INFO("systrap: zygote %d is gone, and its container with it", pid);
      self->KillAll();
    }
    // Whoever still holds the id gives it back at once; the host's calls on a dead process return.
    while (!stub->reaped()) RawSyscall(SYS_sched_yield);
  }
  return nullptr;
}

void Shard::ReapUnknown(int pid) {
  RawSyscall(SYS_wait4, pid, 0, __WALL, 0);
  base::MutexLock lock(mutex_);
  if (forks_ > 0) early_deaths_.insert(pid);
}

void Shard::OnForkBegins() {
  base::MutexLock lock(mutex_);
  forks_++;
}

void Shard::OnForkEnds() {
  base::MutexLock lock(mutex_);
  if (--forks_ == 0) early_deaths_.clear();
}

bool Shard::Register(int pid, base::RefPtr<Stub> stub) {
  bool kill = false;
  {
    base::MutexLock lock(mutex_);
    if (early_deaths_.erase(pid) != 0) return false;
    kill = closing_;
    stubs_[pid] = stub;
  }
  if (kill) stub->Kill();
  return true;
}

void Shard::Unregister(int pid, Stub* stub) {
  base::RefPtr<Stub> dropped;
  base::MutexLock lock(mutex_);
  auto found = stubs_.find(pid);
  if (found == stubs_.end() || found->second.get() != stub) return;
  dropped = std::move(found->second);
  stubs_.erase(found);
}

base::Result<base::RefPtr<Stub>> Shard::NewStub() {
  for (;;) {
    base::RefPtr<Stub> stub;
    {
      base::MutexLock lock(mutex_);
      wants_ready_ = true;
      if (ready_.empty()) break;
      stub = std::move(ready_.back());
      ready_.pop_back();
    }
    if (!stub->kill_wanted()) return stub;
  }
  ForkOperation operation(zygote_, TRY(Stub::Create(*this)));
  TRY(operation.Execute());
  return operation.child();
}

bool Shard::OnTick(void* self) {
  auto* shard = static_cast<Shard*>(self);
  bool refills = shard->Refill();
  return shard->CloseReturned() || refills;
}

// Keeps some pristine stubs ready, once the first was asked for.
bool Shard::Refill() {
  {
    base::MutexLock lock(mutex_);
    if (!wants_ready_ || closing_ || ready_.size() + refills_ >= kReady || zygote_->kill_wanted()) return refills_ > 0;
    refills_++;
  }
  auto child = Stub::Create(*this);
  if (!child.ok()) {
    base::MutexLock lock(mutex_);
    refills_--;
    return false;
  }
  auto* operation = new ForkOperation(zygote_, std::move(child).value());
  operation->Start(
      [](ForkOperation& finished) {
        auto* shard = static_cast<Shard*>(finished.context());
        bool good = finished.Outcome().ok();
        {
          base::MutexLock lock(shard->mutex_);
          shard->refills_--;
          if (good && !shard->closing_) shard->ready_.push_back(finished.child());
          if (!good) shard->wants_ready_ = false;  // Until the next that is asked for.
        }
        delete &finished;
      },
      this);
  return true;
}

}  // namespace platform::systrap
