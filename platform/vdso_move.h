// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

namespace platform {

// Where the host put its vvar and vdso pages, and where they shall go.
struct VdsoMove {
  struct Segment {
    uint64_t from;
    uint64_t length;
    uint64_t to;
  };
  std::vector<Segment> segments;
  uint64_t header = 0;  // Of the ELF image, after the move; 0: there is none.

  // The addresses they lie between after the move. REQUIRES: there is one.
  uint64_t begin() const;
  uint64_t end() const;
};

// Plans the move of this process's vDSO to a random place of the window. Nothing when it has none, or when `proc` (a
// descriptor of a procfs, may be -1) does not tell.
VdsoMove PlanVdsoMove(int proc, uint64_t window_begin, uint64_t window_end);

// Carries it out. Raw system calls only: for a fresh zygote. -EXDEV when the host does not let them be moved.
int MoveVdso(const VdsoMove& vdso);

}  // namespace platform
