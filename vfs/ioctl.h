// SPDX-License-Identifier: Apache-2.0
// Helpers for FileDescription::Ioctl.
#pragma once

#include <cstdint>
#include <span>

#include "base/result.h"
#include "base/types.h"
#include "vfs/context.h"

namespace vfs {

// Writes a C int to where a request's argument points. EFAULT.
inline base::Result<void> WriteInt(Context& context, uint64_t argument, int32_t value) {
  return context.user_memory().CopyOut(base::GuestAddr(argument), std::as_bytes(std::span(&value, 1)));
}

}  // namespace vfs
