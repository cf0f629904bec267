// SPDX-License-Identifier: Apache-2.0
// The last step of each process's start: from then on it can do only what its tables (boot/filter/) allow.
#pragma once

#include "runsc/config/flags.h"
#include "runsc/util/status.h"

namespace runsc {

// For the sentry: gives up all capabilities and installs its system call filter on all threads. Zygotes must exist.
Status LockDown(const Settings& settings);

// For the gofer: its filter alone. With --host-uds=open it may connect to sockets in its tree.
Status InstallGoferFilter(const Settings& settings);

}  // namespace runsc
