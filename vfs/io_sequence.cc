// SPDX-License-Identifier: Apache-2.0
#include "vfs/io_sequence.h"

#include <algorithm>

namespace vfs {

base::Result<size_t> BufferSequence::CopyIn(std::span<std::byte> to) {
  size_t count = std::min(to.size(), buffer_.size());
  if (count != 0) memcpy(to.data(), buffer_.data(), count);
  buffer_ = buffer_.subspan(count);
  return count;
}

base::Result<size_t> BufferSequence::CopyOut(std::span<const std::byte> from) {
  size_t count = std::min(from.size(), buffer_.size());
  if (count != 0) memcpy(buffer_.data(), from.data(), count);
  buffer_ = buffer_.subspan(count);
  return count;
}

void BufferSequence::Truncate(size_t length) { buffer_ = buffer_.first(std::min(length, buffer_.size())); }

void BufferSequence::Revert(size_t count) { buffer_ = {buffer_.data() - count, buffer_.size() + count}; }

}  // namespace vfs
