// SPDX-License-Identifier: Apache-2.0
// From the specification's process to what the kernel starts.
#pragma once

#include "base/ref.h"
#include "runsc/spec/spec.h"
#include "runsc/util/status.h"
#include "sentry/kernel.h"

namespace runsc {

// Credentials, limits, umask, arguments, environment. HOME is added from the container's /etc/passwd when the
// environment has none, as runc does. `fds` and `exited` are left to the caller.
StatusOr<sentry::Kernel::ProcessArguments> MakeProcess(const spec::Process& process, sentry::Container& container);

// Makes the working directory, and what leads to it, where it is missing, as runc does for a container's first process.
void MakeWorkingDirectory(const spec::Process& process, sentry::Container& container);

}  // namespace runsc
