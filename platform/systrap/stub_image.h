// SPDX-License-Identifier: Apache-2.0
// The code and filter pages of the stub region, and where the labels of stub_amd64.S lie in it.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "base/unique_fd.h"

namespace platform::systrap {

// Addresses in every stub.
struct StubLabels {
  uint64_t boot;         // Where a helper starts.
  uint64_t handler;      // The host signal handler.
  uint64_t park;         // Behind the handler's park call.
  uint64_t restorer;     // rt_sigreturn.
  uint64_t exit;         // Ends a thread.
  uint64_t hello;        // Behind the call that installs F1.
  uint64_t helper_mask;  // The helper's signal mask.
  uint64_t f0;           // struct sock_fprog.
};
const StubLabels& Labels();
uint64_t HelperSignalMask();

// A sealed memory file of STUB_IMAGE_SIZE bytes.
base::Result<base::UniqueFd> MakeStubImage();

}  // namespace platform::systrap
