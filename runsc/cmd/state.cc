// SPDX-License-Identifier: Apache-2.0
#include <cstdio>

#include "runsc/cmd/options.h"
#include "runsc/state/state.h"

namespace runsc {

StatusOr<int> StateCommand(CommandLine& line) {
  std::string id;
  Options options(line, "Print the state of a container as JSON");
  options.AddId(&id);
  if (!TRY_STATUS(options.Parse())) return 0;
  ContainerState state = TRY_STATUS(ReadState(line.settings.root, id));
  puts(PublicStateJson(state, true).c_str());
  return 0;
}

}  // namespace runsc
