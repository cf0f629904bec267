// SPDX-License-Identifier: Apache-2.0
// The last step of each process's start: from then on it can do only what its tables (boot/filter/) allow.
#pragma once

#include "runsc/util/status.h"

namespace runsc {

// For the sentry: gives up all capabilities and installs its system call filter on all threads. Zygotes must exist.
Status LockDown(bool log_only);

// For the gofer: its filter alone.
Status InstallGoferFilter(bool log_only);

}  // namespace runsc
