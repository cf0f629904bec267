// SPDX-License-Identifier: Apache-2.0
#include "runsc/boot/lockdown.h"

#include "runsc/boot/filter/filter.h"
#include "runsc/sandbox/privileges.h"

namespace runsc {
namespace {

Violation ViolationFor(const Settings& settings) {
  // An instrumented build makes calls of its own, more than its table knows.
  if (settings.seccomp_log || !SanitizerFilter().empty()) return Violation::kLog;
  return settings.debug ? Violation::kReport : Violation::kKill;
}

}  // namespace

Status LockDown(const Settings& settings) {
  RETURN_IF_ERROR(KeepCapabilities(0));
  std::vector<const FilterTable*> tables = {&CommonFilter(), &SentryFilter(), &SanitizerFilter()};
  if (settings.platform == "ptrace") tables.push_back(&PtraceFilter());
  return InstallFilter(tables, ViolationFor(settings));
}

Status InstallGoferFilter(const Settings& settings) {
  std::vector<const FilterTable*> tables = {&CommonFilter(), &GoferFilter(), &SanitizerFilter()};
  if (settings.host_uds) tables.push_back(&GoferSocketFilter());
  return InstallFilter(tables, ViolationFor(settings));
}

}  // namespace runsc
