// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace base::abi {

// struct new_utsname (uname(2)).
struct Utsname {
  char system[65] = {};
  char node[65] = {};
  char release[65] = {};
  char version[65] = {};
  char machine[65] = {};
  char domain[65] = {};
};
static_assert(sizeof(Utsname) == 390);

// struct sysinfo (sysinfo(2)); memory in units of `memory_unit` bytes.
struct Sysinfo {
  int64_t uptime = 0;
  uint64_t loads[3] = {};
  uint64_t total_ram = 0, free_ram = 0, shared_ram = 0, buffer_ram = 0;
  uint64_t total_swap = 0, free_swap = 0;
  uint16_t processes = 0;
  uint16_t padding[3] = {};
  uint64_t total_high = 0, free_high = 0;
  uint32_t memory_unit = 1;
  uint32_t padding2 = 0;
};
static_assert(sizeof(Sysinfo) == 112);

}  // namespace base::abi
