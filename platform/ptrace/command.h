// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "platform/memory_calls.h"
#include "platform/ptrace/tracer.h"

namespace platform::ptrace {

// A batch of calls that a stub's helper makes, in order up to the first that fails. Lives in the frame of the fiber
// that waits for it, or on the heap. Begun by Stub::Begin, which owns the fields below `finish` until `finish` is
// called.
class Command {
 public:
  // Called once, on the tracer's thread. The command may be gone when it returns.
  using Finish = void (*)(Command&);

  Command() = default;
  Command(Finish finish, void* context) : finish(finish), context(context) {}
  Command(const Command&) = delete;
  Command& operator=(const Command&) = delete;

  // REQUIRES: not full.
  void Add(const HostCall& call) { calls[count++] = call; }
  // A compare-and-exchange; its result is the value found.
  void AddExchange(uint64_t address, uint32_t expected, uint32_t desired) {
    Add(HostCall{kExchange, {address, expected, desired}});
  }
  bool full() const { return count == kMax; }

  static constexpr uint64_t kExchange = UINT64_MAX;
  // Enough for a batch of a loader; longer ones are split.
  static constexpr size_t kMax = 32;
  HostCall calls[kMax];
  size_t count = 0;
  Tracee* child = nullptr;  // What the only call, a clone, makes; borrowed.

  Finish start = nullptr;  // If set, called on the tracer's thread just before the first call is made.
  Finish finish = nullptr;
  void* context = nullptr;  // For `start` and `finish`.
  int64_t result = 0;       // What the last call that was made returned; -ESRCH when the stub died.
  size_t done = 0;          // How many calls succeeded.
  Command* next = nullptr;
};

}  // namespace platform::ptrace
