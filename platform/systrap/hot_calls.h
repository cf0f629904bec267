// SPDX-License-Identifier: Apache-2.0
// The hot road of system calls: call sites that were seen often are rewritten to post their call in the thread's slot
// (stub_hot_amd64.inc), where a worker that has nothing else to do finds it without any help of the host.
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "base/mutex.h"
#include "base/ref.h"

namespace platform::systrap {

class StubThread;

// The guest threads of one listener whose slots are worth looking at: those that come again and again through patched
// sites. Thread-safe; Poll, Open and Close by one thread at a time.
// Lock order: this lock is taken under no other of the platform, and StubThread::mutex_ under it by nobody.
class HotCalls {
 public:
  HotCalls();
  ~HotCalls();
  // A plain call came from a patched site: its thread found the gate closed.
  void Note(StubThread& thread);
  // How many times that happened since the last look.
  uint32_t TakeDemand() { return demand_.exchange(0, std::memory_order_relaxed); }

  // From Open to Close somebody calls Poll: the threads' gates are open.
  void Open();
  // Takes the requests that are posted. Returns whether there was one.
  bool Poll();
  void Close();

  // The thread is gone.
  void Forget(StubThread& thread);

 private:
  // More threads than that are not looked after at once: every look costs all the others.
  static constexpr size_t kMaxThreads = 8;

  static base::LockClass kLock;
  std::atomic<uint32_t> demand_{0};
  base::Mutex mutex_{kLock};
  bool open_ ABSL_GUARDED_BY(mutex_) = false;
  size_t oldest_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t next_ ABSL_GUARDED_BY(mutex_) = 0;  // Where the last look ended.
  std::vector<base::RefPtr<StubThread>> threads_ ABSL_GUARDED_BY(mutex_);
};

// How often a thread came from which call site. A small direct-mapped table that forgets. Not thread-safe.
class CallSites {
 public:
  enum class Advice {
    kNothing,
    kPatch,    // Seen often enough: told ever more rarely, since it may not be possible.
    kPatched,  // The site is known to be patched.
  };
  // A plain call came, `ip` is behind its instruction.
  Advice Note(uint64_t ip);
  void MarkPatched(uint64_t ip);

 private:
  // Below that a process is too short-lived for a patch to pay: it costs a page copied and some 20 us.
  static constexpr uint16_t kOften = 16;
  static constexpr size_t kSize = 64;
  static constexpr size_t Index(uint64_t ip) { return (ip ^ (ip >> 6) ^ (ip >> 12)) % kSize; }
  struct Site {
    uint64_t ip;
    uint16_t count;
    bool patched;
  };
  Site sites_[kSize] = {};
};

// Whether calls of this number may be made the hot way: not those that need all registers, that the thread may be told
// to make itself (CONTINUE), that end it, or that sleep as a rule.
bool MayBeHot(uint32_t number);

// What comes along with a call: HOT_IN_*, HOT_OUT_* and a structure's size.
uint32_t BroughtBy(uint32_t number);

}  // namespace platform::systrap
