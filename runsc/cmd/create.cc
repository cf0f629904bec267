// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>

#include "runsc/cmd/options.h"
#include "runsc/container/create.h"

namespace runsc {

StatusOr<int> CreateCommand(CommandLine& line) {
  CreateOptions create;
  Options options(line, "Create a container: everything is ready, its first process waits for start");
  options.AddCreateFlags(&create);
  if (!TRY_STATUS(options.Parse())) return 0;
  CreatedContainer created = TRY_STATUS(CreatedContainer::Create(std::move(create), line.settings));
  RETURN_IF_ERROR(created.Keep(false));
  return 0;
}

}  // namespace runsc
