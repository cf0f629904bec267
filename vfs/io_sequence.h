// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstring>
#include <span>

#include "base/result.h"

namespace vfs {

// A cursor over the buffers of one read or write call (guest memory, or the kernel's own). Files see this, never
// addresses. Each byte is copied once; what was copied is behind the cursor.
class IoSequence {
 public:
  virtual ~IoSequence() = default;

  // Bytes still ahead of the cursor.
  virtual size_t remaining() const = 0;
  // Copies from the sequence into `to` (a write(2) call) or from `from` into it (a read(2) call), at most remaining().
  // Returns how many bytes were copied before the first inaccessible one; EFAULT when none were and some were asked.
  virtual base::Result<size_t> CopyIn(std::span<std::byte> to) = 0;
  virtual base::Result<size_t> CopyOut(std::span<const std::byte> from) = 0;
  // Cuts the sequence to at most `length` bytes ahead of the cursor.
  virtual void Truncate(size_t length) = 0;
  // Takes the cursor back over the last `count` bytes, which were copied: for an operation that turns out to have to
  // wait, and will copy (and check) them again.
  virtual void Revert(size_t count) = 0;
};

// A sequence over one kernel buffer.
class BufferSequence : public IoSequence {
 public:
  explicit BufferSequence(std::span<std::byte> buffer) : buffer_(buffer) {}

  size_t remaining() const override { return buffer_.size(); }
  base::Result<size_t> CopyIn(std::span<std::byte> to) override;
  base::Result<size_t> CopyOut(std::span<const std::byte> from) override;
  void Truncate(size_t length) override;
  void Revert(size_t count) override;

 private:
  std::span<std::byte> buffer_;
};

}  // namespace vfs
