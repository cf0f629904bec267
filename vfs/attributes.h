// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "base/types.h"

namespace vfs {

struct Timestamp {
  int64_t seconds = 0;
  uint32_t nanoseconds = 0;
  friend constexpr auto operator<=>(const Timestamp&, const Timestamp&) = default;
  static constexpr Timestamp FromNanoseconds(int64_t since_epoch) {
    int64_t seconds = since_epoch / 1'000'000'000;
    int64_t rest = since_epoch % 1'000'000'000;
    if (rest < 0) {
      rest += 1'000'000'000;
      --seconds;
    }
    return {seconds, static_cast<uint32_t>(rest)};
  }
};

// What stat(2) shows of an inode (inode(7)).
struct Attributes {
  uint64_t inode = 0;
  uint32_t device_major = 0, device_minor = 0;    // Of the filesystem.
  uint32_t rdevice_major = 0, rdevice_minor = 0;  // Of a device node.
  uint32_t mode = 0;                              // S_IFMT | permissions.
  uint64_t links = 0;
  base::KUid uid;
  base::KGid gid;
  uint64_t size = 0;
  uint64_t blocks = 0;  // Of 512 bytes.
  uint32_t block_size = 4096;
  Timestamp access_time, modify_time, change_time, birth_time;
};

// A change of attributes: only what is set changes (chmod, chown, truncate, utimensat).
struct AttributeChange {
  std::optional<uint32_t> permissions;  // 07777.
  std::optional<base::KUid> uid;
  std::optional<base::KGid> gid;
  std::optional<uint64_t> size;
  std::optional<Timestamp> access_time;
  std::optional<Timestamp> modify_time;
};

// What statfs(2) shows of a filesystem.
struct FilesystemStatus {
  uint64_t type = 0;
  uint64_t block_size = 4096;
  uint64_t blocks = 0, blocks_free = 0, blocks_available = 0;
  uint64_t files = 0, files_free = 0;
  uint64_t id = 0;
  uint64_t name_length = 255;
  uint64_t flags = 0;
};

}  // namespace vfs
