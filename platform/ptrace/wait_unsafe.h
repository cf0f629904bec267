// SPDX-License-Identifier: Apache-2.0
// Waiting for tracees and for a bell at the same time.
#pragma once

#include <signal.h>

#include <atomic>
#include <cstdint>

#include "base/result.h"

namespace platform::ptrace {

// Prepares the process and the calling thread for bells. Errors: as the host says.
base::Result<void> PrepareForBells();

// waitid(2): 0 or -errno; -EINTR at once when `bell` is not 0, and soon after it was set and the thread rung.
long WaitOrBell(int type, int id, siginfo_t* info, int options, const std::atomic<uint32_t>& bell);

// Ends a WaitOrBell, or another interruptible host call, of that thread.
void Ring(int pid, int tid);

}  // namespace platform::ptrace
