// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "runsc/sandbox/trees.h"
#include "runsc/spec/spec.h"

namespace runsc {

// Makes the directories and files that the specification mounts on, where the root filesystem `trees[0]` has none. For
// roots that are read-only for the gofer already: elsewhere the sentry makes them itself. Links lead nowhere outside
// the root. What cannot be made is left out; the sentry tells then that it is missing.
void MakeMountPoints(const spec::Spec& spec, const std::vector<HostTree>& trees);

}  // namespace runsc
