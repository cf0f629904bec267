// SPDX-License-Identifier: Apache-2.0
// Arguments of system calls: mostly plausible, at times not at all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>

namespace fuzz {

// A small, fast generator (splitmix64): the same seed gives the same numbers everywhere.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t Next();
  // Below `bound`, which is not 0.
  uint64_t Below(uint64_t bound) { return Next() % bound; }
  bool Once(uint64_t in) { return Below(in) == 0; }

 private:
  uint64_t state_;
};

// The memory that arguments point to. One per process; threads share it on purpose.
struct Arena {
  static constexpr size_t kPage = 4096;
  static constexpr size_t kBufferPages = 64;
  static constexpr size_t kPlayPages = 64;
  static constexpr size_t kOverrunPages =
      256;  // Behind them: calls with too long a length shall not hit what lies there.

  char* buffers = nullptr;    // Stays mapped, unless a call takes it away. A hole follows.
  char* read_only = nullptr;  // One page.
  char* play = nullptr;       // Where mmap, munmap, mprotect... play.
  // False when there is no memory.
  bool Map();
};

// Processes that signals, waits and the like may name. Written by the supervisor.
struct Pids {
  static constexpr size_t kMax = 16;
  volatile int32_t pids[kMax] = {};
};

// Makes arguments for one thread.
class Arguments {
 public:
  // `scratch`: this thread's part of the arena's buffers, kScratch bytes, for structures that hold pointers.
  static constexpr size_t kScratch = 8192;
  Arguments(Random& random, const Arena& arena, const Pids& pids, char* scratch)
      : random_(random), arena_(arena), pids_(pids), scratch_(scratch) {}

  // For a letter of CallShape::shape.
  uint64_t Make(char letter);
  // Any 64 bits: small, large, a power of two and its neighbours, or a pointer.
  uint64_t Anything();

 private:
  template <typename T>
  uint64_t One(std::initializer_list<T> values) {
    return static_cast<uint64_t>(values.begin()[random_.Below(values.size())]);
  }
  template <typename T, size_t N>
  uint64_t One(const T (&values)[N]) {
    return static_cast<uint64_t>(values[random_.Below(N)]);
  }
  uint64_t Flags();
  uint64_t Descriptor();
  uint64_t Size();
  uint64_t Length();
  uint64_t Memory();
  uint64_t BadMemory();
  uint64_t Page();
  uint64_t Path();
  uint64_t Name();
  uint64_t Process();
  uint64_t Signal();
  uint64_t Time();
  uint64_t Mask();
  uint64_t Vector();
  uint64_t SocketAddress();
  uint64_t MessageHeader();
  uint64_t SignalAction();
  uint64_t CloneFlags();
  uint64_t Strings();
  uint64_t PollFds();
  // `size` bytes of scratch memory; it is used in turn.
  void* Scratch(size_t size);
  // Puts bytes that look like something into memory.
  void Fill(char* at, size_t size);

  Random& random_;
  const Arena& arena_;
  const Pids& pids_;
  char* const scratch_;
  size_t used_ = 0;
};

}  // namespace fuzz
