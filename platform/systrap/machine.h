// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/unique_fd.h"
#include "platform/executor.h"
#include "platform/host_facts.h"

namespace platform::systrap {

class Shard;

// Monotonic but for the two that count what is alive.
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
};

// What all zygotes share. Const after Prepare, but for the counters and the executor (set by Start).
class Machine {
 public:
  Machine();
  ~Machine();

  HostFacts facts{};
  base::UniqueFd proc;  // O_PATH; may be none.
  uint64_t vdso = 0;    // Address of the vDSO's ELF header in every stub; 0: none.
  Executor* executor = nullptr;
  Counters counters;
  std::vector<std::unique_ptr<Shard>> shards;
  std::vector<Receiver*> receivers;
  std::atomic<size_t> shards_taken{0};
};

}  // namespace platform::systrap
