// SPDX-License-Identifier: Apache-2.0
#include "sentry/net/socket/socket_families.h"

#include "base/abi/socket.h"
#include "sentry/net/socket/unix/unix_socket.h"

namespace sentry {
namespace {

// What Linux looks at before the family is asked. Only AF_UNIX is there.
base::Result<void> CheckKind(const Socket::Kind& kind) {
  if (kind.family < 0 || kind.family >= base::abi::kFamilies) return base::Errno(EAFNOSUPPORT);
  if (kind.type < 0 || kind.type >= base::abi::kSocketTypes) return base::Errno(EINVAL);
  if (kind.family != AF_UNIX) return base::Errno(EAFNOSUPPORT);
  return {};
}

}  // namespace

base::Result<base::RefPtr<Socket>> CreateSocket(vfs::Context&, NetworkNamespace& network, Socket::Kind kind) {
  TRY(CheckKind(kind));
  return base::RefPtr<Socket>(TRY(UnixSocket::Create(network, kind)));
}

base::Result<std::pair<base::RefPtr<Socket>, base::RefPtr<Socket>>> CreateSocketPair(vfs::Context& context,
                                                                                     NetworkNamespace& network,
                                                                                     Socket::Kind kind) {
  TRY(CheckKind(kind));
  auto pair = TRY(UnixSocket::CreatePair(context, network, kind));
  return std::pair<base::RefPtr<Socket>, base::RefPtr<Socket>>(std::move(pair.first), std::move(pair.second));
}

}  // namespace sentry
