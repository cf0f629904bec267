// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "base/ref.h"
#include "base/result.h"
#include "vfs/context.h"
#include "vfs/file_description.h"

namespace vfs {

// memfd_create(2): an unnamed file in memory, open for reading and writing, shown as "/memfd:<name> (deleted)".
// `seals`: F_SEAL_SEAL, or what it is sealed with while more may be added. ENOSPC, ENFILE.
base::Result<base::RefPtr<FileDescription>> CreateMemfd(Context& context, const std::string& name, uint32_t mode,
                                                        uint32_t seals);
// An unnamed file in memory for the kernel's own use (System V shared memory), shown as "<name> (deleted)". ENOSPC,
// ENFILE.
base::Result<base::RefPtr<FileDescription>> CreateUnnamedFile(Context& context, const std::string& name, uint32_t mode);

}  // namespace vfs
