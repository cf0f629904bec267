// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "base/result.h"
#include "base/unique_fd.h"

namespace platform {

// memfd_create(2), close-on-exec and sealable, of `size` bytes. Errors: as the host says.
base::Result<base::UniqueFd> MakeMemoryFile(const char* name, uint64_t size, bool executable);

}  // namespace platform
