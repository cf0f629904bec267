// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/unique_fd.h"
#include "platform/counters.h"
#include "platform/executor.h"
#include "platform/host_facts.h"

namespace platform::ptrace {

class Shard;

// What all zygotes share. Const after Start, but for the counters.
class Machine {
 public:
  Machine();
  ~Machine();

  HostFacts facts{};
  base::UniqueFd proc;             // O_PATH; may be none.
  uint64_t extended_set_size = 0;  // Bytes of the host's register set for the extended state.
  uint64_t vdso = 0;               // Address of the vDSO's ELF header in every stub; 0: none.
  uint64_t vdso_begin = 0;         // Its pages, and vvar's; 0: none.
  uint64_t vdso_end = 0;
  Executor* executor = nullptr;
  Counters counters;
  std::vector<std::unique_ptr<Shard>> shards;
  std::atomic<size_t> shards_taken{0};
};

}  // namespace platform::ptrace
