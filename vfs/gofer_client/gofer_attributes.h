// SPDX-License-Identifier: Apache-2.0
// Attributes as the gofer and as host descriptors tell them.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "gofer/protocol/messages.h"
#include "vfs/attributes.h"

namespace vfs {

// EIO: no attributes any file could have.
base::Result<Attributes> ParseAttributes(const gofer::wire::Attributes& wire);
// Attributes of the file behind a host descriptor. The device is left out, as ParseAttributes does.
base::Result<Attributes> ReadHostAttributes(int fd);

}  // namespace vfs
