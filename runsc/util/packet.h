// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/unique_fd.h"
#include "runsc/util/status.h"

namespace runsc {

// One message of a SOCK_SEQPACKET socket, with descriptors.
struct Packet {
  std::string bytes;
  std::vector<base::UniqueFd> fds;
  bool end = false;  // The peer has closed; there are no bytes.
};

// The most descriptors a packet may carry, and the most bytes.
inline constexpr size_t kMaxPacketFds = 64;
inline constexpr size_t kMaxPacketBytes = 192 << 10;

// Never raises SIGPIPE. Fails for more than the limits, or a peer that is gone.
Status SendPacket(int socket, std::string_view bytes, const std::vector<int>& fds = {});
// Waits for a packet (or, with MSG_DONTWAIT, fails with kUnavailable). A cut packet is an error.
StatusOr<Packet> ReceivePacket(int socket, int flags = 0);

}  // namespace runsc
