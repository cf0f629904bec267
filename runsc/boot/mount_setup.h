// SPDX-License-Identifier: Apache-2.0
// The container's tree of mounts, from the specification.
#pragma once

#include "base/ref.h"
#include "runsc/boot/boot.h"
#include "runsc/util/status.h"
#include "sentry/kernel.h"
#include "vfs/gofer_client/gofer_client.h"
#include "vfs/mount.h"

namespace runsc {

// Root filesystem (with a memory overlay if the settings say so), every mount of the specification in its order, /dev,
// masked and read-only paths. Missing mount points are made. Errors name the JSON path. On a fiber or a host thread.
StatusOr<base::RefPtr<vfs::MountNamespace>> MakeMounts(const BootConfig& config, sentry::Kernel& kernel,
                                                       base::RefPtr<vfs::GoferClient> gofer);

}  // namespace runsc
