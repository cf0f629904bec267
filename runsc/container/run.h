// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runsc/container/create.h"

namespace runsc {

// Creates and starts a container; if attached, also waits for it and deletes it. The container's exit code.
StatusOr<int> RunContainer(CreateOptions options, const Settings& settings);

}  // namespace runsc
