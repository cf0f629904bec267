// SPDX-License-Identifier: Apache-2.0
// Structures of the socket calls (linux/socket.h) of a 64-bit guest. Numbers (SO_*, MSG_*, SCM_*) are sys/socket.h's.
#pragma once

#include <cstddef>
#include <cstdint>

namespace base::abi {

// struct msghdr: addresses are the guest's.
struct Msghdr {
  uint64_t name = 0;
  int32_t name_length = 0;
  uint32_t padding1 = 0;
  uint64_t vector = 0;
  uint64_t vector_length = 0;
  uint64_t control = 0;
  uint64_t control_length = 0;
  uint32_t flags = 0;
  uint32_t padding2 = 0;
};
static_assert(sizeof(Msghdr) == 56);

// struct mmsghdr.
struct Mmsghdr {
  Msghdr header;
  uint32_t length = 0;
  uint32_t padding = 0;
};
static_assert(sizeof(Mmsghdr) == 64);

// struct cmsghdr: data follows, the next one at a multiple of 8.
struct Cmsghdr {
  uint64_t length = 0;  // With this header.
  int32_t level = 0;
  int32_t type = 0;
};
static_assert(sizeof(Cmsghdr) == 16);

struct Ucred {
  int32_t pid = 0;
  uint32_t uid = 0;
  uint32_t gid = 0;
};
static_assert(sizeof(Ucred) == 12);

struct Linger {
  int32_t on = 0;
  int32_t seconds = 0;
};
static_assert(sizeof(Linger) == 8);

// sizeof(struct sockaddr_storage): the longest address any call takes.
inline constexpr size_t kMaxSocketAddress = 128;
// sizeof(struct sockaddr_un), and where its path begins.
inline constexpr size_t kUnixAddressSize = 110;
inline constexpr size_t kUnixPathOffset = 2;
// SCM_MAX_FD: descriptors in one message.
inline constexpr size_t kMaxRights = 253;
// NPROTO and SOCK_MAX: what socket(2) looks at at all.
inline constexpr int32_t kFamilies = 46;
inline constexpr int32_t kSocketTypes = 11;

}  // namespace base::abi
