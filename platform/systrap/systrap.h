// SPDX-License-Identifier: Apache-2.0
// The default platform: guest code runs natively in stub processes; its system calls come to the sentry by seccomp user
// notifications. README.md in this directory says how, and why each step is safe.
#pragma once

#include <cstdint>
#include <memory>
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
  // Forks the zygotes. Call it in the sentry process while it is single-threaded and privileged inside its user
  // namespace, before it installs a seccomp filter of its own (children inherit filters) and before it drops
  // capabilities. Errors: ENOTSUP when this machine cannot run systrap (no FSGSBASE, no user notifications, another
  // listener above us: EBUSY), or what a host call failed with.
  static base::Result<std::unique_ptr<Systrap>> Prepare(const Options& options);

  // Platform.
  std::string_view name() const override { return "systrap"; }
  base::Result<void> Start(Executor& executor) override;
  std::span<Receiver* const> receivers() const override;  // One per zygote.
  base::GuestAddr host_vdso() const override;
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
