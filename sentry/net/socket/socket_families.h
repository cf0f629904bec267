// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <utility>

#include "base/ref.h"
#include "base/result.h"
#include "sentry/net/network_namespace.h"
#include "sentry/net/socket/socket.h"

namespace sentry {

// socket(2), without SOCK_NONBLOCK and SOCK_CLOEXEC in the type. EAFNOSUPPORT, EINVAL, ESOCKTNOSUPPORT,
// EPROTONOSUPPORT.
base::Result<base::RefPtr<Socket>> CreateSocket(vfs::Context& context, NetworkNamespace& network, Socket::Kind kind);
// socketpair(2): EOPNOTSUPP besides.
base::Result<std::pair<base::RefPtr<Socket>, base::RefPtr<Socket>>> CreateSocketPair(vfs::Context& context,
                                                                                     NetworkNamespace& network,
                                                                                     Socket::Kind kind);

}  // namespace sentry
