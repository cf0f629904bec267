// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/unique_fd.h"
#include "platform/ptrace/shard.h"
#include "platform/stub_file.h"

namespace platform::ptrace {

// A descriptor in the table that all stubs of a shard share: sent to the zygote by a socket, received there by an
// injected call, which numbers it. REQUIRES: gone before its container's platform.
class Donated final : public StubFile {
 public:
  // Puts `fd` into the stubs' table. Parks. See Container::Donate.
  static base::Result<base::RefPtr<DonatedFile>> Create(Shard& shard, base::UniqueFd fd, bool writable);

 private:
  Donated(Shard& shard, int number, bool writable) : StubFile(number, writable), shard_(shard) {}
  ~Donated() override;

  Shard& shard_;
};

}  // namespace platform::ptrace
