// SPDX-License-Identifier: Apache-2.0
// futex(2), get_robust_list(2).
#pragma once

#include <cstdint>

namespace base::abi {

inline constexpr uint32_t kFutexWait = 0;
inline constexpr uint32_t kFutexWake = 1;
inline constexpr uint32_t kFutexFd = 2;
inline constexpr uint32_t kFutexRequeue = 3;
inline constexpr uint32_t kFutexCmpRequeue = 4;
inline constexpr uint32_t kFutexWakeOp = 5;
inline constexpr uint32_t kFutexLockPi = 6;
inline constexpr uint32_t kFutexUnlockPi = 7;
inline constexpr uint32_t kFutexTrylockPi = 8;
inline constexpr uint32_t kFutexWaitBitset = 9;
inline constexpr uint32_t kFutexWakeBitset = 10;
inline constexpr uint32_t kFutexWaitRequeuePi = 11;
inline constexpr uint32_t kFutexCmpRequeuePi = 12;
inline constexpr uint32_t kFutexLockPi2 = 13;

inline constexpr uint32_t kFutexPrivateFlag = 128;
inline constexpr uint32_t kFutexClockRealtime = 256;
inline constexpr uint32_t kFutexCommandMask = ~(kFutexPrivateFlag | kFutexClockRealtime);
inline constexpr uint32_t kFutexBitsetMatchAny = 0xffffffff;

// The word of a robust mutex.
inline constexpr uint32_t kFutexWaiters = 0x80000000;
inline constexpr uint32_t kFutexOwnerDied = 0x40000000;
inline constexpr uint32_t kFutexTidMask = 0x3fffffff;

// struct robust_list_head. Bit 0 of a pointer marks a PI mutex.
struct RobustListHead {
  uint64_t list;  // The first entry; the head's own address when empty.
  int64_t futex_offset;
  uint64_t list_op_pending;
};
static_assert(sizeof(RobustListHead) == 24);

// Entries walked before giving up on a corrupt list (ROBUST_LIST_LIMIT).
inline constexpr int kRobustListLimit = 2048;

}  // namespace base::abi
