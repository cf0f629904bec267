// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

namespace gofer {

inline constexpr uint32_t kProtocolVersion = 1;

// Longest packet in either direction: an xattr value (64 KiB at most on Linux) with room for the rest, within the
// default SO_SNDBUF. A longer one ends the connection.
inline constexpr size_t kMaxMessageBytes = 96 * 1024;
// Directory entries are cut off above this, so that a full packet always has room for the last one and the envelope.
inline constexpr size_t kDirectoryBytes = 64 * 1024;
// A batch is cut short when its response is longer than this and the next result might be the longest there is.
inline constexpr size_t kBatchBytes = 24 * 1024;
// Operations of a batch, names of a walk: enough for deep trees, small enough that one request cannot hold a server
// thread for long.
inline constexpr int kMaxOperations = 16;
inline constexpr int kMaxWalk = 64;
// Descriptors in a packet (the kernel's limit is 253).
inline constexpr size_t kMaxDescriptors = 16;
// Connections to one server, the first included: a few per sentry worker.
inline constexpr int kMaxConnections = 32;
inline constexpr size_t kMaxName = 255;          // NAME_MAX
inline constexpr size_t kMaxLinkTarget = 4095;   // PATH_MAX - 1
inline constexpr size_t kMaxXattrValue = 65536;  // XATTR_SIZE_MAX, XATTR_LIST_MAX

}  // namespace gofer
