// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/unique_fd.h"
#include "platform/stub_file.h"
#include "platform/systrap/shard.h"

namespace platform::systrap {

// A descriptor in the table that all stubs of a shard share. REQUIRES: gone before its container.
class Donated final : public StubFile {
 public:
  // Puts `fd` into the stubs' table. Parks. See Container::Donate.
  static base::Result<base::RefPtr<DonatedFile>> Create(Shard& shard, base::UniqueFd fd, bool writable);

 private:
  Donated(Shard& shard, int number, bool writable) : StubFile(number, writable), shard_(shard) {}
  ~Donated() override { shard_.ReturnNumber(number()); }

  Shard& shard_;
};

}  // namespace platform::systrap
