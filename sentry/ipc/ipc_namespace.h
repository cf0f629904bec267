// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "base/ref.h"

namespace sentry {

class Kernel;
class MessageQueues;
class SemaphoreSets;
class SharedMemorySegments;

// An IPC namespace (ipc_namespaces(7)): the System V objects one can see. Thread-safe.
class IpcNamespace : public base::RefCounted {
 public:
  IpcNamespace();
  ~IpcNamespace() override;

  // The namespace of all tasks of the sandbox's kernel, of which a process has one.
  static IpcNamespace& Of(Kernel& kernel);

  SharedMemorySegments& shared_memory() { return *shared_memory_; }
  SemaphoreSets& semaphores() { return *semaphores_; }
  MessageQueues& message_queues() { return *message_queues_; }

 private:
  const base::RefPtr<SharedMemorySegments> shared_memory_;
  const std::unique_ptr<SemaphoreSets> semaphores_;
  const std::unique_ptr<MessageQueues> message_queues_;
};

}  // namespace sentry
