// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/unique_fd.h"
#include "platform/counters.h"
#include "platform/executor.h"
#include "platform/host_facts.h"

namespace platform::systrap {

class Shard;

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
