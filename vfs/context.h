// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/result.h"
#include "base/types.h"
#include "vfs/credentials.h"

namespace vfs {

class DeviceTable;

// Guest memory, for the few operations that follow guest pointers themselves (ioctl). Bytes are copied once.
// All or nothing: EFAULT when any byte is inaccessible.
class UserMemory {
 public:
  virtual ~UserMemory() = default;
  virtual base::Result<void> CopyIn(base::GuestAddr from, std::span<std::byte> to) = 0;
  virtual base::Result<void> CopyOut(base::GuestAddr to, std::span<const std::byte> from) = 0;
};

// On whose behalf a filesystem operation runs. Implemented by sentry's Task, and by small objects for the kernel's own
// work. Lives for one call; never stored.
class Context {
 public:
  virtual ~Context() = default;
  virtual const Credentials& credentials() const = 0;
  // The thread group's id as the sandbox's root pid namespace numbers it; 0 for the kernel itself.
  virtual int32_t process_id() const = 0;
  // The same of the thread; 0 for the kernel itself.
  virtual int32_t thread_id() const { return process_id(); }
  // RLIMIT_FSIZE in bytes; writes beyond fail with EFBIG (the caller raises SIGXFSZ).
  virtual uint64_t file_size_limit() const = 0;
  // CLOCK_REALTIME of the guest, nanoseconds since the epoch.
  virtual int64_t RealtimeNow() const = 0;
  virtual UserMemory& user_memory() = 0;
  // What character and block device nodes open; null: none (ENXIO).
  virtual const DeviceTable* device_table() const { return nullptr; }
};

}  // namespace vfs
