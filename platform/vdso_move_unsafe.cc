// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <string>

#include "base/unique_fd.h"
#include "platform/syscall_unsafe.h"
#include "platform/vdso_move.h"

namespace platform {

uint64_t VdsoMove::begin() const {
  uint64_t lowest = UINT64_MAX;
  for (const Segment& segment : segments) lowest = std::min(lowest, segment.to);
  return lowest;
}

uint64_t VdsoMove::end() const {
  uint64_t highest = 0;
  for (const Segment& segment : segments) highest = std::max(highest, segment.to + segment.length);
  return highest;
}

VdsoMove PlanVdsoMove(int proc, uint64_t window_begin, uint64_t window_end) {
  VdsoMove move;
  if (proc < 0) return move;
  long fd = RawSyscall(SYS_openat, proc, "self/maps", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return move;
  base::UniqueFd maps(static_cast<int>(fd));
  std::string text;
  char buffer[4096];
  for (;;) {
    long got = RawSyscall(SYS_read, maps.get(), buffer, sizeof(buffer));
    if (got <= 0) break;
    text.append(buffer, static_cast<size_t>(got));
  }
  uint64_t lowest = UINT64_MAX;
  uint64_t highest = 0;
  uint64_t header = 0;
  for (size_t at = 0; at < text.size();) {
    size_t end = text.find('\n', at);
    if (end == std::string::npos) end = text.size();
    std::string line = text.substr(at, end - at);
    at = end + 1;
    unsigned long begin_address = 0;
    unsigned long end_address = 0;
    if (line.find("[vvar") == std::string::npos && line.find("[vdso]") == std::string::npos) continue;
    if (sscanf(line.c_str(), "%lx-%lx", &begin_address, &end_address) != 2) continue;
    move.segments.push_back({begin_address, end_address - begin_address, 0});
    lowest = std::min<uint64_t>(lowest, begin_address);
    highest = std::max<uint64_t>(highest, end_address);
    if (line.find("[vdso]") != std::string::npos) header = begin_address;
  }
  if (header == 0) return VdsoMove();
  uint64_t pages = (window_end - window_begin - (highest - lowest)) / 4096;
  uint64_t target = 0;
  do {
    uint64_t random = 0;
    RawSyscall(SYS_getrandom, &random, sizeof(random), 0);
    target = window_begin + random % pages * 4096;
  } while (target < highest && lowest < target + (highest - lowest));
  for (VdsoMove::Segment& segment : move.segments) segment.to = segment.from - lowest + target;
  move.header = header - lowest + target;
  return move;
}

int MoveVdso(const VdsoMove& vdso) {
  for (const VdsoMove::Segment& segment : vdso.segments) {
    long result =
        RawSyscall(SYS_mremap, segment.from, segment.length, segment.length, MREMAP_MAYMOVE | MREMAP_FIXED, segment.to);
    if (result != static_cast<long>(segment.to)) return -EXDEV;
  }
  return 0;
}

}  // namespace platform
