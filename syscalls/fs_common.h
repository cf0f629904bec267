// SPDX-License-Identifier: Apache-2.0
// What the calls on names share.
#pragma once

#include "base/result.h"
#include "base/types.h"
#include "sentry/mm/user_memory.h"
#include "sentry/task/task.h"
#include "vfs/walk.h"

namespace syscalls {

using sentry::Task;
using sentry::UserCString;

// Where `name` starts for a *at call: EBADF for a bad descriptor, unless the name is absolute.
// An empty name is not resolved at all (ENOENT comes from the walk) unless `allow_empty`.
base::Result<vfs::StartPoint> StartAt(Task& task, base::Fd directory, std::string_view name, bool allow_empty = false);
inline vfs::StartPoint StartAtCwd(Task& task) { return {task.fs().root(), task.fs().cwd()}; }

// A path argument: EFAULT, ENAMETOOLONG.
base::Result<std::string> ReadPath(Task& task, UserCString path);

// Resolves a path argument of a *at call with AT_* flags (AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW; `follow` otherwise).
base::Result<vfs::Path> ResolveAt(Task& task, base::Fd directory, UserCString path, int at_flags, bool follow = true);

}  // namespace syscalls
