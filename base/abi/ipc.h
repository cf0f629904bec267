// SPDX-License-Identifier: Apache-2.0
// System V IPC (svipc(7)): the structures of x86-64 and the limits Linux starts with.
#pragma once

#include <cstdint>

namespace base::abi {

inline constexpr int32_t kIpcPrivate = 0;
inline constexpr int32_t kIpcCreate = 01000;
inline constexpr int32_t kIpcExclusive = 02000;
inline constexpr int32_t kIpcNoWait = 04000;

inline constexpr int32_t kIpcRemove = 0;
inline constexpr int32_t kIpcSet = 1;
inline constexpr int32_t kIpcStat = 2;
inline constexpr int32_t kIpcInfo = 3;
inline constexpr int32_t kIpc64 = 0x100;  // Accepted in a command, and without effect on 64 bits.

// struct ipc64_perm.
struct IpcPermission {
  int32_t key;
  uint32_t uid, gid;
  uint32_t creator_uid, creator_gid;
  uint32_t mode;
  uint16_t sequence;
  uint16_t padding1;
  uint32_t padding2;
  uint64_t unused[2];
};
static_assert(sizeof(IpcPermission) == 48);

// --- Shared memory (shmget(2), shmop(2), shmctl(2)).
inline constexpr int32_t kShmReadOnly = 010000;
inline constexpr int32_t kShmRound = 020000;
inline constexpr int32_t kShmRemap = 040000;
inline constexpr int32_t kShmExecute = 0100000;
inline constexpr int32_t kShmHugeTlb = 04000;
inline constexpr int32_t kShmNoReserve = 010000;
inline constexpr uint32_t kShmDestroyed = 01000;  // In the mode: goes with its last attachment.
inline constexpr uint32_t kShmLocked = 02000;     // In the mode.

inline constexpr int32_t kShmLock = 11;
inline constexpr int32_t kShmUnlock = 12;
inline constexpr int32_t kShmStat = 13;
inline constexpr int32_t kShmInfo = 14;
inline constexpr int32_t kShmStatAny = 15;

inline constexpr uint64_t kShmMax = UINT64_MAX - (uint64_t{1} << 24);  // Bytes of a segment.
inline constexpr uint64_t kShmAll = UINT64_MAX - (uint64_t{1} << 24);  // Pages of all.
inline constexpr int kShmCount = 4096;

// struct shmid64_ds.
struct ShmidDs {
  IpcPermission permission;
  uint64_t size;
  int64_t attach_time, detach_time, change_time;
  int32_t creator_pid, last_pid;
  uint64_t attachments;
  uint64_t unused[2];
};
static_assert(sizeof(ShmidDs) == 112);

// struct shminfo64.
struct ShmLimits {
  uint64_t max_size, min_size, max_count, max_per_process, max_pages;
  uint64_t unused[4];
};
static_assert(sizeof(ShmLimits) == 72);

// struct shm_info.
struct ShmUse {
  int32_t count;
  int32_t padding;
  uint64_t pages, resident, swapped, swap_attempts, swap_successes;
};
static_assert(sizeof(ShmUse) == 48);

// --- Semaphores (semget(2), semop(2), semctl(2)).
inline constexpr int32_t kSemGetPid = 11;
inline constexpr int32_t kSemGetValue = 12;
inline constexpr int32_t kSemGetAll = 13;
inline constexpr int32_t kSemGetIncreasing = 14;  // GETNCNT
inline constexpr int32_t kSemGetZero = 15;        // GETZCNT
inline constexpr int32_t kSemSetValue = 16;
inline constexpr int32_t kSemSetAll = 17;
inline constexpr int32_t kSemStat = 18;
inline constexpr int32_t kSemInfo = 19;
inline constexpr int32_t kSemStatAny = 20;

inline constexpr int16_t kSemUndo = 0x1000;

inline constexpr int kSemSets = 32000;           // SEMMNI
inline constexpr int kSemPerSet = 32000;         // SEMMSL
inline constexpr int kSemAll = 1024000000;       // SEMMNS
inline constexpr unsigned kSemOperations = 500;  // SEMOPM
inline constexpr int kSemMaxValue = 32767;       // SEMVMX

// struct sembuf.
struct SemOperation {
  uint16_t number;
  int16_t change;
  int16_t flags;
};
static_assert(sizeof(SemOperation) == 6);

// struct semid64_ds.
struct SemidDs {
  IpcPermission permission;
  int64_t operation_time;
  uint64_t unused1;
  int64_t change_time;
  uint64_t unused2;
  uint64_t count;
  uint64_t unused3[2];
};
static_assert(sizeof(SemidDs) == 104);

// struct seminfo.
struct SemLimits {
  int32_t map, sets, all, undo_structures, per_set, operations, undo_entries, undo_size, max_value, max_adjust;
};
static_assert(sizeof(SemLimits) == 40);

// --- Message queues (msgget(2), msgop(2), msgctl(2)).
inline constexpr int32_t kMsgNoError = 010000;
inline constexpr int32_t kMsgExcept = 020000;
inline constexpr int32_t kMsgCopy = 040000;

inline constexpr int32_t kMsgStat = 11;
inline constexpr int32_t kMsgInfo = 12;
inline constexpr int32_t kMsgStatAny = 13;

inline constexpr int kMsgQueues = 32000;      // MSGMNI
inline constexpr uint64_t kMsgMax = 8192;     // Bytes of a message.
inline constexpr uint64_t kMsgQueue = 16384;  // MSGMNB, bytes of a queue.

// struct msqid64_ds.
struct MsqidDs {
  IpcPermission permission;
  int64_t send_time, receive_time, change_time;
  uint64_t bytes, count, max_bytes;
  int32_t last_send_pid, last_receive_pid;
  uint64_t unused[2];
};
static_assert(sizeof(MsqidDs) == 120);

// struct msginfo.
struct MsgLimits {
  int32_t pool, map, max, max_bytes, queues, segment_size, headers;
  uint16_t segments;
  uint16_t padding;
};
static_assert(sizeof(MsgLimits) == 32);

}  // namespace base::abi
