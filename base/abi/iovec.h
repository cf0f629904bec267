// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace base::abi {

// struct iovec of a 64-bit guest.
struct Iovec {
  uint64_t base;
  uint64_t length;
};
static_assert(sizeof(Iovec) == 16);

// The largest number of segments of one call (UIO_MAXIOV).
inline constexpr uint32_t kMaxIovecs = 1024;
// The most one read or write transfers (MAX_RW_COUNT): INT_MAX rounded down to a page.
inline constexpr uint64_t kMaxTransfer = 0x7ffff000;

}  // namespace base::abi
