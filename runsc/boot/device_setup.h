// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runsc/boot/boot.h"
#include "runsc/util/status.h"
#include "vfs/operations.h"

namespace runsc {

// Makes the nodes of linux.devices below `at`, each with the owner and mode it asks for. Only devices that a container
// can have at all are accepted, whatever the host has; any other is refused by its JSON path.
Status MakeDevices(const BootConfig& config, vfs::Context& context, const vfs::StartPoint& at);

}  // namespace runsc
