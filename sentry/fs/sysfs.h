// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/ref.h"
#include "vfs/dentry.h"

namespace sentry {

// The root of a new /sys (sysfs(5)): the CPUs, and the directories programs expect to find.
base::RefPtr<vfs::Dentry> MakeSysfs();

}  // namespace sentry
