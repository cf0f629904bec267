// SPDX-License-Identifier: Apache-2.0
#include "platform/memory_calls.h"

#include <sys/mman.h>
#include <sys/syscall.h>

#include "platform/region_layout.h"
#include "platform/stub_file.h"

namespace platform {

namespace {

constexpr int kAdvice[] = {MADV_NORMAL,
                           MADV_RANDOM,
                           MADV_SEQUENTIAL,
                           MADV_WILLNEED,
                           MADV_DONTNEED,
                           MADV_FREE,
                           MADV_HUGEPAGE,
                           MADV_NOHUGEPAGE,
                           MADV_DONTDUMP,
                           MADV_DODUMP,
                           MADV_COLD,
                           MADV_PAGEOUT,
                           22 /* MADV_POPULATE_READ */,
                           23 /* MADV_POPULATE_WRITE */};

// What concerns more than the memory of the caller: after the sentry's checks.
constexpr int kStubAdvice[] = {
    MADV_REMOVE, MADV_DONTFORK, MADV_DOFORK, MADV_WIPEONFORK, MADV_KEEPONFORK, 24 /* MADV_DONTNEED_LOCKED */,
    25 /* MADV_COLLAPSE */};

constexpr int kProtectionMask = PROT_READ | PROT_WRITE | PROT_EXEC;

uint64_t Bits(Protection protection) { return static_cast<uint64_t>(protection & kProtectionMask); }

}  // namespace

uint32_t HarmlessAdvice() {
  uint32_t mask = 0;
  for (int advice : kAdvice) mask |= 1U << advice;
  return mask;
}

uint32_t StubAdvice() {
  uint32_t mask = HarmlessAdvice();
  for (int advice : kStubAdvice) mask |= 1U << advice;
  return mask;
}

base::Result<void> CheckGuestRange(base::GuestRange range) {
  if (range.begin.value() < STUB_GUEST_BEGIN || range.end.value() > STUB_GUEST_END || range.end <= range.begin ||
      !range.begin.page_aligned() || !range.end.page_aligned()) {
    return base::Errno(EINVAL);
  }
  return {};
}

base::Result<HostCall> AnonymousCall(base::GuestRange range, Protection protection, bool shared, bool no_reserve) {
  TRY(CheckGuestRange(range));
  uint64_t flags = MAP_FIXED | MAP_ANONYMOUS | (shared ? MAP_SHARED : MAP_PRIVATE) | (no_reserve ? MAP_NORESERVE : 0);
  return HostCall{SYS_mmap, {range.begin.value(), range.length(), Bits(protection), flags, ~uint64_t{0}, 0}};
}

base::Result<HostCall> FileCall(base::GuestRange range, Protection protection, bool shared, const DonatedFile& file,
                                uint64_t offset) {
  TRY(CheckGuestRange(range));
  if (offset % base::kPageSize != 0) return base::Errno(EINVAL);
  uint64_t flags = MAP_FIXED | (shared ? MAP_SHARED : MAP_PRIVATE);
  auto number = static_cast<uint64_t>(static_cast<const StubFile&>(file).number());
  return HostCall{SYS_mmap, {range.begin.value(), range.length(), Bits(protection), flags, number, offset}};
}

base::Result<HostCall> UnmapCall(base::GuestRange range) {
  TRY(CheckGuestRange(range));
  return HostCall{SYS_munmap, {range.begin.value(), range.length()}};
}

base::Result<HostCall> ProtectCall(base::GuestRange range, Protection protection) {
  TRY(CheckGuestRange(range));
  return HostCall{SYS_mprotect, {range.begin.value(), range.length(), Bits(protection)}};
}

base::Result<HostCall> RemapCall(base::GuestRange from, base::GuestRange to) {
  TRY(CheckGuestRange(from));
  TRY(CheckGuestRange(to));
  bool moves = from.begin != to.begin;
  uint64_t flags = moves ? MREMAP_MAYMOVE | MREMAP_FIXED : 0;
  return HostCall{SYS_mremap, {from.begin.value(), from.length(), to.length(), flags, moves ? to.begin.value() : 0}};
}

base::Result<HostCall> AdviseCall(base::GuestRange range, int advice) {
  TRY(CheckGuestRange(range));
  if (advice < 0 || advice >= 32 || (StubAdvice() & (1U << advice)) == 0) return base::Errno(EINVAL);
  return HostCall{SYS_madvise, {range.begin.value(), range.length(), static_cast<uint64_t>(advice)}};
}

base::Result<HostCall> SyncCall(base::GuestRange range, int flags) {
  TRY(CheckGuestRange(range));
  return HostCall{SYS_msync, {range.begin.value(), range.length(), static_cast<uint64_t>(flags)}};
}

base::Result<HostCall> OperationCall(const AddressSpace::Operation& operation) {
  using Kind = AddressSpace::Operation::Kind;
  switch (operation.kind) {
    case Kind::kMapAnonymous:
      return AnonymousCall(operation.range, operation.protection, operation.shared, operation.no_reserve);
    case Kind::kMapFile:
      return FileCall(operation.range, operation.protection, operation.shared, *operation.file, operation.offset);
    case Kind::kUnmap:
      return UnmapCall(operation.range);
    case Kind::kProtect:
      return ProtectCall(operation.range, operation.protection);
    case Kind::kAdvise:
      return AdviseCall(operation.range, operation.advice);
  }
  return base::Errno(EINVAL);
}

}  // namespace platform
