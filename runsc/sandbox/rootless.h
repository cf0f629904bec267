// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runsc/util/status.h"

namespace runsc {

// For a caller without privileges: moves this process into a user namespace where it is root (its own id is mapped to
// 0, no other id exists) and into a mount namespace of that. REQUIRES: single-threaded.
Status EnterRootlessNamespace();

}  // namespace runsc
