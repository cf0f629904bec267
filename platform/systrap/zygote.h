// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "base/result.h"
#include "platform/systrap/shard.h"
#include "platform/vdso_move.h"

namespace platform::systrap {

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
