// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sentry/ipc/shared_memory.h"

namespace sentry {

class Kernel;

// Counts the mappings of a segment in all processes: nothing else needs the number, so nobody keeps it. With no lock
// held.
SharedMemorySegments::CountAttachments AttachmentCounter(Kernel& kernel);

}  // namespace sentry
