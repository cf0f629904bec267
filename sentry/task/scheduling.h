// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sched.h>

#include <array>
#include <cstdint>

namespace sentry {

// How a thread wants to be scheduled (sched(7)): kept and told, inherited by clone. The host schedules guest threads
// alike whatever it says.
struct Scheduling {
  static constexpr int kMaxCpus = 1024;
  using CpuMask = std::array<uint64_t, kMaxCpus / 64>;

  int policy = 0;  // SCHED_OTHER, SCHED_BATCH or SCHED_IDLE.
  bool reset_on_fork = false;
  int nice = 0;               // -20..19
  int io_priority = 0;        // As ioprio_set(2) encodes it.
  bool has_affinity = false;  // False: the CPUs the sandbox may use.
  CpuMask affinity{};
};

// The CPUs the sandbox may use, as the host says. Their number is at least one.
Scheduling::CpuMask AvailableCpus();

}  // namespace sentry
