// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <linux/filter.h>
#include <linux/seccomp.h>

#include <cstdint>
#include <optional>
#include <span>

namespace platform::testing {

// Runs a seccomp program as the host does. Nothing when the program is malformed: a jump behind the end, a load outside
// seccomp_data or unaligned, an instruction seccomp does not know, no return.
std::optional<uint32_t> EvaluateBpf(std::span<const sock_filter> program, const seccomp_data& data);

}  // namespace platform::testing
