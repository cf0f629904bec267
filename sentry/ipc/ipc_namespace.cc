// SPDX-License-Identifier: Apache-2.0
#include "sentry/ipc/ipc_namespace.h"

#include "sentry/ipc/message_queues.h"
#include "sentry/ipc/semaphores.h"
#include "sentry/ipc/shared_memory.h"

namespace sentry {

IpcNamespace::IpcNamespace()
    : shared_memory_(base::MakeRef<SharedMemorySegments>()),
      semaphores_(std::make_unique<SemaphoreSets>()),
      message_queues_(std::make_unique<MessageQueues>()) {}

IpcNamespace::~IpcNamespace() = default;

IpcNamespace& IpcNamespace::Of(Kernel&) {
  static IpcNamespace& only = *base::MakeRef<IpcNamespace>().release();
  return only;
}

}  // namespace sentry
