// SPDX-License-Identifier: Apache-2.0
// The default platform: guest code runs natively in stub processes; its system calls come to the sentry by seccomp user
// notifications. README.md in this directory says how, and why each step is safe.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/types.h"
#include "platform/executor.h"
#include "platform/platform.h"

namespace platform::systrap {

class Machine;

// Life of a Systrap: Prepare, then (the sentry locks itself down), Start, containers come and go, destruction.
//
// The sentry should be the init of its pid namespace: then no stub outlives it whatever happens. Besides, every stub
// asks for SIGKILL at the death of the thread that called Prepare (normally the sentry's main thread, which must
// therefore live as long as the sentry).
class Systrap final : public Platform {
 public:
  struct Options {
    // How many zygotes to make: each serves one container (NewContainer) and has one receiver.
    int zygotes = 1;
    // An O_PATH|O_DIRECTORY descriptor of a procfs instance of the sentry's pid namespace, borrowed for Prepare (which
    // keeps a duplicate). -1: /proc is opened in its place, if there is one.
    int proc_fd = -1;
    // oom_score_adj of the stubs; unset: inherited.
    std::optional<int> oom_score_adj;
    // Whether a zygote that cannot get its own empty network, ipc, uts and mount namespaces is an error (EPERM).
    // Otherwise what is refused is logged and left out; the filter does not depend on it.
    bool require_namespaces = false;
  };

  // Forks the zygotes. Call it in the sentry process while it is single-threaded and privileged inside its user
  // namespace, before it installs a seccomp filter of its own (children inherit filters) and before it drops
  // capabilities. Errors: ENOTSUP when this machine cannot run systrap (no FSGSBASE, no user notifications, another
  // listener above us: EBUSY), or what a host call failed with.
  static base::Result<std::unique_ptr<Systrap>> Prepare(const Options& options);

  // Starts the host thread that reaps stubs and binds the platform to the scheduler. Before the first receiver is
  // polled and before NewContainer. The executor must outlive the platform. Errors: EAGAIN.
  base::Result<void> Start(Executor& executor);

  // One per zygote; valid as long as the platform. The scheduler polls them from Start on.
  std::span<Receiver* const> receivers() const;

  // Where the host's vDSO image (an ELF header) lies in every guest address space, outside [min_address, max_address):
  // for AT_SYSINFO_EHDR. Null when there is none.
  base::GuestAddr host_vdso() const;

  // Platform.
  std::string_view name() const override { return "systrap"; }
  base::GuestAddr min_address() const override;
  base::GuestAddr max_address() const override;
  size_t extended_state_size() const override;
  PlatformStats stats() const override;
  base::Result<std::unique_ptr<Container>> NewContainer() override;

  // Kills what is left of all stubs and reaps them. REQUIRES: no Container, AddressSpace or GuestThread left.
  ~Systrap() override;

 private:
  explicit Systrap(std::unique_ptr<Machine> machine);

  std::unique_ptr<Machine> machine_;
};

}  // namespace platform::systrap
