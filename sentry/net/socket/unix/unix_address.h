// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/result.h"
#include "sentry/net/socket/socket_message.h"

namespace sentry {

// What a sockaddr_un says (unix(7)).
struct UnixName {
  enum class Kind { kUnnamed, kPath, kAbstract };
  Kind kind = Kind::kUnnamed;
  std::string text;  // The path; or what follows the leading NUL.
};

// EINVAL: another family, too short or too long. An address without a name is kUnnamed: bind(2) chooses one.
base::Result<UnixName> ParseUnixAddress(const SocketAddress& address);
// As getsockname(2) shows it.
SocketAddress ToSocketAddress(const UnixName& name);

}  // namespace sentry
