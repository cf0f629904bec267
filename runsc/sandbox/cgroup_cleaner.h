// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include "base/unique_fd.h"
#include "runsc/sandbox/cgroup.h"
#include "runsc/util/status.h"

namespace runsc {

// A process that removes the container's cgroups when this one dies before it can: while a container is made, and for
// as long as runsc stays attached to it. The container dies with runsc then, but nothing on the host removes an empty
// cgroup by itself.
class CgroupCleaner {
 public:
  // Idle; holds nothing.
  CgroupCleaner() = default;
  // REQUIRES: the process has one thread.
  static StatusOr<CgroupCleaner> Start(const Cgroup& cgroup);
  CgroupCleaner(CgroupCleaner&& other) noexcept;
  CgroupCleaner& operator=(CgroupCleaner&& other) noexcept;
  ~CgroupCleaner() { Dismiss(); }

  // It ends, and leaves the cgroups alone.
  void Dismiss();

 private:
  base::UniqueFd end_;
  pid_t pid_ = 0;
};

}  // namespace runsc
