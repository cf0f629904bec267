// SPDX-License-Identifier: Apache-2.0
// The mappings of an address space: made by the helper, or by the guest thread that asked for them.
#include <algorithm>

#include "platform/memory_calls.h"
#include "platform/systrap/address_space.h"
#include "platform/systrap/shard.h"
#include "platform/systrap/stub_layout.h"

namespace platform::systrap {

base::Result<int64_t> StubAddressSpace::ExecuteOn(base::GuestRange range, Command& command) {
  stub_->quarantine().Wait(range, stub_->executor());
  return stub_->Execute(command);
}

bool StubAddressSpace::LetCaller(GuestThread* caller, base::GuestRange range, const HostCall& call, unsigned mask) {
  if (caller == nullptr || &caller->address_space() != this) return false;
  StubThread& thread = static_cast<StubGuestThread*>(caller)->thread();
  if (!thread.CanContinue(static_cast<uint32_t>(call.number), call.arguments, mask)) return false;
  stub_->quarantine().Wait(range, stub_->executor());
  stub_->quarantine().Add(range, &thread);
  thread.PlanContinue(true);
  return true;
}

base::Result<void> StubAddressSpace::ExecuteCall(base::GuestRange range, const HostCall& call) {
  Command command;
  command.Add(call);
  TRY(ExecuteOn(range, command));
  return {};
}

base::Result<void> StubAddressSpace::MapAnonymous(base::GuestRange range, Protection protection, bool shared,
                                                  bool no_reserve, GuestThread* caller) {
  HostCall call = TRY(AnonymousCall(range, protection, shared, no_reserve));
  if (!shared && LetCaller(caller, range, call, 0xf)) return {};
  return ExecuteCall(range, call);
}

base::Result<void> StubAddressSpace::MapFile(base::GuestRange range, Protection protection, bool shared,
                                             DonatedFile& file, uint64_t offset) {
  return ExecuteCall(range, TRY(FileCall(range, protection, shared, file, offset)));
}

base::Result<void> StubAddressSpace::Unmap(base::GuestRange range, GuestThread* caller) {
  HostCall call = TRY(UnmapCall(range));
  if (LetCaller(caller, range, call, 0x3)) return {};
  return ExecuteCall(range, call);
}

base::Result<void> StubAddressSpace::Protect(base::GuestRange range, Protection protection, GuestThread* caller) {
  HostCall call = TRY(ProtectCall(range, protection));
  if (LetCaller(caller, range, call, 0x7)) return {};
  return ExecuteCall(range, call);
}

base::Result<void> StubAddressSpace::Remap(base::GuestRange from, base::GuestRange to) {
  HostCall call = TRY(RemapCall(from, to));
  stub_->quarantine().Wait(from, stub_->executor());
  return ExecuteCall(to, call);
}

base::Result<void> StubAddressSpace::Advise(base::GuestRange range, int advice, GuestThread* caller) {
  HostCall call = TRY(AdviseCall(range, advice));
  bool harmless = (HarmlessAdvice() & (1U << advice)) != 0;
  if (harmless && LetCaller(caller, range, call, 0x7)) return {};
  return ExecuteCall(range, call);
}

base::Result<void> StubAddressSpace::Sync(base::GuestRange range, int flags) {
  return ExecuteCall(range, TRY(SyncCall(range, flags)));
}

base::Result<void> StubAddressSpace::Apply(std::span<const Operation> operations) {
  while (!operations.empty()) {
    Command command;
    base::GuestRange hull = operations.front().range;
    while (!operations.empty() && !command.full()) {
      const Operation& operation = operations.front();
      command.Add(TRY(OperationCall(operation)));
      hull = {std::min(hull.begin, operation.range.begin), std::max(hull.end, operation.range.end)};
      operations = operations.subspan(1);
    }
    TRY(ExecuteOn(hull, command));
  }
  return {};
}

base::Result<uint32_t> StubAddressSpace::CompareExchangeWord(base::GuestAddr address, uint32_t expected,
                                                             uint32_t desired) {
  if (address.value() % 4 != 0) return base::Errno(EINVAL);
  if (address.value() < STUB_GUEST_BEGIN || address.value() >= STUB_GUEST_END) return base::Errno(EFAULT);
  Settle(address, sizeof(uint32_t));
  Command command;
  // Slot 0 belongs to no thread: there the host puts the frame, should the word not be accessible.
  command.Add(0, address.value(), expected, desired, STUB_SLOTS + STUB_SLOT_SIZE, 0, 0, KIND_EXCHANGE);
  return static_cast<uint32_t>(TRY(stub_->Execute(command)));
}

}  // namespace platform::systrap
