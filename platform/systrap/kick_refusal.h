// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

namespace platform::systrap {

// What the host says of a guest thread that was kicked and has not come yet.
struct KickedThread {
  bool blocked = false;  // It blocks the kick.
  bool asleep = false;   // It sleeps in a futex, and not in the one that we have told it to leave.
  uint64_t ticks = 0;    // Its processor time, in the host's ticks of 10 ms.
};

// Whether a thread has made itself deaf to kicks: a guest can block the signal, by an rt_sigreturn of its own making
// from the stub page. Slowness (a throttled, frozen, stopped or swapped out process) is no such thing: what counts is
// what the host says of the thread while one and the same kick is under way, not time. Not thread-safe.
class KickRefusal {
 public:
  // A look at the thread while kick number `kick` is under way. Returns whether it refuses.
  bool Look(uint64_t kick, const KickedThread& now);

 private:
  // Processor time that no way through the stub's handler takes.
  static constexpr uint64_t kBusyTicks = 2;

  uint64_t kick_ = 0;  // That of the looks below.
  KickedThread first_;
  bool asleep_ = false;  // At the last look.
};

// A futex wait as /proc/PID/task/TID/syscall shows it; nothing for any other text, "running" among them.
struct FutexWait {
  uint64_t address;
  uint32_t value;
};
std::optional<FutexWait> ParseFutexWait(const char* text);
// User and system time of a /proc/PID/task/TID/stat line; 0 for what is none.
uint64_t ParseProcessorTicks(const char* text);

}  // namespace platform::systrap
