// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>

#include "base/mutex.h"
#include "base/ref.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "platform/host_pid.h"
#include "platform/ptrace/command.h"
#include "platform/ptrace/machine.h"
#include "platform/ptrace/requests.h"
#include "platform/ptrace/tracer.h"

namespace platform::ptrace {

class Shard;

// A stub process. As a tracee it is its helper, the thread whose id is the process's: it never runs guest code and
// stands still but for the calls it is made to make. Thread-safe but for what says otherwise.
// References: the tracer until the process is reaped; the AddressSpace; its guest threads.
class Stub final : public Tracee {
 public:
  // A stub whose process does not exist yet.
  explicit Stub(Shard& shard);
  ~Stub() override;

  Shard& shard() const { return shard_; }
  Tracer& tracer() const;
  Machine& machine() const;
  Executor& executor() const;
  HostPid& pid() { return pid_; }

  // ---- Commands (stub_commands.cc).
  // Runs a command and waits. Parks. Returns the last result, an errno if a call failed; ESRCH when dead.
  base::Result<int64_t> Execute(Command& command);
  // Tracer's thread: queues a command.
  void Begin(Command& command);

  // ---- Life (stub.cc).
  // SIGKILL. If the process does not exist yet, as soon as it does.
  void Kill();
  bool dead() const { return pid_.dead(); }
  bool kill_wanted() const { return kill_wanted_.load(); }
  // The descriptor of /proc/pid/mem, opened at first use; -1 when there is none.
  int MemoryFile();

  // Tracee.
  void OnBorn(int pid) override;
  void OnStop(int status) override;
  void BeforeReap() override;
  void OnExit() override;
  void KillProcess() override { Kill(); }

 private:
  enum class Helper {
    kStarting,  // Has not come to its first stop.
    kIdle,      // Stopped.
    kBusy,      // Makes a call of current_.
    kGone,
  };

  void StartCall();
  void OnCallMade(int64_t result);
  void FinishCurrent(int64_t result);
  void StartNext();

  static base::LockClass kMemoryLock;
  Shard& shard_;
  HostPid pid_;
  std::atomic<bool> kill_wanted_{false};

  // The tracer's thread alone.
  Helper helper_ = Helper::kStarting;
  Command* current_ = nullptr;
  Command* queue_head_ = nullptr;
  Command* queue_tail_ = nullptr;

  base::Mutex memory_mutex_{kMemoryLock};
  base::UniqueFd memory_file_ ABSL_GUARDED_BY(memory_mutex_);
};

}  // namespace platform::ptrace
