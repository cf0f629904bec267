// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>

#include "platform/platform.h"

namespace platform {

// What PlatformStats is read from. Monotonic but for the two that count what is alive.
struct Counters {
  std::atomic<uint64_t> notified_calls{0};
  std::atomic<uint64_t> trapped_calls{0};
  std::atomic<uint64_t> hot_calls{0};
  std::atomic<uint64_t> patched_sites{0};
  std::atomic<uint64_t> continued_calls{0};
  std::atomic<uint64_t> helper_commands{0};
  std::atomic<uint64_t> kicks{0};
  std::atomic<uint64_t> listener_leaves{0};
  std::atomic<uint64_t> live_stubs{0};
  std::atomic<uint64_t> live_threads{0};

  static void Add(std::atomic<uint64_t>& counter) { counter.fetch_add(1, std::memory_order_relaxed); }
  static void Subtract(std::atomic<uint64_t>& counter) { counter.fetch_sub(1, std::memory_order_relaxed); }

  PlatformStats Read() const;
};

}  // namespace platform
