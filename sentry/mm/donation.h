// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/ref.h"
#include "base/result.h"
#include "platform/platform.h"
#include "vfs/file_description.h"

namespace sentry {

// The mappable's descriptor as the stubs of a container know it; made on first use and kept with the mappable. Parks.
// Errors: EMFILE, ENFILE, EAGAIN.
base::Result<base::RefPtr<platform::DonatedFile>> Donated(platform::Container& container, vfs::Mappable& mappable);

// Memory of `length` bytes for MAP_SHARED|MAP_ANONYMOUS: a sealed-size memfd. ENOMEM, EMFILE, ENFILE.
base::Result<base::RefPtr<vfs::Mappable>> NewSharedMemory(uint64_t length);

}  // namespace sentry
