// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <cstdio>

#include "runsc/cmd/options.h"
#include "runsc/control/client.h"
#include "runsc/state/state.h"

namespace runsc {

StatusOr<int> WaitCommand(CommandLine& line) {
  std::string id;
  int pid = 0;
  Options options(line, "Wait until a process of a container ends; print its exit status as JSON");
  options.AddId(&id);
  options.app().add_option("--pid,--rootpid", pid, "the process (its id in the container; default: the first one)");
  if (!TRY_STATUS(options.Parse())) return 0;
  ContainerState state = TRY_STATUS(ReadState(line.settings.root, id));
  if (state.status == ContainerStatus::kStopped || state.status == ContainerStatus::kCreating) {
    return WrongState("cannot wait for container \"" + id + "\" in state " + std::string(StatusName(state.status)));
  }
  control::Client client = TRY_STATUS(control::Client::Connect(ContainerDirectory(line.settings.root, id)));
  int status = TRY_STATUS(client.Wait(pid));
  printf("{\"id\":\"%s\",\"exitStatus\":%d}\n", id.c_str(), ExitCode(status));
  return 0;
}

}  // namespace runsc
