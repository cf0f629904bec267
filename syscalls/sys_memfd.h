// SPDX-License-Identifier: Apache-2.0
// memfd_create(2).
#pragma once

#include <cstdint>

#include "base/result.h"
#include "sentry/mm/user_memory.h"
#include "sentry/task/task.h"

namespace syscalls {

using sentry::Task;
using sentry::UserCString;

base::Result<base::Fd> SysMemfdCreate(Task& task, UserCString name, uint32_t flags);

}  // namespace syscalls
