// SPDX-License-Identifier: Apache-2.0
#include "runsc/container/run.h"
#include <CLI/CLI.hpp>

#include "runsc/cmd/options.h"

namespace runsc {

StatusOr<int> RunCommand(CommandLine& line) {
  CreateOptions create;
  bool detach = false;
  Options options(line, "Create and start a container, and wait for it");
  options.AddCreateFlags(&create);
  options.app().add_flag("--detach,-d", detach, "do not wait");
  if (!TRY_STATUS(options.Parse())) return 0;
  create.attached = !detach;
  return RunContainer(std::move(create), line.settings);
}

}  // namespace runsc
