// SPDX-License-Identifier: Apache-2.0
#include "sentry/mm/user_memory.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace sentry {
namespace {

using base::Errno;

constexpr int64_t kNanosecondsPerSecond = 1'000'000'000;

// Fits a fiber's stack; most strings fit it.
constexpr size_t kStringChunk = 1024;

}  // namespace

base::Result<uint64_t> GuestMemory::Clip(base::GuestAddr address, uint64_t length) const {
  if (address >= max_address_) return Errno(EFAULT);
  return std::min(length, max_address_ - address);
}

base::Result<size_t> GuestMemory::CopyInSome(base::GuestAddr from, std::span<std::byte> to) {
  if (to.empty()) return size_t{0};
  return space_.CopyIn(from, to.first(TRY(Clip(from, to.size()))));
}

base::Result<size_t> GuestMemory::CopyOutSome(base::GuestAddr to, std::span<const std::byte> from) {
  if (from.empty()) return size_t{0};
  return space_.CopyOut(to, from.first(TRY(Clip(to, from.size()))));
}

base::Result<void> GuestMemory::CopyIn(base::GuestAddr from, std::span<std::byte> to) {
  if (TRY(CopyInSome(from, to)) != to.size()) return Errno(EFAULT);
  return {};
}

base::Result<void> GuestMemory::CopyOut(base::GuestAddr to, std::span<const std::byte> from) {
  if (TRY(CopyOutSome(to, from)) != from.size()) return Errno(EFAULT);
  return {};
}

base::Result<std::string> GuestMemory::CopyInString(base::GuestAddr from, size_t max_size) {
  std::string text;
  std::array<char, kStringChunk> chunk;
  while (text.size() < max_size) {
    uint64_t to_page_end = base::kPageSize - (from.value() & base::kPageMask);
    size_t count = std::min({chunk.size(), max_size - text.size(), static_cast<size_t>(to_page_end)});
    count = TRY(space_.CopyInString(from, std::span(chunk).first(TRY(Clip(from, count)))));
    if (const void* end = memchr(chunk.data(), 0, count)) {
      text.append(chunk.data(), static_cast<const char*>(end) - chunk.data());
      return text;
    }
    text.append(chunk.data(), count);
    from = from + count;
  }
  return Errno(ENAMETOOLONG);
}

base::Result<void> GuestMemory::Clear(base::GuestAddr to, uint64_t length) {
  static constexpr std::array<std::byte, base::kPageSize> kZeroes{};
  while (length != 0) {
    uint64_t count = std::min<uint64_t>(length, kZeroes.size());
    TRY(CopyOut(to, std::span(kZeroes).first(count)));
    to = to + count;
    length -= count;
  }
  return {};
}

base::Result<int64_t> ToNanoseconds(const base::abi::Timespec& time) {
  if (time.seconds < 0 || time.nanoseconds < 0 || time.nanoseconds >= kNanosecondsPerSecond) return Errno(EINVAL);
  int64_t sum = 0;
  if (__builtin_mul_overflow(time.seconds, kNanosecondsPerSecond, &sum) ||
      __builtin_add_overflow(sum, time.nanoseconds, &sum)) {
    return INT64_MAX;
  }
  return sum;
}

base::Result<int64_t> ReadTimespec(vfs::UserMemory& memory, UserIn<base::abi::Timespec> from) {
  return ToNanoseconds(TRY(from.ReadUnchecked(memory)));
}

base::Result<int64_t> ReadTimeval(vfs::UserMemory& memory, UserIn<base::abi::Timeval> from) {
  base::abi::Timeval time = TRY(from.ReadUnchecked(memory));
  if (time.microseconds < 0 || time.microseconds >= 1'000'000) return Errno(EINVAL);
  return ToNanoseconds({time.seconds, time.microseconds * 1000});
}

}  // namespace sentry
