// SPDX-License-Identifier: Apache-2.0
// The host's mounts, by descriptor: detached trees and filesystems that no path leads to.
#pragma once

#include <string>

#include "base/unique_fd.h"
#include "runsc/util/status.h"

namespace runsc {

// A private copy of the tree mounted at `path` (a directory or a file), attached nowhere. Set-user-id programs and
// device nodes have no power in it. O_PATH-like: usable for openat2 and fchdir.
StatusOr<base::UniqueFd> CloneTree(const std::string& path, bool recursive, bool read_only);

// A procfs of the caller's pid namespace, with processes only, attached nowhere.
StatusOr<base::UniqueFd> NewProcfs();

// From here on mount events no longer reach the host; with `receive` the host's still come in.
Status SeparateMounts(bool receive);

// Unmounts every filesystem through which one talks to the kernel rather than stores files (proc, sysfs, devtmpfs,
// cgroup...). REQUIRES: a mount namespace of our own, after SeparateMounts.
Status DropKernelMounts();

// Puts an empty read-only filesystem in the place of the root directory and gets rid of the old tree.
// REQUIRES: a mount namespace of our own, after SeparateMounts.
Status EnterEmptyRoot();

}  // namespace runsc
