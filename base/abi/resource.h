// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace base::abi {

// struct rlimit, struct rlimit64 (getrlimit(2)).
struct Rlimit {
  uint64_t soft = 0;
  uint64_t hard = 0;
};
static_assert(sizeof(Rlimit) == 16);

}  // namespace base::abi
