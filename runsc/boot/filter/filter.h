// SPDX-License-Identifier: Apache-2.0
// The system calls that runsc's own processes may make of the host, as data: one line each, with its reason. What is
// not listed kills the process. Guest code is not under these tables: the platform's filters (platform/systrap) are
// its.
#pragma once

#include <linux/filter.h>

#include <cstdint>
#include <span>
#include <vector>

#include "runsc/util/status.h"

namespace runsc {

// A condition on one argument of a call: (argument & mask) == value. Arguments are 64 bits wide, of which the kernel
// looks at 32 where it expects an int: there the mask must not be wider.
struct ArgumentCheck {
  unsigned index;
  uint64_t mask;
  uint64_t value;
};

struct FilterRule {
  int number;                         // SYS_*
  std::vector<ArgumentCheck> checks;  // All must hold. A call may have several rules: one that matches is enough.
  const char* reason;
  int error = 0;  // If not 0, the call fails with this errno instead of being made.
};

using FilterTable = std::vector<FilterRule>;

const FilterTable& SentryFilter();       // sentry_filter.cc
const FilterTable& PtraceFilter();       // ptrace_filter.cc: for --platform=ptrace, besides the sentry's
const FilterTable& GoferFilter();        // gofer_filter.cc
const FilterTable& GoferSocketFilter();  // gofer_filter.cc: for --host-uds=open
const FilterTable& CommonFilter();       // common_filter.cc: what the C and C++ libraries need anywhere
const FilterTable& SanitizerFilter();    // sanitizer_filter.cc: empty unless this build is instrumented

// What becomes of a process that makes a forbidden call.
enum class Violation {
  kKill,    // The kernel kills it.
  kReport,  // It writes the call's number to its log and ends with 128 + SIGSYS. The call is not made. For --debug.
  kLog,     // The call is made, and the kernel logs it (dmesg, audit). For developers.
};

// Installs the tables' union on all threads of the process, which must have no_new_privs.
Status InstallFilter(std::span<const FilterTable* const> tables, Violation violation);

// The BPF program of the union, for tests.
StatusOr<std::vector<struct sock_filter>> CompileFilter(std::span<const FilterTable* const> tables);

// Installs the handler that kReport needs: violation_unsafe.cc.
Status HandleViolations();

// Checks for the tables.
inline ArgumentCheck Equals(unsigned index, uint64_t value) { return {index, 0xffffffff, value}; }
// No bits besides `allowed` (32-bit argument).
inline ArgumentCheck Only(unsigned index, uint32_t allowed) { return {index, static_cast<uint32_t>(~allowed), 0}; }
// A descriptor, not AT_FDCWD.
inline ArgumentCheck IsDescriptor(unsigned index) { return {index, 0x80000000, 0}; }

}  // namespace runsc
