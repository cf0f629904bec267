// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "base/result.h"
#include "base/unique_fd.h"
#include "platform/vdso_move.h"

namespace platform::ptrace {

struct ZygoteOptions {
  int image = -1;  // MakeStubImage.
  int proc = -1;
  std::optional<int> oom_score_adj;
  bool require_namespaces = false;
  VdsoMove vdso;
};

struct Zygote {
  int pid = 0;
  base::UniqueFd socket;  // The other end of its kSocketDescriptor.
};

// Forks a zygote, a stub that never runs guest code, confines it, and leaves it waiting to be traced. Errors: what the
// host said; EXDEV when only the move of the vDSO failed (then it may work without).
base::Result<Zygote> StartZygote(const ZygoteOptions& options);

}  // namespace platform::ptrace
