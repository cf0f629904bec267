// SPDX-License-Identifier: Apache-2.0
// The code and filter pages of the stub region, and where the labels of stub_amd64.S lie in it.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "base/unique_fd.h"

namespace platform::ptrace {

// Addresses in every stub.
struct StubLabels {
  uint64_t boot;       // Where the zygote waits.
  uint64_t call;       // A system call instruction, and where a thread that made it stops.
  uint64_t called;     // Behind the instruction.
  uint64_t exchange;   // A compare-and-exchange, likewise.
  uint64_t exchanged;  // Behind the instruction.
  uint64_t handler;    // The host signal handler.
  uint64_t handled;    // Where a thread in it stops.
  uint64_t filter;     // struct sock_fprog.
};
const StubLabels& Labels();

// A breakpoint's length: a thread that stops at one stands behind it.
inline constexpr uint64_t kBreakpointSize = 1;

// A sealed memory file of STUB_IMAGE_SIZE bytes.
base::Result<base::UniqueFd> MakeStubImage();

}  // namespace platform::ptrace
