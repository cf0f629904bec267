// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/abi/elf.h"
#include "base/types.h"
#include "sentry/loader/arguments.h"

namespace sentry {

// What a new program finds on its stack (System V ABI, "Initial Stack and Register State").
struct StackContents {
  const ArgumentBlock& arguments;
  const ArgumentBlock& environment;
  std::string_view filename;                         // AT_EXECFN
  std::vector<base::abi::AuxiliaryEntry> auxiliary;  // Without those whose value is an address in the stack.
  uint64_t random_gap = 0;                           // Bytes between the strings and what lies below.
};

struct StackImage {
  base::GuestAddr pointer;  // The initial stack pointer; `bytes` lie from here to the stack's end.
  std::vector<std::byte> bytes;
  base::GuestRange arguments, environment;  // The strings.
  std::vector<uint64_t> auxiliary_vector;
};

// Lays the stack out below `top`. AT_RANDOM's 16 bytes come from the host.
StackImage BuildStack(base::GuestAddr top, const StackContents& contents);

}  // namespace sentry
