// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>

#include "runsc/cmd/options.h"
#include "runsc/container/create.h"

namespace runsc {
namespace {

Status DeleteOne(const std::string& id, bool force, const Settings& settings) {
  StatusOr<LockedContainer> container = LockedContainer::Load(settings.root, id);
  if (!container.ok()) return force && absl::IsNotFound(container.status()) ? absl::OkStatus() : container.status();
  ContainerStatus status = container->state().status;
  if (!force && (status == ContainerStatus::kRunning || status == ContainerStatus::kPaused)) {
    return WrongState("cannot delete container \"" + id + "\" that is not stopped without --force: it is " +
                      std::string(StatusName(status)));
  }
  return DestroyContainer(std::move(*container), settings);
}

}  // namespace

StatusOr<int> DeleteCommand(CommandLine& line) {
  std::vector<std::string> ids;
  bool force = false;
  Options options(line, "Remove what is left of a container");
  options.app().add_option("ids", ids, "the containers' ids")->required()->type_name("");
  options.app().add_flag("--force,-f", force, "kill it if it runs; no error if there is none");
  if (!TRY_STATUS(options.Parse())) return 0;
  Status result;
  for (const std::string& id : ids) result.Update(DeleteOne(id, force, line.settings));
  RETURN_IF_ERROR(result);
  return 0;
}

}  // namespace runsc
