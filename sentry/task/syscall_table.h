// SPDX-License-Identifier: Apache-2.0
// What the task loop knows of system calls. The table itself lives above (syscalls/) and is handed over in main.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "base/result.h"

namespace sentry {

class Task;

using SyscallArguments = std::array<uint64_t, 6>;

// A system call after decoding. The value becomes rax.
using SyscallHandler = base::SysResult<uint64_t> (*)(Task& task, const SyscallArguments& arguments);

struct SyscallEntry {
  const char* name = nullptr;        // Null: no such number.
  SyscallHandler handler = nullptr;  // Null: not implemented, ENOSYS.
  // The handler itself has set all registers (rt_sigreturn) or replaced the program (execve): no result is written.
  bool sets_registers = false;
  // For --strace: writes the call's arguments as text into `buffer`; null: six hexadecimal words.
  int (*format)(Task& task, const SyscallArguments& arguments, char* buffer, int size) = nullptr;
};

class SyscallTable {
 public:
  static constexpr uint32_t kSize = 512;

  virtual ~SyscallTable() = default;
  // Null for a number that Linux does not have.
  virtual const SyscallEntry* Find(uint32_t number) const = 0;
};

}  // namespace sentry
