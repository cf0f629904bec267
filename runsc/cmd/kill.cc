// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <csignal>

#include "runsc/cmd/options.h"
#include "runsc/control/client.h"
#include "runsc/sandbox/cgroup.h"
#include "runsc/spec/names.h"
#include "runsc/state/state.h"

namespace runsc {

StatusOr<int> KillCommand(CommandLine& line) {
  std::string id;
  std::string signal_name = "TERM";
  bool all = false;
  int pid = 0;
  int group = 0;
  Options options(line, "Send a signal to a container");
  options.AddId(&id);
  options.app().add_option("signal", signal_name, "name or number (default: TERM)")->type_name("");
  options.app().add_flag("--all,-a", all, "to every process of the container, not the first one only");
  options.app().add_option("--pid", pid, "to this process (its id in the container)");
  options.app().add_option("--pgid", group, "to this process group (its id in the container)");
  if (!TRY_STATUS(options.Parse())) return 0;
  std::optional<int> signal = spec::SignalNumber(signal_name);
  if (!signal) return InvalidInput("kill: unknown signal \"" + signal_name + "\"");
  if (static_cast<int>(all) + static_cast<int>(pid != 0) + static_cast<int>(group != 0) > 1) {
    return InvalidInput("kill: --all, --pid and --pgid exclude each other");
  }
  // Without the lock: a container whose start hangs must be killable.
  ContainerState state = TRY_STATUS(ReadState(line.settings.root, id));
  if (state.status != ContainerStatus::kCreated && state.status != ContainerStatus::kRunning &&
      state.status != ContainerStatus::kPaused) {
    return WrongState("cannot kill container \"" + id + "\": container not running");
  }
  // Before start there is no process yet that a signal could reach; what would end it ends the sandbox.
  if (state.status == ContainerStatus::kCreated && (*signal == SIGKILL || *signal == SIGTERM)) {
    base::UniqueFd sandbox = TRY_STATUS(OpenProcess(state.sandbox));
    RETURN_IF_ERROR(SendSignal(sandbox.get(), SIGKILL));
    return 0;
  }
  control::SignalTarget target = control::SignalTarget::kInit;
  if (all) target = control::SignalTarget::kAll;
  if (pid != 0) target = control::SignalTarget::kProcess;
  if (group != 0) target = control::SignalTarget::kGroup;
  control::Client client = TRY_STATUS(control::Client::Connect(ContainerDirectory(line.settings.root, id)));
  RETURN_IF_ERROR(client.Signal(target, pid != 0 ? pid : group, *signal));
  // On version 1 a frozen process does not even die.
  if (state.status == ContainerStatus::kPaused && *signal == SIGKILL) RETURN_IF_ERROR(Cgroup::Thaw(state.guest_cgroup));
  return 0;
}

}  // namespace runsc
