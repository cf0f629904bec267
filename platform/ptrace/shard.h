// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "base/ref.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "platform/ptrace/machine.h"
#include "platform/ptrace/stub.h"
#include "platform/ptrace/tracer.h"

namespace platform::ptrace {

// One zygote and all that descends from it: a tracer, a descriptor table. Thread-safe.
class Shard {
 public:
  // `zygote_pid` runs STUB_BOOT; `socket` is the other end of its kSocketDescriptor.
  Shard(Machine& machine, int zygote_pid, base::UniqueFd socket);
  // Kills every process of the shard and reaps it.
  ~Shard();

  Machine& machine() const { return machine_; }
  Tracer& tracer() { return tracer_; }
  Stub& zygote() const { return *zygote_; }
  int socket() const { return socket_.get(); }

  // Starts the tracer, takes the zygote over, has it give away all memory but its own and install its filter.
  base::Result<void> Start();

  // A pristine stub. Parks. Errors: EAGAIN, ENOMEM.
  base::Result<base::RefPtr<Stub>> NewStub();
  // A copy of `parent`. Parks. Errors: EAGAIN, ENOMEM.
  base::Result<base::RefPtr<Stub>> ForkStub(Stub& parent);
  // Kills every process, and every process to come.
  void KillAll();

 private:
  Machine& machine_;
  const int zygote_pid_;
  const base::UniqueFd socket_;
  base::RefPtr<Stub> zygote_;
  Tracer tracer_;
};

}  // namespace platform::ptrace
