// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "base/ref.h"
#include "vfs/context.h"
#include "vfs/credentials.h"

namespace vfs {

// On whose behalf an overlay works on its layers: the kernel's own, at the caller's time. Rights and limits were
// checked on the overlay.
class LayerContext : public Context {
 public:
  explicit LayerContext(Context& caller) : caller_(caller), credentials_(base::MakeRef<Credentials>()) {
    credentials_->effective = credentials_->permitted = ~CapabilitySet{0};
  }
  const Credentials& credentials() const override { return *credentials_; }
  int32_t process_id() const override { return 0; }
  uint64_t file_size_limit() const override { return UINT64_MAX; }
  int64_t RealtimeNow() const override { return caller_.RealtimeNow(); }
  UserMemory& user_memory() override { return caller_.user_memory(); }

 private:
  Context& caller_;
  const base::RefPtr<Credentials> credentials_;
};

}  // namespace vfs
