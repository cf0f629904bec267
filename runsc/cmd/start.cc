// SPDX-License-Identifier: Apache-2.0
#include "runsc/cmd/options.h"
#include "runsc/container/create.h"

namespace runsc {

StatusOr<int> StartCommand(CommandLine& line) {
  std::string id;
  Options options(line, "Start the first process of a created container");
  options.AddId(&id);
  if (!TRY_STATUS(options.Parse())) return 0;
  LockedContainer container = TRY_STATUS(LockedContainer::Load(line.settings.root, id));
  if (container.state().status != ContainerStatus::kCreated) {
    return WrongState("cannot start container \"" + id + "\" in state " +
                      std::string(StatusName(container.state().status)));
  }
  RETURN_IF_ERROR(StartContainer(container, line.settings));
  return 0;
}

}  // namespace runsc
