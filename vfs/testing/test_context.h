// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <utility>

#include "base/clock.h"
#include "base/ref.h"
#include "vfs/context.h"
#include "vfs/credentials.h"

namespace vfs {

// A caller for tests: root with all capabilities until told otherwise; no guest memory.
class TestContext : public Context {
 public:
  TestContext() { Become(Make(0, 0, ~CapabilitySet{0})); }

  static base::RefPtr<Credentials> Make(uint32_t uid, uint32_t gid, CapabilitySet effective) {
    auto credentials = base::MakeRef<Credentials>();
    credentials->ruid = credentials->euid = credentials->suid = credentials->fsuid = base::KUid(uid);
    credentials->rgid = credentials->egid = credentials->sgid = credentials->fsgid = base::KGid(gid);
    credentials->effective = credentials->permitted = credentials->bounding = effective;
    return credentials;
  }
  void Become(base::RefPtr<Credentials> credentials) { credentials_ = std::move(credentials); }
  void BecomeUser(uint32_t uid, uint32_t gid) { Become(Make(uid, gid, 0)); }
  void BecomeRoot() { Become(Make(0, 0, ~CapabilitySet{0})); }
  void set_file_size_limit(uint64_t limit) { file_size_limit_ = limit; }
  // Stops the clock at `nanoseconds` since the epoch.
  void set_now(int64_t nanoseconds) { now_ = nanoseconds; }
  void set_device_table(const DeviceTable* table) { device_table_ = table; }

  const Credentials& credentials() const override { return *credentials_; }
  int32_t process_id() const override { return 1; }
  uint64_t file_size_limit() const override { return file_size_limit_; }
  int64_t RealtimeNow() const override { return now_ != 0 ? now_ : base::RealtimeNow(); }
  UserMemory& user_memory() override { return no_memory_; }
  const DeviceTable* device_table() const override { return device_table_; }

 private:
  class NoMemory : public UserMemory {
   public:
    base::Result<void> CopyIn(base::GuestAddr, std::span<std::byte>) override { return base::Errno(EFAULT); }
    base::Result<void> CopyOut(base::GuestAddr, std::span<const std::byte>) override { return base::Errno(EFAULT); }
  };

  base::RefPtr<Credentials> credentials_;
  uint64_t file_size_limit_ = UINT64_MAX;
  int64_t now_ = 0;
  const DeviceTable* device_table_ = nullptr;
  NoMemory no_memory_;
};

}  // namespace vfs
