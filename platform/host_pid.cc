// SPDX-License-Identifier: Apache-2.0
#include "platform/host_pid.h"

#include <sys/syscall.h>

#include "platform/syscall_unsafe.h"

namespace platform {

HostPid::Use::Use(HostPid& owner) : owner_(owner) {
  uint32_t old = owner.users_.fetch_add(1, std::memory_order_acq_rel);
  if ((old & kDeadBit) == 0) pid_ = owner.value();
}

void HostPid::Retire() {
  users_.fetch_or(kDeadBit, std::memory_order_acq_rel);
  while (users_.load(std::memory_order_acquire) != kDeadBit) RawSyscall(SYS_sched_yield);
}

}  // namespace platform
