// SPDX-License-Identifier: Apache-2.0
#include "sentry/loader/arguments.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <vector>

namespace sentry {
namespace {

using base::Errno;
using base::GuestAddr;

// Reads null-terminated strings that mostly lie one behind the other: one copy from the guest serves many.
class StringReader {
 public:
  explicit StringReader(GuestMemory& memory) : memory_(memory), window_(kWindow) {}

  // Appends the string to `to` with its null. E2BIG: longer than `max_size` with the null; EFAULT.
  base::Result<void> Append(GuestAddr from, uint64_t max_size, std::string& to) {
    const size_t start = to.size();
    while (true) {
      if (from < begin_ || from >= begin_ + filled_) TRY(Fill(from));
      const char* text = window_.data() + (from - begin_);
      size_t available = filled_ - (from - begin_);
      const void* end = memchr(text, 0, available);
      size_t count = end != nullptr ? static_cast<const char*>(end) - text + 1 : available;
      if (to.size() - start + count > max_size) return Errno(E2BIG);
      to.append(text, count);
      if (end != nullptr) return {};
      std::optional<GuestAddr> next = from.Add(count);
      if (!next) return Errno(EFAULT);
      from = *next;
    }
  }

 private:
  static constexpr size_t kWindow = 8192;

  base::Result<void> Fill(GuestAddr from) {
    filled_ = 0;
    filled_ = TRY(memory_.CopyInSome(from, std::as_writable_bytes(std::span(window_))));
    begin_ = from;
    return {};
  }

  GuestMemory& memory_;
  std::vector<char> window_;
  GuestAddr begin_;
  size_t filled_ = 0;
};

constexpr size_t kPointerBatch = 64;

}  // namespace

void ArgumentBlock::Append(std::string_view text) {
  bytes_.append(text);
  bytes_.push_back('\0');
  ++count_;
}

std::string_view ArgumentBlock::first() const { return bytes_.c_str(); }

void ArgumentBlock::ReplaceFirst(const ArgumentBlock& front) {
  size_t old = count_ == 0 ? 0 : first().size() + 1;
  bytes_.replace(0, old, front.bytes_);
  count_ += front.count_ - (count_ == 0 ? 0 : 1);
}

uint64_t ArgumentSpace(uint64_t stack_limit) {
  return std::max(std::min(stack_limit / 4, kMaxArgumentSpace), kMinArgumentSpace);
}

base::Result<ArgumentBlock> ReadArguments(GuestMemory& memory, UserIn<uint64_t> array, uint64_t& space) {
  ArgumentBlock block;
  if (array.is_null()) return block;
  StringReader reader(memory);
  std::string text;
  GuestAddr at = array.address();
  while (true) {
    std::array<uint64_t, kPointerBatch> pointers;
    size_t bytes = TRY(memory.CopyInSome(at, std::as_writable_bytes(std::span(pointers))));
    size_t count = bytes / sizeof(uint64_t);
    if (count == 0) return Errno(EFAULT);
    for (size_t i = 0; i < count; ++i) {
      if (pointers[i] == 0) return block;
      if (space < sizeof(uint64_t)) return Errno(E2BIG);
      space -= sizeof(uint64_t);
      text.clear();
      TRY(reader.Append(GuestAddr(pointers[i]), std::min(kMaxArgumentString, space), text));
      space -= text.size();
      block.Append(std::string_view(text).substr(0, text.size() - 1));
    }
    std::optional<GuestAddr> next = at.Add(count * sizeof(uint64_t));
    if (!next) return Errno(EFAULT);
    at = *next;
  }
}

}  // namespace sentry
