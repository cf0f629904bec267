// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/ref.h"
#include "sentry/kernel.h"
#include "vfs/dentry.h"

namespace sentry {

// The root of a new /proc (proc(5)) that shows all processes of the sandbox. The kernel outlives it.
base::RefPtr<vfs::Dentry> MakeProcfs(Kernel& kernel);

}  // namespace sentry
