// SPDX-License-Identifier: Apache-2.0
#include "runsc/cmd/options.h"
#include "runsc/container/create.h"

namespace runsc {

StatusOr<int> PauseCommand(CommandLine& line) {
  std::string id;
  Options options(line, "Stop all processes of a running container until it is resumed");
  options.AddId(&id);
  if (!TRY_STATUS(options.Parse())) return 0;
  LockedContainer container = TRY_STATUS(LockedContainer::Load(line.settings.root, id));
  ContainerState& state = container.state();
  if (state.status != ContainerStatus::kRunning) {
    return WrongState("cannot pause container \"" + id + "\" in state " + std::string(StatusName(state.status)));
  }
  if (state.guest_cgroup.empty()) {
    return Failed("cannot pause container \"" + id +
                  "\": it has no cgroup (see linux.cgroupsPath and --ignore-cgroups)");
  }
  RETURN_IF_ERROR(Cgroup::Freeze(state.guest_cgroup));
  state.status = ContainerStatus::kPaused;
  RETURN_IF_ERROR(container.Save());
  return 0;
}

}  // namespace runsc
