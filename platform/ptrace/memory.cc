// SPDX-License-Identifier: Apache-2.0
// The memory of an address space: mappings by the helper, copies by the host.
#include <cerrno>

#include "platform/guest_copy.h"
#include "platform/memory_calls.h"
#include "platform/ptrace/address_space.h"
#include "platform/ptrace/machine.h"

namespace platform::ptrace {

base::Result<void> StubAddressSpace::ExecuteCall(base::Result<HostCall> call) {
  Command command;
  command.Add(TRY(std::move(call)));
  TRY(stub_->Execute(command));
  return {};
}

base::Result<void> StubAddressSpace::MapAnonymous(base::GuestRange range, Protection protection, bool shared,
                                                  bool no_reserve, GuestThread*) {
  return ExecuteCall(AnonymousCall(range, protection, shared, no_reserve));
}

base::Result<void> StubAddressSpace::MapFile(base::GuestRange range, Protection protection, bool shared,
                                             DonatedFile& file, uint64_t offset) {
  return ExecuteCall(FileCall(range, protection, shared, file, offset));
}

base::Result<void> StubAddressSpace::Unmap(base::GuestRange range, GuestThread*) {
  return ExecuteCall(UnmapCall(range));
}

base::Result<void> StubAddressSpace::Protect(base::GuestRange range, Protection protection, GuestThread*) {
  return ExecuteCall(ProtectCall(range, protection));
}

base::Result<void> StubAddressSpace::Remap(base::GuestRange from, base::GuestRange to) {
  return ExecuteCall(RemapCall(from, to));
}

base::Result<void> StubAddressSpace::Advise(base::GuestRange range, int advice, GuestThread*) {
  return ExecuteCall(AdviseCall(range, advice));
}

base::Result<void> StubAddressSpace::Sync(base::GuestRange range, int flags) {
  return ExecuteCall(SyncCall(range, flags));
}

base::Result<void> StubAddressSpace::Apply(std::span<const Operation> operations) {
  while (!operations.empty()) {
    Command command;
    while (!operations.empty() && !command.full()) {
      command.Add(TRY(OperationCall(operations.front())));
      operations = operations.subspan(1);
    }
    TRY(stub_->Execute(command));
  }
  return {};
}

base::Result<uint32_t> StubAddressSpace::CompareExchangeWord(base::GuestAddr address, uint32_t expected,
                                                             uint32_t desired) {
  if (address.value() % sizeof(uint32_t) != 0) return base::Errno(EINVAL);
  if (ClipToGuest(address, sizeof(uint32_t), 0) == 0) return base::Errno(EFAULT);
  Command command;
  command.AddExchange(address.value(), expected, desired);
  return static_cast<uint32_t>(TRY(stub_->Execute(command)));
}

base::Result<uint32_t> StubAddressSpace::LoadWord(base::GuestAddr address) {
  if (address.value() % sizeof(uint32_t) != 0) return base::Errno(EINVAL);
  uint32_t value = 0;
  size_t got = TRY(CopyIn(address, std::as_writable_bytes(std::span(&value, 1)), false));
  if (got != sizeof(value)) return base::Errno(EFAULT);
  return value;
}

base::Result<size_t> StubAddressSpace::CopyIn(base::GuestAddr from, std::span<std::byte> to, bool ignore_protection) {
  if (to.empty()) return size_t{0};
  to = to.first(ClipToGuest(from, to.size(), stub_->machine().vdso));
  if (ignore_protection) return ReadMemoryFile(stub_->MemoryFile(), from, to);
  HostPid::Use use(stub_->pid());
  return ReadGuest(use.pid(), from, to);
}

base::Result<size_t> StubAddressSpace::CopyOut(base::GuestAddr to, std::span<const std::byte> from,
                                               bool ignore_protection) {
  if (from.empty()) return size_t{0};
  from = from.first(ClipToGuest(to, from.size(), 0));
  if (ignore_protection) return WriteMemoryFile(stub_->MemoryFile(), to, from);
  HostPid::Use use(stub_->pid());
  return WriteGuest(use.pid(), to, from);
}

}  // namespace platform::ptrace
