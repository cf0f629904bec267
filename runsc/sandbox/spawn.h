// SPDX-License-Identifier: Apache-2.0
// Starting a program in new namespaces with exactly the descriptors it is given.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "runsc/util/status.h"

namespace runsc {

struct SpawnOptions {
  int executable = -1;  // Descriptor of the program.
  std::vector<std::string> arguments;
  std::vector<std::string> environment;
  int new_namespaces = 0;            // CLONE_NEW*
  std::vector<int> join_namespaces;  // Descriptors for setns(2), in this order, after the new ones were made.
  // Descriptor n of the program is fds[n]; all others are closed.
  std::vector<int> fds;
};

struct Spawned {
  pid_t pid = 0;
  base::UniqueFd pidfd;
};

// The program starts in a session of its own, with an empty signal mask and default signal actions. Returns after its
// exec succeeded; otherwise says which step failed. The calling process must be single-threaded.
StatusOr<Spawned> Spawn(const SpawnOptions& options);

// The running executable, to start it again as gofer or sentry. docs/decisions/004 has the reasons: it is run directly
// if only root may write to it, else from a sealed copy in memory.
StatusOr<base::UniqueFd> OpenOwnExecutable();

}  // namespace runsc
