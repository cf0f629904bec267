// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "base/ref.h"

namespace sentry {

class UnixNames;

// A network namespace (network_namespaces(7)): what the addresses of sockets mean. Thread-safe.
class NetworkNamespace : public base::RefCounted {
 public:
  NetworkNamespace();
  ~NetworkNamespace() override;

  // Abstract names, and all AF_UNIX sockets made here.
  UnixNames& unix_names() { return *unix_names_; }

 private:
  const std::unique_ptr<UnixNames> unix_names_;
};

}  // namespace sentry
