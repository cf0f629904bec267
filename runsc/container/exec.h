// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "runsc/config/flags.h"
#include "runsc/spec/spec.h"
#include "runsc/util/status.h"

namespace runsc {

struct ExecOptions {
  std::string id;
  spec::Process process;
  std::string console_socket;
  std::string pid_file;           // Gets the host's pid of the process that stands for the new one.
  std::string internal_pid_file;  // Gets the new one's pid in the container.
  bool detach = false;
};

// Starts a process in a running container. Attached: passes signals on to it, waits, and returns its exit code.
// Detached: leaves a small process behind that does the same, so that an engine can reap it as if it were the new one.
// If whoever waits dies, the process is killed.
StatusOr<int> ExecInContainer(const ExecOptions& options, const Settings& settings);

}  // namespace runsc
