// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/types.h"
#include "sentry/mm/user_memory.h"

namespace sentry {

// Limits of execve(2).
inline constexpr uint64_t kMaxArgumentString = 128 * 1024;      // MAX_ARG_STRLEN, with the null.
inline constexpr uint64_t kMinArgumentSpace = 128 * 1024;       // ARG_MAX.
inline constexpr uint64_t kMaxArgumentSpace = 6 * 1024 * 1024;  // _STK_LIM / 4 * 3.

// Strings of argv or envp, one behind the other, each with its null.
class ArgumentBlock {
 public:
  const std::string& bytes() const { return bytes_; }
  uint32_t count() const { return count_; }
  void Append(std::string_view text);
  // Replaces the first string (if any) by those of `front`.
  void ReplaceFirst(const ArgumentBlock& front);
  // The first string; empty if there is none.
  std::string_view first() const;

 private:
  std::string bytes_;
  uint32_t count_ = 0;
};

// Bytes of argv, envp, their pointers and the file name that fit a new stack: a quarter of RLIMIT_STACK, at least
// 128 KiB, at most 6 MiB.
uint64_t ArgumentSpace(uint64_t stack_limit);

// Copies a null-terminated array of strings from the guest; a null array is an empty one. `space` is what is left of
// ArgumentSpace and is reduced. E2BIG: a string above 128 KiB, or out of space. EFAULT.
base::Result<ArgumentBlock> ReadArguments(GuestMemory& memory, UserIn<uint64_t> array, uint64_t& space);

}  // namespace sentry
