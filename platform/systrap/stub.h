// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "base/lock_order.h"
#include "base/mutex.h"
#include "base/ref.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "platform/systrap/call_window.h"
#include "platform/systrap/command.h"
#include "platform/systrap/listener.h"
#include "platform/systrap/machine.h"
#include "platform/systrap/quarantine.h"
#include "platform/systrap/slot_unsafe.h"

namespace platform::systrap {

class Shard;
class StubThread;

// A stub process. As an endpoint it is its helper thread, whose id is the process's. Thread-safe.
// References: the shard's registry until the process is reaped; the AddressSpace; its guest threads; commands under
// way. Lock order: Stub::mutex_ before StubThread::mutex_ before Listener and Quarantine.
class Stub final : public Endpoint {
 public:
  // A stub whose process does not exist yet, with a command page and a first run of slots. Errors: EAGAIN.
  static base::Result<base::RefPtr<Stub>> Create(Shard& shard);
  // Returns page and slots. The process is reaped, or never was.
  ~Stub() override;

  Shard& shard() const { return shard_; }
  Machine& machine() const;
  Executor& executor() const;
  Listener& listener() const;
  Quarantine& quarantine() { return quarantine_; }
  CallWindow& window() { return window_; }
  int pid() const { return pid_.load(); }

  // ---- Commands (stub_helper.cc).
  // Queues a command; its `finish` is called when it has run or the stub is dead. It stays alive until then.
  void Submit(Command& command);
  // Runs a command and waits. Parks. Returns the last result, an errno if the last entry failed; ESRCH when dead.
  base::Result<int64_t> Execute(Command& command);
  // Gets hold of the helper while it waits in the listener, for a descriptor to be put into its table. Parks.
  // Errors: ESRCH.
  base::Result<void> Claim();
  // The notification of the claimed helper; it may be renewed at any time.
  uint64_t claimed_notification();
  void Unclaim();
  // Zygote only: the first wait was received by Prepare, and is outstanding.
  void BeginIdle(uint64_t notification);
  // Zygote only: writes the first list straight into the page.
  CommandPage& page() { return *page_; }
  uint64_t page_offset() const { return uint64_t{page_index_} * sizeof(CommandPage); }

  // What a fresh process does first, before anything else: `initial` is finished by its first wait. Called before the
  // process is made. REQUIRES: no process yet.
  void Prime(Command& initial);
  // The process was not made: forgets the command, unless it has finished all the same (false then).
  bool CancelPrime();
  // The entries every fresh process begins with.
  void AddSetup(Command& command);
  // The entry that makes a child process for `child`, for this stub's helper.
  void AddFork(Command& command, Stub& child);
  static void AddThread(Command& command, StubThread& thread);

  // ---- Threads and slots (stub_slots.cc).
  // A slot for a new thread. Parks when the process must map more. Errors: EAGAIN.
  base::Result<uint32_t> TakeSlot();
  void ReturnSlot(uint32_t slot);
  Slot SlotAt(uint32_t slot);
  void AddThreadToList(base::RefPtr<StubThread> thread);
  // Safe to ask about a thread that is inside a call: only it could make another.
  bool HasOneThread() const { return thread_count_.load(std::memory_order_acquire) == 1; }
  // Holds the guest threads where they are, if none of them runs guest code: all are in the host's kernel, or in the
  // stub's code. Nobody may park meanwhile.
  class Standstill {
   public:
    explicit Standstill(Stub& stub);
    ~Standstill();
    Standstill(const Standstill&) = delete;
    Standstill& operator=(const Standstill&) = delete;
    // False: one runs, or there are too many to look at; nothing is held.
    bool holds() const { return holds_; }

   private:
    // More are not worth stopping for.
    static constexpr size_t kMost = 64;
    void LetGo(size_t count);

    Stub& stub_;
    // The order of these mutexes is that of Stub::threads_, whose mutex is held.
    base::LockOrder::ScopedNested nested_;
    bool holds_ = true;
  };
  // The thread will end by itself: its slot is used again when it is gone.
  void OnThreadRetired(StubThread& thread);
  // The thread was never made.
  void ForgetThread(StubThread& thread);

