// SPDX-License-Identifier: Apache-2.0
// The seccomp filter of the stubs: the second wall. The first is PTRACE_SYSEMU, under which the host carries out no
// call of a guest thread at all and asks no filter; what the filter sees are the calls the tracer injects, calls of
// guest code that a fault of the platform let through, and the host's own emulation of the vsyscall page.
#pragma once

#include <linux/filter.h>

#include <cstdint>
#include <vector>

namespace platform::ptrace {

// Descriptor of every stub: the zygote's end of the socket that donated files come by.
inline constexpr int kSocketDescriptor = 0;

// The flags of the only two clones the filter allows.
uint64_t ThreadCloneFlags();
uint64_t ForkCloneFlags();

// Calls whose instruction ends at `called` are allowed as far as the platform injects them, argument by argument. Calls
// by the vsyscall page trap. Everything else kills the process.
std::vector<sock_filter> BuildFilter(uint64_t called);

}  // namespace platform::ptrace
