// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "base/ref.h"
#include "base/result.h"
#include "vfs/context.h"
#include "vfs/file_description.h"

namespace vfs {

// eventfd2(2). `flags`: O_NONBLOCK; `semaphore`: EFD_SEMAPHORE.
base::RefPtr<FileDescription> CreateEventFd(Context& context, uint64_t count, int flags, bool semaphore);

}  // namespace vfs