  // ---- Life (stub.cc).
  // The process is known: its first wait or its parent's clone told. Any number of times.
  void OnPid(int pid);
  // SIGKILL. If the process is not known yet, as soon as it is.
  void Kill();
  // The stub did what no stub does: kills it.
  void Breach(const char* what);
  // Called by the reaper when the process is a zombie. Everything that waits for it is ended; the process is reaped
  // when nobody uses its id any more.
  void OnHostDeath();
  // Whether Kill was called, or the stub is dead.
  bool kill_wanted() const { return kill_wanted_.load(); }
  bool reaped() const { return reaped_.load(); }
  bool dead() const { return (users_.load(std::memory_order_acquire) & kDeadBit) != 0; }

  // Keeps the process's id from being reaped and used again.
  class PidUse {
   public:
    explicit PidUse(Stub& stub);
    ~PidUse();
    PidUse(const PidUse&) = delete;
    PidUse& operator=(const PidUse&) = delete;
    // 0 when the process is dead or not made yet.
    int pid() const { return pid_; }

   private:
    Stub& stub_;
    int pid_ = 0;
  };

  // The descriptor of /proc/pid/mem, opened at first use; -1 when there is none.
  int MemoryFile();

  // Endpoint.
  void OnNotification(const seccomp_notif& notification) override;
  void LeaveListener() override;
  void OnTidReused() override {}

 private:
  enum class Helper {
    kBusy,     // Runs a command (current_), or has not come to its first wait.
    kIdle,     // Waits in the listener.
    kClaimed,  // Waits in the listener; a descriptor is being put into its table.
    kAsleep,   // Waits on its command page's word.
  };
  struct Run {
    uint32_t stub_first;
    uint32_t file_first;
    uint32_t count;
  };
  static constexpr uint32_t kDeadBit = 0x80000000;

  Stub(Shard& shard, uint32_t page);

  void StartNextLocked(Command** finished) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void SendLocked(Command& command) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Release();
  void Reap();
  void AddRun(Command& command, const Run& run);

  static base::LockClass kLock;
  static base::LockClass kMemoryLock;
  Shard& shard_;
  const uint32_t page_index_;
  CommandPage* const page_;
  std::atomic<int> pid_{0};
  std::atomic<uint32_t> users_{0};  // Users of the pid; kDeadBit.
  std::atomic<bool> reaping_{false};
  std::atomic<bool> reaped_{false};
  std::atomic<bool> kill_wanted_{false};
  Quarantine quarantine_;
  CallWindow window_;
  std::atomic<int> thread_count_{0};  // Written under mutex_: the size of threads_.

  base::Mutex mutex_{kLock};
  bool gone_ ABSL_GUARDED_BY(mutex_) = false;
  Helper helper_ ABSL_GUARDED_BY(mutex_) = Helper::kBusy;
  uint64_t helper_notification_ ABSL_GUARDED_BY(mutex_) = 0;
  Command* current_ ABSL_GUARDED_BY(mutex_) = nullptr;
  Command* queue_head_ ABSL_GUARDED_BY(mutex_) = nullptr;
  Command* queue_tail_ ABSL_GUARDED_BY(mutex_) = nullptr;
  std::vector<Run> runs_ ABSL_GUARDED_BY(mutex_);
  std::vector<uint32_t> free_slots_ ABSL_GUARDED_BY(mutex_);
  uint32_t next_run_ ABSL_GUARDED_BY(mutex_) = 0;  // Stub index where the next run of slots begins.
  std::vector<base::RefPtr<StubThread>> threads_ ABSL_GUARDED_BY(mutex_);
  std::vector<base::RefPtr<StubThread>> retired_ ABSL_GUARDED_BY(mutex_);

  base::Mutex memory_mutex_{kMemoryLock};
  base::UniqueFd memory_file_ ABSL_GUARDED_BY(memory_mutex_);
};

}  // namespace platform::systrap
