// SPDX-License-Identifier: Apache-2.0
#include "sentry/net/socket/unix/unix_address.h"

#include <sys/socket.h>

namespace sentry {

base::Result<UnixName> ParseUnixAddress(const SocketAddress& address) {
  if (address.family() != AF_UNIX || address.size() > base::abi::kUnixAddressSize) return base::Errno(EINVAL);
  std::string_view rest = std::string_view(address.bytes()).substr(base::abi::kUnixPathOffset);
  if (rest.empty()) return UnixName{};
  if (rest[0] == '\0') return UnixName{UnixName::Kind::kAbstract, std::string(rest.substr(1))};
  return UnixName{UnixName::Kind::kPath, std::string(rest.substr(0, rest.find('\0')))};
}

SocketAddress ToSocketAddress(const UnixName& name) {
  uint16_t family = AF_UNIX;
  std::string bytes(sizeof(family), '\0');
  memcpy(bytes.data(), &family, sizeof(family));
  switch (name.kind) {
    case UnixName::Kind::kUnnamed:
      break;
    case UnixName::Kind::kPath:
      bytes += name.text;
      bytes += '\0';
      break;
    case UnixName::Kind::kAbstract:
      bytes += '\0';
      bytes += name.text;
      break;
  }
  return SocketAddress(std::move(bytes));
}

}  // namespace sentry
