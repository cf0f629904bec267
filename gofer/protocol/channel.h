// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "gofer/protocol/limits.h"

namespace google::protobuf {
class MessageLite;
}  // namespace google::protobuf

namespace gofer {

// One end of a SOCK_SEQPACKET connection: whole protobuf messages with descriptors. Blocks the host thread.
// Not thread-safe: a connection belongs to whoever holds its lock.
class Channel {
 public:
  explicit Channel(base::UniqueFd socket);
  Channel(Channel&&) noexcept = default;
  Channel& operator=(Channel&&) noexcept = default;
  ~Channel();

  // The two ends of a new connection. EMFILE, ENFILE, ENOMEM.
  static base::Result<std::pair<base::UniqueFd, base::UniqueFd>> MakePair();

  // Sends one packet; `descriptors` are borrowed. EMSGSIZE: longer than kMaxMessageBytes (nothing was sent);
  // EPIPE and other errors of sendmsg(2): the connection is of no more use.
  base::Result<void> Send(const google::protobuf::MessageLite& message, std::span<const int> descriptors);

  // Receives one packet. `descriptors` are those that came along. ECONNRESET: the peer is gone. EBADMSG: it was too
  // long, had too many descriptors, or does not parse. After any error the connection is of no more use.
  // With `patience_ns` it looks for the packet that long before it sleeps: to wake a processor out of its sleep takes
  // longer than most requests.
  base::Result<void> Receive(google::protobuf::MessageLite& message, std::vector<base::UniqueFd>& descriptors,
                             int64_t patience_ns = 0);

  int fd() const { return socket_.get(); }

 private:
  base::UniqueFd socket_;
  std::unique_ptr<std::byte[]> buffer_;  // kMaxMessageBytes; for both directions, as they take turns.
};

}  // namespace gofer
