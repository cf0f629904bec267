// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace platform {

// What a platform needs of the scheduler above it. Implemented by sentry/sched (fibers on worker threads) and, in
// platform tests, by plain threads.
class Executor {
 public:
  // Names a fiber that can be parked and woken. Valid as long as the fiber lives.
  struct Fiber;

  virtual ~Executor() = default;

  // The calling fiber. REQUIRES: called on a fiber.
  virtual Fiber* Current() = 0;

  // Suspends the calling fiber until Wake. `commit(argument)` runs after the fiber has left its stack and can be woken:
  // this is where a reply is sent whose answer may wake it. A Wake that comes before Park returns is not lost: exactly
  // one Wake per Park. REQUIRES: called on a fiber, no base::Mutex held.
  virtual void Park(void (*commit)(void*), void* argument) = 0;

  // Makes a parked fiber runnable. From any thread. A worker that calls it while it runs a fiber or a receiver runs the
  // woken fiber itself when it gets free, so that no idle CPU is woken on the path of a call.
  virtual void Wake(Fiber* fiber) = 0;
};

// A source of guest events that a worker with nothing else to do waits on: one per seccomp listener.
// The executor lets at most one worker at a time be in Receive of a receiver (the receiving role), and gives the role
// to another worker when the one that holds it is kept busy by a fiber for longer than some tens of microseconds.
class Receiver {
 public:
  enum class Outcome {
    kDispatched,   // An event was taken; any fiber it concerns was woken through Executor::Wake.
    kInterrupted,  // Nothing: somebody called Interrupt, or the event vanished.
    kGone,         // The source will never give another event: drop the receiver.
  };

  virtual ~Receiver() = default;

  // Blocks until one event was taken.
  virtual Outcome Receive() = 0;
  // Makes a concurrent or the next Receive return kInterrupted soon. Any thread.
  virtual void Interrupt() = 0;
  // Called about every millisecond while the sandbox is not idle, on one thread at a time: moves guest threads that
  // blocked for long out of the listener. Returns true while it still has something to do later, so that it wants the
  // next tick; when all receivers return false and nothing runs, ticking stops.
  virtual bool Tick(int64_t monotonic_ns) = 0;

  // ---- Events that can be had without the host, by looking. One thread at a time does the looking.
  // How many events came through Receive since the last call that would rather have been found by Poll.
  virtual uint32_t TakeDemand() { return 0; }
  // From BeginPolling to EndPolling somebody calls Poll in a loop.
  virtual void BeginPolling() {}
  // Takes one event, if there is one, as Receive does. Never blocks. Returns whether it did.
  virtual bool Poll() { return false; }
  virtual void EndPolling() {}
};

}  // namespace platform
