// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "platform/platform.h"

namespace platform {

// A donated file as it lies in the descriptor table of a container's stubs.
class StubFile : public DonatedFile {
 public:
  bool writable() const override { return writable_; }
  // In the stubs.
  int number() const { return number_; }

 protected:
  StubFile(int number, bool writable) : number_(number), writable_(writable) {}

 private:
  const int number_;
  const bool writable_;
};

// Whether the descriptor may be put there. What a stub holds it can map with all the descriptor's rights (mprotect asks
// for no more), so its mode has to be just that of the donation. EBADF, EACCES.
base::Result<void> CheckDonation(const base::UniqueFd& fd, bool writable);

}  // namespace platform
