// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/result.h"
#include "platform/systrap/shard.h"

namespace platform::systrap {

// Where the host put its vvar and vdso pages, and where they shall go.
struct VdsoMove {
  struct Segment {
    uint64_t from;
    uint64_t length;
    uint64_t to;
  };
  std::vector<Segment> segments;
  uint64_t header = 0;  // Of the ELF image, after the move.
};

// Plans the move of this process's vDSO to a random place of the stub region. Nothing when it has none, or when `proc`
// (a descriptor of a procfs, may be -1) does not tell.
VdsoMove PlanVdsoMove(int proc);

struct ZygoteOptions {
  int image = -1;  // MakeStubImage.
  int proc = -1;
  std::optional<int> oom_score_adj;
  bool require_namespaces = false;
  VdsoMove vdso;
};

// Forks a zygote, a stub that never runs guest code: confines it, installs F0, fetches the listener, leaves it in its
// first wait. Sets the shard's listener and zygote. Errors: what the host said; EXDEV when only the move of the vDSO
// failed (then it may work without).
base::Result<void> StartZygote(Shard& shard, const ZygoteOptions& options);

}  // namespace platform::systrap
