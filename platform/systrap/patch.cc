// SPDX-License-Identifier: Apache-2.0
// Rewriting call sites: `mov $number, %eax; syscall` becomes `jmp entry; syscall`. The syscall instruction stays, so a
// thread that stands on it or jumps to it makes the plain call.
#include <sys/syscall.h>

#include <cstring>

#include "platform/syscall_unsafe.h"
#include "platform/systrap/address_space.h"
#include "platform/systrap/machine.h"
#include "platform/systrap/stub.h"
#include "platform/systrap/stub_image.h"
#include "platform/systrap/stub_layout.h"
#include "platform/systrap/stub_thread.h"

namespace platform::systrap {

namespace {

constexpr uint64_t kMovSize = 5;
constexpr uint64_t kSyscallSize = 2;
constexpr uint8_t kJump = 0xe9;
constexpr uint64_t kSiteSize = kMovSize + kSyscallSize;
static_assert(AddressSpace::kCallEntrySize == HOT_ENTRY_SIZE);

// Whether `bytes` (the site, with the byte before it) are what is rewritten. A prefix before the mov would make it
// another instruction.
bool IsSite(const uint8_t (&bytes)[kSiteSize + 1], uint32_t number) {
  bool prefixed = (bytes[0] & 0xf0) == 0x40 || bytes[0] == 0x66;
  uint32_t immediate = 0;
  memcpy(&immediate, bytes + 2, sizeof(immediate));
  return !prefixed && bytes[1] == 0xb8 && immediate == number && bytes[6] == 0x0f && bytes[7] == 0x05;
}

void MakeEntry(uint64_t site_end, uint32_t number, uint8_t (&entry)[HOT_ENTRY_SIZE]) {
  // lea data(%rip), %r11; jmp *data+HOT_ENTRY_CODE(%rip)
  constexpr uint8_t kCode[] = {
      0x4c, 0x8d, 0x1d, HOT_ENTRY_DATA - 7, 0, 0, 0, 0xff, 0x25, HOT_ENTRY_DATA + HOT_ENTRY_CODE - 13, 0, 0, 0};
  memset(entry, 0xcc, sizeof(entry));
  memcpy(entry, kCode, sizeof(kCode));
  uint64_t wide = number;
  uint64_t code = HotCode().begin;
  memcpy(entry + HOT_ENTRY_DATA + HOT_ENTRY_RETURN, &site_end, sizeof(site_end));
  memcpy(entry + HOT_ENTRY_DATA + HOT_ENTRY_NUMBER, &wide, sizeof(wide));
  memcpy(entry + HOT_ENTRY_DATA + HOT_ENTRY_CODE, &code, sizeof(code));
}

base::Result<void> Read(int memory, uint64_t address, void* bytes, size_t size) {
  long got = RawSyscall(SYS_pread64, memory, bytes, size, address);
  if (got != static_cast<long>(size)) return base::Errno(EFAULT);
  return {};
}

base::Result<void> Write(int memory, uint64_t address, const void* bytes, size_t size) {
  long written = RawSyscall(SYS_pwrite64, memory, bytes, size, address);
  if (written != static_cast<long>(size)) return base::Errno(EFAULT);
  return {};
}

// Whether the site jumps to an entry that leads back to it. What the guest could forge here concerns itself alone.
base::Result<bool> IsPatched(int memory, const uint8_t (&bytes)[kSiteSize + 1], uint64_t site) {
  if (bytes[1] != kJump) return false;
  int32_t distance = 0;
  memcpy(&distance, bytes + 2, sizeof(distance));
  uint64_t entry = site + kMovSize + static_cast<uint64_t>(int64_t{distance});
  uint64_t back = 0;
  TRY(Read(memory, entry + HOT_ENTRY_DATA + HOT_ENTRY_RETURN, &back, sizeof(back)));
  return back == site + kSiteSize;
}

}  // namespace

base::Result<void> StubAddressSpace::PatchCallSite(GuestThread& caller, base::GuestAddr ip, uint32_t number,
                                                   base::GuestAddr entry) {
  uint64_t end = ip.value();
  if (&caller.address_space() != this || !MayBeHot(number) || end >= STUB_GUEST_END || end < kSiteSize + 1 ||
      entry.value() >= STUB_GUEST_END) {
    return base::Errno(EINVAL);
  }
  StubThread& thread = static_cast<StubGuestThread&>(caller).thread();
  int memory = stub_->MemoryFile();
  if (memory < 0) return base::Errno(EFAULT);
  uint64_t site = end - kSiteSize;
  uint8_t bytes[kSiteSize + 1];
  TRY(Read(memory, site - 1, bytes, sizeof(bytes)));
  if (TRY(IsPatched(memory, bytes, site))) {
    thread.MarkPatched(end);
    return base::Errno(EEXIST);
  }
  if (!IsSite(bytes, number)) return base::Errno(EINVAL);
  if (!stub_->HasOneThread()) return base::Errno(EBUSY);
  int64_t distance = static_cast<int64_t>(entry.value() - (site + kMovSize));
  if (distance != static_cast<int32_t>(distance)) return base::Errno(EINVAL);
  uint8_t code[HOT_ENTRY_SIZE];
  MakeEntry(end, number, code);
  TRY(Write(memory, entry.value(), code, sizeof(code)));
  uint8_t jump[kMovSize] = {kJump};
  auto offset = static_cast<int32_t>(distance);
  memcpy(jump + 1, &offset, sizeof(offset));
  TRY(Write(memory, site, jump, sizeof(jump)));
  thread.MarkPatched(end);
  Counters::Add(stub_->machine().counters.patched_sites);
  return {};
}

}  // namespace platform::systrap
