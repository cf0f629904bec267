// SPDX-License-Identifier: Apache-2.0
// The programs inside runsc that it starts again as processes of their own: the hidden commands "gofer" and "sentry".
#pragma once

#include "base/unique_fd.h"
#include "gofer/server/gofer.h"
#include "runsc/boot/boot.h"

namespace runsc {

// What the hidden commands end in. The tests of the process tree put doubles here.
struct EntryPoints {
  int (*sentry)(BootConfig config, Fds fds) = nullptr;
  int (*gofer)(base::UniqueFd connection, gofer::Config config) = nullptr;
};

// Descriptors of a spawned process. 0 and 1 are /dev/null, 2 is its log.
enum : int { kHandshakeFd = 3, kSetupFd = 4, kGoferFd = 5, kControlFd = 6, kStdioFd = 7, kPassedFd = 10 };

// Sets up the process as runsc asked for and runs the entry point. The exit code of the process.
int GoferCommand(const EntryPoints& entry);
int SentryCommand(const EntryPoints& entry);

}  // namespace runsc
