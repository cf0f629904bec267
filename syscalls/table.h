// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "sentry/task/syscall_table.h"

namespace syscalls {

// How much of a system call is there, for documentation.
enum class Support { kFull, kPartial, kNone };

// The table of syscalls/table.inc. Static storage.
const sentry::SyscallTable& Table();

// Calls `visit(number, name, support, note)` for every system call in order.
void ForEachSyscall(void (*visit)(void* argument, uint32_t number, const char* name, Support support, const char* note),
                    void* argument);

}  // namespace syscalls
