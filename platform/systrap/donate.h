// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/unique_fd.h"
#include "platform/platform.h"
#include "platform/systrap/shard.h"

namespace platform::systrap {

// A descriptor in the table that all stubs of a shard share. REQUIRES: gone before its container.
class Donated final : public DonatedFile {
 public:
  // Puts `fd` into the stubs' table. Parks. See Container::Donate.
  static base::Result<base::RefPtr<DonatedFile>> Create(Shard& shard, base::UniqueFd fd, bool writable);

  bool writable() const override { return writable_; }
  // In the stubs.
  int number() const { return number_; }

 private:
  Donated(Shard& shard, int number, bool writable) : shard_(shard), number_(number), writable_(writable) {}
  ~Donated() override { shard_.ReturnNumber(number_); }

  Shard& shard_;
  const int number_;
  const bool writable_;
};

}  // namespace platform::systrap
