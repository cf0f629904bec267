// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <csignal>

#include "base/unique_fd.h"
#include "runsc/control/server.h"
#include "runsc/util/status.h"

namespace runsc {

// The signals that an attached runsc passes on to the container.
sigset_t ForwardedSignals();
// Blocks them; a non-blocking signalfd(2) of them.
StatusOr<base::UniqueFd> BlockForwardedSignals();
// Whom a signal that we got is for. `terminal`: the container's process has our terminal.
control::SignalTarget TargetOfSignal(int signal, bool terminal);

}  // namespace runsc
