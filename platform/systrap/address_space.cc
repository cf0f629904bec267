// SPDX-License-Identifier: Apache-2.0
// Threads, forks and the rest of an address space; its memory is in memory.cc and copy_unsafe.cc.
#include "platform/systrap/address_space.h"

#include <sys/prctl.h>
#include <sys/syscall.h>

#include <cstring>
#include <new>

#include "platform/guest_copy.h"
#include "platform/systrap/fork_operation.h"
#include "platform/systrap/shard.h"
#include "platform/systrap/stub_layout.h"

namespace platform::systrap {

namespace {

constexpr base::GuestRange kEverything{base::GuestAddr(0), base::GuestAddr(UINT64_MAX)};

// A name on its way to a helper; nobody waits for it.
struct NameCommand {
  explicit NameCommand(std::string_view comm) : command(Done, this) {
    memcpy(text, comm.data(), std::min(comm.size(), sizeof(text) - 1));
    command.name = text;
    command.Add(SYS_prctl, PR_SET_NAME, STUB_COMMAND + COMMAND_NAME);
  }
  static void Done(Command& command) { delete static_cast<NameCommand*>(command.context); }

  char text[16] = {};
  Command command;
};

}  // namespace

StubAddressSpace::~StubAddressSpace() { stub_->Kill(); }

void StubAddressSpace::Kill() { stub_->Kill(); }

int StubAddressSpace::host_pid() const { return stub_->dead() ? 0 : stub_->pid(); }

base::Result<std::unique_ptr<GuestThread>> StubAddressSpace::NewThread(const Registers& registers,
                                                                       const ExtendedState& state) {
  uint32_t slot = TRY(stub_->TakeSlot());
  auto created = StubThread::Create(stub_, slot, registers, state);
  if (!created.ok()) {
    stub_->ReturnSlot(slot);
    return created.error();
  }
  base::RefPtr<StubThread> thread = std::move(created).value();
  stub_->AddThreadToList(thread);
  stub_->listener().Expect(thread->cookie(), thread);
  Command command;
  Stub::AddThread(command, *thread);
  auto result = stub_->Execute(command);
  if (!result.ok()) {
    stub_->ForgetThread(*thread);
    return base::Errno(EAGAIN);
  }
  thread->set_tid(static_cast<int>(result.value()));
  return std::unique_ptr<GuestThread>(new StubGuestThread(base::RefPtr<StubAddressSpace>(this), std::move(thread)));
}

base::Result<AddressSpace::Forked> StubAddressSpace::Fork(const Registers& registers, const ExtendedState& state) {
  // A mapping that is on its way out must not be copied.
  stub_->quarantine().Wait(kEverything, stub_->executor());
  base::RefPtr<Stub> child = TRY(Stub::Create(stub_->shard()));
  uint32_t slot = TRY(child->TakeSlot());
  base::RefPtr<StubThread> thread = TRY(StubThread::Create(child, slot, registers, state));
  ForkOperation operation(stub_, child);
  Stub::AddThread(operation.initial(), *thread);
  child->AddThreadToList(thread);
  child->listener().Expect(thread->cookie(), thread);
  auto outcome = operation.Execute();
  if (!outcome.ok()) {
    child->ForgetThread(*thread);
    return outcome.error();
  }
  if (operation.initial().result > 0) thread->set_tid(static_cast<int>(operation.initial().result));
  Forked forked;
  auto space = base::MakeRef<StubAddressSpace>(std::move(child));
  forked.thread = std::make_unique<StubGuestThread>(space, std::move(thread));
  forked.space = std::move(space);
  return forked;
}

void StubAddressSpace::SetName(std::string_view comm) {
  auto* name = new (std::nothrow) NameCommand(comm);
  if (name != nullptr) stub_->Submit(name->command);
}

uint64_t StubAddressSpace::resident_bytes() const {
  Stub::PidUse use(*stub_);
  const base::UniqueFd& proc = stub_->machine().proc;
  if (use.pid() == 0 || !proc) return 0;
  return ResidentBytes(proc.get(), use.pid());
}

}  // namespace platform::systrap
