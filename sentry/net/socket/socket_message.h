// SPDX-License-Identifier: Apache-2.0
// What goes through a socket besides bytes: addresses, control messages, and one message on its way in or out.
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/abi/socket.h"
#include "base/ref.h"
#include "vfs/context.h"
#include "vfs/file_description.h"
#include "vfs/io_sequence.h"
#include "vfs/walk.h"

namespace sentry {

// An address as a guest passes it: the bytes of a sockaddr, unchecked; at most kMaxSocketAddress. Empty: none.
class SocketAddress {
 public:
  SocketAddress() = default;
  explicit SocketAddress(std::string bytes) : bytes_(std::move(bytes)) {}

  bool empty() const { return bytes_.empty(); }
  size_t size() const { return bytes_.size(); }
  const std::string& bytes() const { return bytes_; }
  // sa_family; empty when the address is too short to have one.
  std::optional<uint16_t> family() const {
    uint16_t family = 0;
    if (bytes_.size() < sizeof(family)) return std::nullopt;
    memcpy(&family, bytes_.data(), sizeof(family));
    return family;
  }
  friend bool operator==(const SocketAddress&, const SocketAddress&) = default;

 private:
  std::string bytes_;
};

// On whose behalf a socket call runs, and where names of files start for it. Lives for one call.
struct SocketCaller {
  vfs::Context& context;
  vfs::StartPoint at = {};
  uint32_t umask = 0;
  uint64_t descriptor_limit = UINT64_MAX;  // RLIMIT_NOFILE
};

// Control messages, decoded and checked (cmsg(3), unix(7)).
struct ControlData {
  std::optional<base::abi::Ucred> credentials;                 // SCM_CREDENTIALS
  std::vector<base::RefPtr<vfs::FileDescription>> files = {};  // SCM_RIGHTS
};

// One message to be sent. An attempt that fails leaves it as it was; a stream that took a part of the bytes has taken
// the control data with it.
struct OutgoingMessage {
  vfs::IoSequence& data;
  int flags = 0;          // MSG_*; whether to wait is the caller's business.
  SocketAddress to = {};  // Empty: the peer.
  ControlData control = {};
};

// One message to be received, filled in by the socket. Streams may add to it in several attempts.
struct IncomingMessage {
  vfs::IoSequence& data;
  int flags = 0;  // MSG_PEEK, MSG_TRUNC, MSG_OOB.
  // --- What was received.
  SocketAddress from = {};
  ControlData control = {};
  int received_flags = 0;  // MSG_TRUNC, MSG_EOR.
  bool begun = false;      // Something is in it.
  bool complete = false;   // Nothing may be added to it.
};

}  // namespace sentry
