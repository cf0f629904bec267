// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <pthread.h>

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/mutex.h"
#include "base/ref.h"
#include "base/result.h"
#include "platform/systrap/listener.h"
#include "platform/systrap/machine.h"
#include "platform/systrap/memory_files.h"
#include "platform/systrap/stub.h"

namespace platform::systrap {

// One zygote and all that descends from it: a listener, a descriptor table, memory files. Thread-safe.
class Shard {
 public:
  Shard(Machine& machine, std::unique_ptr<SlotFile> slots, std::unique_ptr<CommandFile> commands);
  // Kills every process of the shard and reaps it.
  ~Shard();

  Machine& machine() const { return machine_; }
  Listener& listener() const { return *listener_; }
  bool has_listener() const { return listener_ != nullptr; }
  void set_listener(std::unique_ptr<Listener> listener);
  SlotFile& slots() const { return *slots_; }
  CommandFile& commands() const { return *commands_; }
  Stub& zygote() const { return *zygote_; }
  void set_zygote(base::RefPtr<Stub> zygote, int group) {
    zygote_ = std::move(zygote);
    group_ = group;
  }

  // Starts the thread that reaps the shard's processes. Errors: EAGAIN.
  base::Result<void> StartReaper();

  // A pristine stub. Parks. Errors: EAGAIN, ENOMEM.
  base::Result<base::RefPtr<Stub>> NewStub();

  // The registry of processes by pid.
  // Between these two a child may die before anybody knows its pid.
  void OnForkBegins();
  void OnForkEnds();
  // Returns false when that process is dead already.
  bool Register(int pid, base::RefPtr<Stub> stub);
  void Unregister(int pid, Stub* stub);
  void KillAll();

  // ---- Donated descriptors (donate.cc).
  // A number for the stubs' table. Errors: EMFILE.
  base::Result<int> TakeNumber();
  // The number is closed in the stubs soon, then used again.
  void ReturnNumber(int number);

 private:
  static constexpr int kMaxNumbers = 16384;
  static constexpr size_t kReady = 2;

  static void* ReapLoop(void* self);
  static bool OnTick(void* self);
  bool Refill();
  bool CloseReturned();
  void ReapUnknown(int pid);

  static base::LockClass kLock;
  Machine& machine_;
  const std::unique_ptr<SlotFile> slots_;
  const std::unique_ptr<CommandFile> commands_;
  std::unique_ptr<Listener> listener_;
  base::RefPtr<Stub> zygote_;
  int group_ = 0;
  pthread_t reaper_{};
  bool reaper_started_ = false;

  base::Mutex mutex_{kLock};
  std::unordered_map<int, base::RefPtr<Stub>> stubs_ ABSL_GUARDED_BY(mutex_);
  std::unordered_set<int> early_deaths_ ABSL_GUARDED_BY(mutex_);
  int forks_ ABSL_GUARDED_BY(mutex_) = 0;
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<base::RefPtr<Stub>> ready_ ABSL_GUARDED_BY(mutex_);
  size_t refills_ ABSL_GUARDED_BY(mutex_) = 0;
  bool wants_ready_ ABSL_GUARDED_BY(mutex_) = false;  // Somebody has taken a stub: keep some.
  std::vector<int> free_numbers_ ABSL_GUARDED_BY(mutex_);
  int next_number_ ABSL_GUARDED_BY(mutex_) = kFirstDonatedDescriptor;
  std::vector<int> returned_numbers_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace platform::systrap
