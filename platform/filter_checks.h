// SPDX-License-Identifier: Apache-2.0
// Checks of a system call's arguments in a filter: each falls through when the argument is good.
#pragma once

#include <cstdint>

#include "platform/bpf.h"

namespace platform {

// Jumps to `bad` unless [argument address, + argument length) lies below the region. It looks at upper halves only, so
// it also refuses the last 4 GiB below STUB_GUEST_END; no guest range of the sentry reaches there with such a length.
void CheckGuestRange(BpfAssembler& bpf, int address, int length, BpfAssembler::Label bad);

void CheckEqual(BpfAssembler& bpf, int argument, uint64_t value, BpfAssembler::Label bad);

// Jumps to `bad` unless the argument has no bits but those of `mask`. Leaves its lower half loaded.
void CheckOnly(BpfAssembler& bpf, int argument, uint32_t mask, BpfAssembler::Label bad);

// Jumps to `bad` unless the third argument is a number below 32 whose bit is set in `allowed`.
void CheckAdvice(BpfAssembler& bpf, uint32_t allowed, BpfAssembler::Label bad);

}  // namespace platform
