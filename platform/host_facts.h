// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/result.h"

namespace platform {

// What this machine's signal frames look like, found out once at start.
struct HostFacts {
  uint64_t extended_size;  // Bytes of the extended state in a frame, the closing magic included; 512 without XSAVE.
  uint64_t xstate_size;    // The same without the magic.
  uint64_t xfeatures;      // Components a frame may hold; 0 without XSAVE.
  uint32_t mxcsr_mask;
};

// Errors: ENOTSUP when frames are larger than ExtendedState::kMaxSize, or not of a known shape.
base::Result<HostFacts> FindHostFacts();

}  // namespace platform
