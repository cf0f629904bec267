// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/ref.h"
#include "sentry/kernel.h"
#include "vfs/pseudo/pseudo.h"

namespace sentry {

// Gives the root of /proc its numbered directories.
void AddProcessDirectories(Kernel& kernel, base::RefPtr<vfs::PseudoFilesystem> filesystem, vfs::DirectoryInode& root);

}  // namespace sentry
