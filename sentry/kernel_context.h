// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/resource.h>

#include "base/clock.h"
#include "vfs/context.h"

namespace sentry {

// On behalf of the kernel itself, or of a process that does not exist yet: no guest memory, no size limit.
class KernelContext : public vfs::Context {
 public:
  // All capabilities, user and group 0.
  KernelContext();
  explicit KernelContext(base::RefPtr<vfs::Credentials> credentials, const vfs::DeviceTable* devices = nullptr)
      : credentials_(std::move(credentials)), devices_(devices) {}

  const vfs::Credentials& credentials() const override { return *credentials_; }
  int32_t process_id() const override { return 0; }
  uint64_t file_size_limit() const override { return RLIM_INFINITY; }
  int64_t RealtimeNow() const override { return base::RealtimeNow(); }
  vfs::UserMemory& user_memory() override { return none_; }
  const vfs::DeviceTable* device_table() const override { return devices_; }

 private:
  class NoMemory : public vfs::UserMemory {
   public:
    base::Result<void> CopyIn(base::GuestAddr, std::span<std::byte>) override { return base::Errno(EFAULT); }
    base::Result<void> CopyOut(base::GuestAddr, std::span<const std::byte>) override { return base::Errno(EFAULT); }
  };
  base::RefPtr<vfs::Credentials> credentials_;
  const vfs::DeviceTable* devices_ = nullptr;
  NoMemory none_;
};

}  // namespace sentry
