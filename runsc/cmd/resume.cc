// SPDX-License-Identifier: Apache-2.0
#include "runsc/cmd/options.h"
#include "runsc/container/create.h"

namespace runsc {

StatusOr<int> ResumeCommand(CommandLine& line) {
  std::string id;
  Options options(line, "Let the processes of a paused container go on");
  options.AddId(&id);
  if (!TRY_STATUS(options.Parse())) return 0;
  LockedContainer container = TRY_STATUS(LockedContainer::Load(line.settings.root, id));
  ContainerState& state = container.state();
  if (state.status != ContainerStatus::kPaused) {
    return WrongState("cannot resume container \"" + id + "\" in state " + std::string(StatusName(state.status)));
  }
  RETURN_IF_ERROR(Cgroup::Thaw(state.guest_cgroup));
  state.status = ContainerStatus::kRunning;
  RETURN_IF_ERROR(container.Save());
  return 0;
}

}  // namespace runsc
