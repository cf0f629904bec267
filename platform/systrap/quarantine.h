// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "base/mutex.h"
#include "base/ref.h"
#include "base/types.h"
#include "platform/executor.h"

namespace platform::systrap {

class StubThread;

// The ranges of one stub that a guest thread changes itself (CONTINUE), from the decision until that thread is next
// seen: only then is it certain that the host's call is over. Whoever needs an overlapping range waits, and has the
// thread kicked so that it is seen soon. Thread-safe. Lock order: below the threads' locks; takes none.
class Quarantine {
 public:
  // Adds the range a thread will change. One at a time for each thread.
  void Add(base::GuestRange range, StubThread* thread);
  // The thread was seen (or is dead, or made no call after all). Wakes who waited for it.
  void Release(StubThread* thread, Executor& executor);

  // Waits until nothing overlaps `range`. Parks.
  void Wait(base::GuestRange range, Executor& executor);

  // Whether somebody waits for this thread.
  bool Wanted(StubThread* thread);

 private:
  struct WaitingFiber {
    Executor::Fiber* fiber;
    WaitingFiber* next;
  };
  struct Item {
    base::GuestRange range;
    StubThread* thread;  // Alive while the item is: it releases itself before it goes.
    WaitingFiber* waiting;
  };
  struct Waiting;
  static void Commit(void* argument);

  static base::LockClass kLock;
  base::Mutex mutex_{kLock};
  std::vector<Item> items_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace platform::systrap
