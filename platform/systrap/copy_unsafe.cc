// SPDX-License-Identifier: Apache-2.0
// Guest memory, copied by the host.
#include <sys/syscall.h>
#include <sys/uio.h>

#include <algorithm>

#include "platform/systrap/address_space.h"
#include "platform/systrap/shard.h"
#include "platform/systrap/stub_layout.h"
#include "platform/systrap/syscall_unsafe.h"

namespace platform::systrap {

namespace {

// Two pages hold every vDSO there is.
constexpr uint64_t kVdsoSize = 8192;

bool InGuest(uint64_t address) { return address < STUB_GUEST_END; }

// How much of [address, address + size) the guest may name; the platform's own pages are none of its business, but for
// reading the vDSO.
size_t Clip(uint64_t address, size_t size, uint64_t vdso, bool reads) {
  uint64_t end = STUB_GUEST_END;
  if (!InGuest(address)) {
    if (!reads || vdso == 0 || address < vdso || address - vdso >= kVdsoSize) return 0;
    end = vdso + kVdsoSize;
  }
  return static_cast<size_t>(std::min<uint64_t>(size, end - address));
}

base::Result<size_t> Checked(long result) {
  // Whatever the host's reason (no such process, not mapped, out of memory), the guest's memory was not accessible.
  if (result <= 0) return base::Errno(EFAULT);
  return static_cast<size_t>(result);
}

}  // namespace

base::Result<size_t> StubAddressSpace::CopyIn(base::GuestAddr from, std::span<std::byte> to, bool ignore_protection) {
  if (to.empty()) return size_t{0};
  size_t size = Clip(from.value(), to.size(), stub_->machine().vdso, true);
  if (size == 0) return base::Errno(EFAULT);
  if (ignore_protection) {
    int memory = stub_->MemoryFile();
    if (memory < 0) return base::Errno(EFAULT);
    return Checked(RawSyscall(SYS_pread64, memory, to.data(), size, from.value()));
  }
  Stub::PidUse use(*stub_);
  if (use.pid() == 0) return base::Errno(EFAULT);
  iovec local{to.data(), size};
  iovec remote{reinterpret_cast<void*>(from.value()), size};
  return Checked(RawSyscall(SYS_process_vm_readv, use.pid(), &local, 1, &remote, 1, 0));
}

base::Result<size_t> StubAddressSpace::CopyOut(base::GuestAddr to, std::span<const std::byte> from,
                                               bool ignore_protection) {
  if (from.empty()) return size_t{0};
  size_t size = Clip(to.value(), from.size(), stub_->machine().vdso, false);
  if (size == 0) return base::Errno(EFAULT);
  if (ignore_protection) {
    int memory = stub_->MemoryFile();
    if (memory < 0) return base::Errno(EFAULT);
    return Checked(RawSyscall(SYS_pwrite64, memory, from.data(), size, to.value()));
  }
  Stub::PidUse use(*stub_);
  if (use.pid() == 0) return base::Errno(EFAULT);
  iovec local{const_cast<std::byte*>(from.data()), size};
  iovec remote{reinterpret_cast<void*>(to.value()), size};
  return Checked(RawSyscall(SYS_process_vm_writev, use.pid(), &local, 1, &remote, 1, 0));
}

base::Result<uint32_t> StubAddressSpace::LoadWord(base::GuestAddr address) {
  if (address.value() % sizeof(uint32_t) != 0) return base::Errno(EINVAL);
  uint32_t value = 0;
  size_t got = TRY(CopyIn(address, std::as_writable_bytes(std::span(&value, 1)), false));
  if (got != sizeof(value)) return base::Errno(EFAULT);
  return value;
}

}  // namespace platform::systrap
