// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace sentry {

// What CPUID says of the machine, for /proc/cpuinfo.
struct CpuInfo {
  std::string vendor, name, flags;
  uint32_t family = 0, model = 0, stepping = 0;
};
CpuInfo ReadCpuInfo();

}  // namespace sentry
