// SPDX-License-Identifier: Apache-2.0
// The seccomp filters of the stubs. They hold whatever the sentry does: a sentry in enemy hands that answers CONTINUE
// to every notification gets no host system call worth having out of a stub.
//
// F0 is installed in the zygote, with the listener, and inherited by every stub. F1 is stacked on each guest thread
// before it first runs guest code. Strictest verdict wins, so F0 alone decides what is not in the zone.
#pragma once

#include <linux/filter.h>

#include <cstdint>
#include <span>
#include <vector>

namespace platform::systrap {

// A system call that F0 notifies (rather than traps) when guest code makes it, because running it natively in a stub
// does no harm to anybody else.
struct HarmlessCall {
  uint32_t number;
  const char* reason;
};

// The calls notified whatever their arguments are. A few more are notified when their arguments pass F0's checks: mmap,
// munmap, mprotect, madvise, arch_prctl.
std::span<const HarmlessCall> HarmlessCalls();

// `helper_mask` is the address of the helper's signal mask in the code page.
std::vector<sock_filter> BuildF0(uint64_t helper_mask);
std::vector<sock_filter> BuildF1();

// The flags of the only two clones F0 allows.
uint64_t ThreadCloneFlags();
uint64_t ForkCloneFlags();

}  // namespace platform::systrap
