// SPDX-License-Identifier: Apache-2.0
#include "base/version.h"

namespace base {

const char* Version() { return RUNSC_VERSION; }

}  // namespace base
