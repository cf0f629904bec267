// SPDX-License-Identifier: Apache-2.0
// ptrace(2) on a stopped tracee, by its tracer's thread. Failures return the host's errno: ESRCH when the tracee is no
// longer stopped, that is, was killed; its end is told by the next wait.
#pragma once

#include <signal.h>

#include <cstdint>

#include "base/result.h"
#include "platform/host_facts.h"
#include "platform/registers.h"

namespace platform::ptrace {

// struct user_regs_struct.
struct TraceeRegisters {
  Registers general;
  uint64_t ds, es, fs, gs;
};
static_assert(sizeof(TraceeRegisters) == 27 * 8);

// What a fresh thread has, and an injected call.
TraceeRegisters InitialRegisters();

// Takes over a running process and stops it.
base::Result<void> Seize(int pid);

base::Result<void> ReadRegisters(int tid, TraceeRegisters* registers);
// Repairs what the host would refuse (segments, bases outside user space); no system call is restarted by the host.
base::Result<void> WriteRegisters(int tid, const TraceeRegisters& registers);

// Bytes of the host's register set for the extended state.
base::Result<uint64_t> ExtendedSetSize(int tid, const HostFacts& facts);
// The state in the layout of a signal frame. Errors: ENOMEM besides.
base::Result<void> ReadExtendedState(int tid, const HostFacts& facts, uint64_t set_size, ExtendedState* state);
// What would make the host refuse the state is repaired.
base::Result<void> WriteExtendedState(int tid, const HostFacts& facts, uint64_t set_size, const ExtendedState& state);

base::Result<void> ReadSignal(int tid, siginfo_t* info);
uint64_t FaultAddress(const siginfo_t& info);
// AUDIT_ARCH_* of the call a tracee stopped at.
base::Result<uint32_t> ReadCallArchitecture(int tid);

// Lets it run: to the next system call or signal, the call not carried out; or to the next signal alone. `signal` is
// delivered to it (0: none).
base::Result<void> RunGuest(int tid, int signal);
base::Result<void> RunNatively(int tid);

}  // namespace platform::ptrace
