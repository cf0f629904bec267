// SPDX-License-Identifier: Apache-2.0
#include "sentry/mm/guest_io_sequence.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <span>

#include "sentry/mm/layout.h"

namespace sentry {
namespace {

using base::Errno;
using base::abi::Iovec;

// Linux's access_ok.
bool InUserSpace(uint64_t address, uint64_t length) { return length <= kTaskSize && address <= kTaskSize - length; }

// Most calls have a few segments: those are read onto the stack.
constexpr size_t kFewSegments = 8;

}  // namespace

base::Result<GuestIoSequence> GuestIoSequence::Create(GuestMemory& memory, UserSpan buffer) {
  GuestIoSequence sequence(memory);
  uint64_t length = std::min(buffer.length, base::abi::kMaxTransfer);
  if (!InUserSpace(buffer.address.value(), length)) return Errno(EFAULT);
  sequence.single_ = {buffer.address.value(), length};
  sequence.remaining_ = length;
  return sequence;
}

base::Result<GuestIoSequence> GuestIoSequence::Create(GuestMemory& memory, UserIn<Iovec> vector, uint64_t count) {
  if (count > base::abi::kMaxIovecs) return Errno(EINVAL);
  GuestIoSequence sequence(memory);
  if (count == 0) return sequence;

  std::array<Iovec, kFewSegments> few;
  std::span<Iovec> segments = std::span(few).first(std::min<size_t>(count, few.size()));
  if (count > few.size()) {
    sequence.segments_.resize(count);
    segments = sequence.segments_;
  }
  TRY(memory.CopyIn(vector.address(), std::as_writable_bytes(segments)));
  for (const Iovec& segment : segments) {
    if (static_cast<int64_t>(segment.length) < 0) return Errno(EINVAL);
  }
  uint64_t total = 0;
  for (Iovec& segment : segments) {
    if (!InUserSpace(segment.base, segment.length)) return Errno(EFAULT);
    segment.length = std::min(segment.length, base::abi::kMaxTransfer - total);
    total += segment.length;
  }
  sequence.remaining_ = total;
  if (count == 1) {
    sequence.single_ = segments[0];
  } else if (sequence.segments_.empty()) {
    sequence.segments_.assign(segments.begin(), segments.end());
  }
  return sequence;
}

void GuestIoSequence::Truncate(size_t length) { remaining_ = std::min(remaining_, length); }

void GuestIoSequence::Revert(size_t count) {
  remaining_ += count;
  while (count > done_) {
    count -= done_;
    done_ = segments_[--index_].length;
  }
  done_ -= count;
}

template <typename Copy>
base::Result<size_t> GuestIoSequence::Walk(size_t length, Copy copy) {
  length = std::min(length, remaining_);
  size_t copied = 0;
  while (copied < length) {
    const Iovec& segment = segments_.empty() ? single_ : segments_[index_];
    size_t count = std::min<uint64_t>(length - copied, segment.length - done_);
    if (count == 0) {
      ++index_;
      done_ = 0;
      continue;
    }
    base::Result<size_t> moved = copy(base::GuestAddr(segment.base + done_), copied, count);
    if (!moved.ok()) {
      if (copied == 0) return moved.error();
      return copied;
    }
    done_ += *moved;
    copied += *moved;
    remaining_ -= *moved;
    if (*moved < count) return copied;
  }
  return copied;
}

base::Result<size_t> GuestIoSequence::CopyIn(std::span<std::byte> to) {
  return Walk(to.size(), [&](base::GuestAddr address, size_t offset, size_t count) {
    return memory_->CopyInSome(address, to.subspan(offset, count));
  });
}

base::Result<size_t> GuestIoSequence::CopyOut(std::span<const std::byte> from) {
  return Walk(from.size(), [&](base::GuestAddr address, size_t offset, size_t count) {
    return memory_->CopyOutSome(address, from.subspan(offset, count));
  });
}

}  // namespace sentry
