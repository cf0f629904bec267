// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "vfs/device.h"

namespace vfs {

// Enters /dev/null, zero, full, random, urandom (null(4), full(4), random(4)) and tty (ENXIO: there is no controlling
// terminal) under their Linux numbers.
void AddMemoryDevices(DeviceTable& table);

// Fills a mounted /dev: the nodes above, and the customary links fd, stdin, stdout, stderr. `dev` is its root.
base::Result<void> PopulateDev(Context& context, const Path& dev);

}  // namespace vfs
