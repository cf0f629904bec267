// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>

#include "base/ref.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "gofer/server/gofer.h"

namespace gofer {

// A file the client knows about: an O_PATH descriptor. Immutable; the descriptor pins the inode until the client
// forgets the node and the last operation on it ends.
class Node : public base::RefCounted {
 public:
  Node(base::UniqueFd fd, const MountConfig* mount, uint32_t type) : fd_(std::move(fd)), mount_(mount), type_(type) {}

  int fd() const { return fd_.get(); }
  const MountConfig& mount() const { return *mount_; }
  uint32_t type() const { return type_; }  // S_IFMT bits.

 private:
  const base::UniqueFd fd_;
  const MountConfig* const mount_;
  const uint32_t type_;
};

// The name of a descriptor in /proc/self/fd, which is every server thread's working directory: following that link
// reaches the very file, whatever its name is now. For the calls that do not take O_PATH descriptors.
class DescriptorName {
 public:
  explicit DescriptorName(int fd);
  const char* c_str() const { return text_.data(); }

 private:
  std::array<char, 16> text_;
};

}  // namespace gofer
