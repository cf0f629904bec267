// SPDX-License-Identifier: Apache-2.0
// What stat(2), statx(2), statfs(2) and getdents64(2) write, x86-64.
#pragma once

#include <cstdint>

#include "base/abi/time.h"

namespace base::abi {

// A device number as stat(2) shows it.
constexpr uint64_t EncodeDevice(uint32_t major, uint32_t minor) {
  return (minor & 0xff) | (uint64_t{major & 0xfff} << 8) | (uint64_t{minor & ~0xffu} << 12) |
         (uint64_t{major & ~0xfffu} << 32);
}

struct Stat {
  uint64_t device = 0;
  uint64_t inode = 0;
  uint64_t links = 0;
  uint32_t mode = 0;
  uint32_t uid = 0;
  uint32_t gid = 0;
  uint32_t padding = 0;
  uint64_t rdevice = 0;
  int64_t size = 0;
  int64_t block_size = 0;
  int64_t blocks = 0;
  int64_t access_seconds = 0, access_nanoseconds = 0;
  int64_t modify_seconds = 0, modify_nanoseconds = 0;
  int64_t change_seconds = 0, change_nanoseconds = 0;
  int64_t unused[3] = {};
};
static_assert(sizeof(Stat) == 144);

struct StatxTimestamp {
  int64_t seconds = 0;
  uint32_t nanoseconds = 0;
  int32_t reserved = 0;
};

struct Statx {
  uint32_t mask = 0;
  uint32_t block_size = 0;
  uint64_t attributes = 0;
  uint32_t links = 0;
  uint32_t uid = 0;
  uint32_t gid = 0;
  uint16_t mode = 0;
  uint16_t spare0 = 0;
  uint64_t inode = 0;
  uint64_t size = 0;
  uint64_t blocks = 0;
  uint64_t attributes_mask = 0;
  StatxTimestamp access_time, birth_time, change_time, modify_time;
  uint32_t rdevice_major = 0, rdevice_minor = 0;
  uint32_t device_major = 0, device_minor = 0;
  uint64_t mount_id = 0;
  uint64_t spare[13] = {};
};
static_assert(sizeof(Statx) == 256);

struct Statfs {
  int64_t type = 0;
  int64_t block_size = 0;
  uint64_t blocks = 0, blocks_free = 0, blocks_available = 0;
  uint64_t files = 0, files_free = 0;
  uint64_t id = 0;
  int64_t name_length = 0;
  int64_t fragment_size = 0;
  int64_t flags = 0;
  int64_t spare[4] = {};
};
static_assert(sizeof(Statfs) == 120);

}  // namespace base::abi
