// SPDX-License-Identifier: Apache-2.0
// The platform for debugging and for odd hosts: guest code runs natively in stub processes that the sentry traces;
// under PTRACE_SYSEMU the host carries out none of their system calls. README.md in this directory says how. Needs
// Linux 5.3.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "base/result.h"
#include "base/types.h"
#include "platform/executor.h"
#include "platform/platform.h"

namespace platform::ptrace {

class Machine;

// Life of a Ptrace: Prepare, then (the sentry locks itself down), Start, containers come and go, destruction.
//
// No stub outlives the sentry: the host kills what a dead tracer traced, and a zygote that is not traced yet asks for
// SIGKILL at the death of the thread that called Prepare.
class Ptrace final : public Platform {
 public:
  // Forks the zygotes; see Platform::Options. Errors: ENOTSUP when this machine's signal frames are of no known shape,
  // or what a host call failed with.
  static base::Result<std::unique_ptr<Ptrace>> Prepare(const Options& options);

  // Platform. Start fails with EPERM when the host forbids tracing.
  std::string_view name() const override { return "ptrace"; }
  base::Result<void> Start(Executor& executor) override;
  std::span<Receiver* const> receivers() const override { return {}; }  // Each tracer is a thread of its own.
  base::GuestAddr host_vdso() const override;
  base::GuestAddr min_address() const override;
  base::GuestAddr max_address() const override;
  size_t extended_state_size() const override;
  PlatformStats stats() const override;
  base::Result<std::unique_ptr<Container>> NewContainer() override;

  // Kills what is left of all stubs and reaps them. REQUIRES: no Container, AddressSpace or GuestThread left.
  ~Ptrace() override;

 private:
  explicit Ptrace(std::unique_ptr<Machine> machine);

  std::unique_ptr<Machine> machine_;
};

}  // namespace platform::ptrace
