// SPDX-License-Identifier: Apache-2.0
#include "sentry/net/network_namespace.h"

#include "sentry/net/socket/unix/unix_names.h"

namespace sentry {

NetworkNamespace::NetworkNamespace() : unix_names_(std::make_unique<UnixNames>()) {}
NetworkNamespace::~NetworkNamespace() = default;

}  // namespace sentry
