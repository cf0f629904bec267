// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <vector>

#include "runsc/spec/spec.h"
#include "runsc/util/status.h"

namespace runsc {

// The ids on the host that the sandbox runs under: those the specification maps the container's root to; otherwise
// nobody's, if we are root and that id exists here; otherwise our own.
struct SandboxIds {
  uint32_t uid;
  uint32_t gid;
  bool change;  // Whether they differ from ours.
};
StatusOr<SandboxIds> ChooseSandboxIds(const spec::Linux& config);

// Writes the id maps of the user namespace that process `pid` has just made.
Status WriteIdMaps(pid_t pid, const std::vector<spec::IdMapping>& uids, const std::vector<spec::IdMapping>& gids);

}  // namespace runsc
