// SPDX-License-Identifier: Apache-2.0
// Options of AF_UNIX sockets (unix(7), socket(7)).
#include "sentry/net/socket/unix/unix_socket.h"

namespace sentry {
namespace {

// Nobody: not connected, or connected without a process to name.
constexpr base::abi::Ucred kUnknown = {0, UINT32_MAX, UINT32_MAX};

}  // namespace

bool UnixSocket::IsListening() {
  base::MutexLock lock(mutex_);
  return state_ == State::kListening;
}

base::Result<std::string> UnixSocket::GetFamilyOption(vfs::Context& context, int level, int name, size_t room) {
  if (level != SOL_SOCKET) return Socket::GetFamilyOption(context, level, name, room);
  switch (name) {
    case SO_PASSCRED:
      return OptionBytes<int>(pass_credentials_.load(std::memory_order_relaxed) ? 1 : 0);
    case SO_PEEK_OFF: {
      base::MutexLock reading(read_mutex_);
      return OptionBytes(peek_offset_);
    }
    case SO_PEERCRED: {
      base::MutexLock lock(mutex_);
      if (!peer_identity_.credentials) return OptionBytes(kUnknown);
      const vfs::Credentials& who = *peer_identity_.credentials;
      return OptionBytes(base::abi::Ucred{peer_identity_.pid, who.euid.value(), who.egid.value()});
    }
    case SO_PEERGROUPS: {
      base::MutexLock lock(mutex_);
      if (!peer_identity_.credentials) return base::Errno(ENODATA);
      std::string bytes;
      for (base::KGid group : peer_identity_.credentials->groups) bytes += OptionBytes(group.value());
      // The caller reports the size that would do.
      return bytes;
    }
    case SO_PEERNAME:
      return TRY(PeerAddress()).bytes();
    default:
      return Socket::GetFamilyOption(context, level, name, room);
  }
}

base::Result<void> UnixSocket::SetFamilyOption(vfs::Context& context, int level, int name, std::string_view value) {
  if (level != SOL_SOCKET) return Socket::SetFamilyOption(context, level, name, value);
  switch (name) {
    case SO_PASSCRED:
      pass_credentials_ = TRY(OptionInt(value)) != 0;
      return {};
    case SO_PEEK_OFF: {
      int offset = TRY(OptionInt(value));
      base::MutexLock reading(read_mutex_);
      peek_offset_ = offset;
      return {};
    }
    default:
      return Socket::SetFamilyOption(context, level, name, value);
  }
}

}  // namespace sentry
