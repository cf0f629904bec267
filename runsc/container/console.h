// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "base/unique_fd.h"
#include "runsc/spec/spec.h"
#include "runsc/util/status.h"

namespace runsc {

// A new terminal: its master goes to whoever listens on the unix socket `console_socket`. Returns the slave.
StatusOr<base::UniqueFd> MakeConsole(const std::string& console_socket, const std::optional<spec::ConsoleSize>& size);

}  // namespace runsc
