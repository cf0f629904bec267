// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/result.h"
#include "syscalls/decode.h"

namespace syscalls {

base::Result<uint64_t> SysPrctl(Task& task, int32_t option, uint64_t argument2, uint64_t argument3, uint64_t argument4,
                                uint64_t argument5);

}  // namespace syscalls
