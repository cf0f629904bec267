// SPDX-License-Identifier: Apache-2.0
// capget(2), capset(2) (linux/capability.h).
#pragma once

#include <cstdint>

namespace base::abi {

struct CapabilityHeader {
  uint32_t version = 0;
  int32_t pid = 0;
};
static_assert(sizeof(CapabilityHeader) == 8);

// One for 32 capabilities: versions 2 and 3 have two.
struct CapabilityData {
  uint32_t effective = 0;
  uint32_t permitted = 0;
  uint32_t inheritable = 0;
};
static_assert(sizeof(CapabilityData) == 12);

inline constexpr uint32_t kCapabilityVersion1 = 0x19980330;
inline constexpr uint32_t kCapabilityVersion2 = 0x20071026;
inline constexpr uint32_t kCapabilityVersion3 = 0x20080522;

}  // namespace base::abi
