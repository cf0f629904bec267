// SPDX-License-Identifier: Apache-2.0
// Threads, forks, names of an address space; its memory is in memory.cc.
#include "platform/ptrace/address_space.h"

#include <sys/prctl.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cstring>
#include <new>

#include "platform/guest_copy.h"
#include "platform/ptrace/filter.h"
#include "platform/ptrace/shard.h"
#include "platform/ptrace/stub_layout.h"

namespace platform::ptrace {

namespace {

// A name on its way to a helper; nobody waits for it.
struct NameCommand {
  NameCommand(base::RefPtr<Stub> stub, std::string_view comm) : stub(std::move(stub)), request(Start, this) {
    memcpy(text, comm.data(), std::min(comm.size(), sizeof(text) - 1));
    command.finish = [](Command& finished) { delete static_cast<NameCommand*>(finished.context); };
    command.start = [](Command& starting) { static_cast<NameCommand*>(starting.context)->WriteText(); };
    command.context = this;
    command.Add(HostCall{SYS_prctl, {PR_SET_NAME, SCRATCH_NAME}});
  }
  static void Start(Request& request) {
    auto* self = static_cast<NameCommand*>(request.context);
    self->stub->Begin(self->command);
  }
  void WriteText() {
    HostPid::Use use(stub->pid());
    (void)WriteGuest(use.pid(), base::GuestAddr(SCRATCH_NAME), std::as_bytes(std::span(text))).ok();
  }

  const base::RefPtr<Stub> stub;
  char text[16] = {};
  Request request;
  Command command;
};

}  // namespace

StubAddressSpace::~StubAddressSpace() { stub_->Kill(); }

base::Result<std::unique_ptr<GuestThread>> StubAddressSpace::NewThread(const Registers& registers,
                                                                       const ExtendedState& state) {
  base::RefPtr<StubThread> thread = TRY(StubThread::Create(stub_, registers, state));
  Command command;
  command.Add(HostCall{SYS_clone, {ThreadCloneFlags()}});
  command.child = thread.get();
  if (!stub_->Execute(command).ok()) return base::Errno(EAGAIN);
  return std::unique_ptr<GuestThread>(new StubGuestThread(base::RefPtr<StubAddressSpace>(this), std::move(thread)));
}

base::Result<AddressSpace::Forked> StubAddressSpace::Fork(const Registers& registers, const ExtendedState& state) {
  Forked forked;
  forked.space = base::MakeRef<StubAddressSpace>(TRY(stub_->shard().ForkStub(*stub_)));
  forked.thread = TRY(forked.space->NewThread(registers, state));
  return forked;
}

void StubAddressSpace::SetName(std::string_view comm) {
  auto* name = new (std::nothrow) NameCommand(stub_, comm);
  if (name != nullptr) stub_->tracer().Post(name->request);
}

uint64_t StubAddressSpace::resident_bytes() const {
  HostPid::Use use(stub_->pid());
  const base::UniqueFd& proc = stub_->machine().proc;
  if (use.pid() == 0 || !proc) return 0;
  return ResidentBytes(proc.get(), use.pid());
}

}  // namespace platform::ptrace
