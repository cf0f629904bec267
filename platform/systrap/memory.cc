// SPDX-License-Identifier: Apache-2.0
// The mappings of an address space: made by the helper, or by the guest thread that asked for them.
#include <sys/mman.h>
#include <sys/syscall.h>

#include "platform/systrap/address_space.h"
#include "platform/systrap/donate.h"
#include "platform/systrap/filter.h"
#include "platform/systrap/shard.h"
#include "platform/systrap/stub_layout.h"

namespace platform::systrap {

namespace {

constexpr uint64_t kMinAddress = 0x10000;
constexpr int kProtectionMask = PROT_READ | PROT_WRITE | PROT_EXEC;

// The sentry vets ranges; this is the platform's own belief in nobody. EINVAL.
base::Result<void> CheckRange(base::GuestRange range) {
  if (range.begin.value() < kMinAddress || range.end.value() > STUB_GUEST_END || range.end <= range.begin ||
      !range.begin.page_aligned() || !range.end.page_aligned()) {
    return base::Errno(EINVAL);
  }
  return {};
}

uint64_t AnonymousFlags(bool shared, bool no_reserve) {
  return MAP_FIXED | MAP_ANONYMOUS | (shared ? MAP_SHARED : MAP_PRIVATE) | (no_reserve ? MAP_NORESERVE : 0);
}

void AddAnonymous(Command& command, base::GuestRange range, Protection protection, bool shared, bool no_reserve) {
  command.Add(SYS_mmap, range.begin.value(), range.length(), static_cast<uint64_t>(protection & kProtectionMask),
              AnonymousFlags(shared, no_reserve), ~uint64_t{0}, 0);
}

base::Result<void> AddFile(Command& command, base::GuestRange range, Protection protection, bool shared,
                           const Donated& file, uint64_t offset) {
  if (offset % base::kPageSize != 0) return base::Errno(EINVAL);
  command.Add(SYS_mmap, range.begin.value(), range.length(), static_cast<uint64_t>(protection & kProtectionMask),
              MAP_FIXED | (shared ? MAP_SHARED : MAP_PRIVATE), static_cast<uint64_t>(file.number()), offset);
  return {};
}

bool GoodAdvice(int advice) { return advice >= 0 && advice < 32 && (HelperAdvice() & (1U << advice)) != 0; }

}  // namespace

base::Result<int64_t> StubAddressSpace::ExecuteOn(base::GuestRange range, Command& command) {
  stub_->quarantine().Wait(range, stub_->executor());
  return stub_->Execute(command);
}

bool StubAddressSpace::LetCaller(GuestThread* caller, base::GuestRange range, uint32_t number,
                                 const uint64_t (&arguments)[6], unsigned mask) {
  if (caller == nullptr || &caller->address_space() != this) return false;
  StubThread& thread = static_cast<StubGuestThread*>(caller)->thread();
  if (!thread.CanContinue(number, arguments, mask)) return false;
  stub_->quarantine().Wait(range, stub_->executor());
  stub_->quarantine().Add(range, &thread);
  thread.PlanContinue(true);
  return true;
}

base::Result<void> StubAddressSpace::MapAnonymous(base::GuestRange range, Protection protection, bool shared,
                                                  bool no_reserve, GuestThread* caller) {
  TRY(CheckRange(range));
  if (!shared) {
    uint64_t flags = AnonymousFlags(false, no_reserve);
    uint64_t length = range.length();
    uint64_t wanted = static_cast<uint64_t>(protection);
    if (LetCaller(caller, range, SYS_mmap, {range.begin.value(), length, wanted, flags}, 0xf)) return {};
  }
  Command command;
  AddAnonymous(command, range, protection, shared, no_reserve);
  TRY(ExecuteOn(range, command));
  return {};
}

base::Result<void> StubAddressSpace::MapFile(base::GuestRange range, Protection protection, bool shared,
                                             DonatedFile& file, uint64_t offset) {
  TRY(CheckRange(range));
  Command command;
  TRY(AddFile(command, range, protection, shared, static_cast<Donated&>(file), offset));
  TRY(ExecuteOn(range, command));
  return {};
}

base::Result<void> StubAddressSpace::Unmap(base::GuestRange range, GuestThread* caller) {
  TRY(CheckRange(range));
  if (LetCaller(caller, range, SYS_munmap, {range.begin.value(), range.length()}, 0x3)) return {};
  Command command;
  command.Add(SYS_munmap, range.begin.value(), range.length());
  TRY(ExecuteOn(range, command));
  return {};
}

base::Result<void> StubAddressSpace::Protect(base::GuestRange range, Protection protection, GuestThread* caller) {
  TRY(CheckRange(range));
  uint64_t wanted = static_cast<uint64_t>(protection & kProtectionMask);
  if (LetCaller(caller, range, SYS_mprotect, {range.begin.value(), range.length(), wanted}, 0x7)) return {};
  Command command;
  command.Add(SYS_mprotect, range.begin.value(), range.length(), wanted);
  TRY(ExecuteOn(range, command));
  return {};
}

base::Result<void> StubAddressSpace::Remap(base::GuestRange from, base::GuestRange to) {
  TRY(CheckRange(from));
  TRY(CheckRange(to));
  stub_->quarantine().Wait(from, stub_->executor());
  bool moves = from.begin != to.begin;
  Command command;
  command.Add(SYS_mremap, from.begin.value(), from.length(), to.length(), moves ? MREMAP_MAYMOVE | MREMAP_FIXED : 0,
              moves ? to.begin.value() : 0);
  TRY(ExecuteOn(to, command));
  return {};
}

base::Result<void> StubAddressSpace::Advise(base::GuestRange range, int advice, GuestThread* caller) {
  TRY(CheckRange(range));
  if (!GoodAdvice(advice)) return base::Errno(EINVAL);
  uint64_t wanted = static_cast<uint64_t>(advice);
  if ((HarmlessAdvice() & (1U << advice)) == 0) caller = nullptr;
  if (LetCaller(caller, range, SYS_madvise, {range.begin.value(), range.length(), wanted}, 0x7)) return {};
  Command command;
  command.Add(SYS_madvise, range.begin.value(), range.length(), wanted);
  TRY(ExecuteOn(range, command));
  return {};
}

base::Result<void> StubAddressSpace::Sync(base::GuestRange range, int flags) {
  TRY(CheckRange(range));
  Command command;
  command.Add(SYS_msync, range.begin.value(), range.length(), static_cast<uint64_t>(flags));
  TRY(ExecuteOn(range, command));
  return {};
}

base::Result<void> StubAddressSpace::Apply(std::span<const Operation> operations) {
  while (!operations.empty()) {
    Command command;
    base::GuestRange hull = operations.front().range;
    while (!operations.empty() && !command.full()) {
      const Operation& operation = operations.front();
      base::GuestRange range = operation.range;
      TRY(CheckRange(range));
      switch (operation.kind) {
        case Operation::Kind::kMapAnonymous:
          AddAnonymous(command, range, operation.protection, operation.shared, operation.no_reserve);
          break;
        case Operation::Kind::kMapFile:
          TRY(AddFile(command, range, operation.protection, operation.shared, static_cast<Donated&>(*operation.file),
                      operation.offset));
          break;
        case Operation::Kind::kUnmap:
          command.Add(SYS_munmap, range.begin.value(), range.length());
          break;
        case Operation::Kind::kProtect:
          command.Add(SYS_mprotect, range.begin.value(), range.length(),
                      static_cast<uint64_t>(operation.protection & kProtectionMask));
          break;
        case Operation::Kind::kAdvise:
          if (!GoodAdvice(operation.advice)) return base::Errno(EINVAL);
          command.Add(SYS_madvise, range.begin.value(), range.length(), static_cast<uint64_t>(operation.advice));
          break;
      }
      hull = {std::min(hull.begin, range.begin), std::max(hull.end, range.end)};
      operations = operations.subspan(1);
    }
    TRY(ExecuteOn(hull, command));
  }
  return {};
}

base::Result<uint32_t> StubAddressSpace::CompareExchangeWord(base::GuestAddr address, uint32_t expected,
                                                             uint32_t desired) {
  if (address.value() % 4 != 0) return base::Errno(EINVAL);
  if (address.value() < kMinAddress || address.value() >= STUB_GUEST_END) return base::Errno(EFAULT);
  Command command;
  // Slot 0 belongs to no thread: there the host puts the frame, should the word not be accessible.
  command.Add(0, address.value(), expected, desired, STUB_SLOTS + STUB_SLOT_SIZE, 0, 0, KIND_EXCHANGE);
  return static_cast<uint32_t>(TRY(stub_->Execute(command)));
}

}  // namespace platform::systrap
