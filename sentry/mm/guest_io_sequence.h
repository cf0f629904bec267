// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "base/abi/iovec.h"
#include "base/result.h"
#include "base/types.h"
#include "sentry/mm/user_memory.h"
#include "vfs/io_sequence.h"

namespace sentry {

// The buffers of one read or write call in guest memory. One fiber's.
class GuestIoSequence final : public vfs::IoSequence {
 public:
  // One buffer (read(2), write(2)). EFAULT when it does not lie in user space at all (access_ok); the length is cut to
  // MAX_RW_COUNT. Whether a length counts as too large (EINVAL) is the caller's rule.
  static base::Result<GuestIoSequence> Create(GuestMemory& memory, UserSpan buffer);
  // iovec[count] (readv(2)). EINVAL: count above UIO_MAXIOV, or a negative length; EFAULT: the array or a buffer lies
  // outside user space. The total is cut to MAX_RW_COUNT.
  static base::Result<GuestIoSequence> Create(GuestMemory& memory, UserIn<base::abi::Iovec> vector, uint64_t count);

  size_t remaining() const override { return remaining_; }
  base::Result<size_t> CopyIn(std::span<std::byte> to) override;
  base::Result<size_t> CopyOut(std::span<const std::byte> from) override;
  void Truncate(size_t length) override;
  void Revert(size_t count) override;

 private:
  explicit GuestIoSequence(GuestMemory& memory) : memory_(&memory) {}

  // Runs `copy(address, offset, length)` over the next `length` bytes, segment by segment.
  template <typename Copy>
  base::Result<size_t> Walk(size_t length, Copy copy);

  GuestMemory* memory_;
  base::abi::Iovec single_{};  // The only segment, unless segments_ has them.
  std::vector<base::abi::Iovec> segments_;
  size_t index_ = 0;   // Current segment.
  uint64_t done_ = 0;  // Bytes of it behind the cursor.
  size_t remaining_ = 0;
};

}  // namespace sentry
