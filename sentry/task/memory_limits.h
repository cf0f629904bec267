// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sentry/mm/memory_manager.h"
#include "sentry/task/limits.h"
#include "vfs/credentials.h"

namespace sentry {

class Task;

// The limits memory calls of a process are judged by, as they are now.
MemoryLimits MakeMemoryLimits(const Limits& limits, const vfs::Credentials& credentials);
// Own fiber.
MemoryLimits MemoryLimitsOf(Task& task);

}  // namespace sentry
