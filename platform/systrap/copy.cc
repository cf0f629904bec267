// SPDX-License-Identifier: Apache-2.0
// Guest memory, copied by the host.
#include "platform/guest_copy.h"
#include "platform/systrap/address_space.h"
#include "platform/systrap/shard.h"

namespace platform::systrap {

void StubAddressSpace::Settle(base::GuestAddr address, size_t size) {
  if (!stub_->window().Covers(address, size)) return;
  CallWindow::Written written = stub_->window().Close();
  if (!written.bytes.empty()) (void)CopyOut(written.address, written.bytes, false);
}

base::Result<size_t> StubAddressSpace::CopyIn(base::GuestAddr from, std::span<std::byte> to, bool ignore_protection) {
  if (to.empty()) return size_t{0};
  if (stub_->window().Read(from, to)) return to.size();
  Settle(from, to.size());
  to = to.first(ClipToGuest(from, to.size(), stub_->machine().vdso));
  if (ignore_protection) return ReadMemoryFile(stub_->MemoryFile(), from, to);
  Stub::PidUse use(*stub_);
  return ReadGuest(use.pid(), from, to);
}

base::Result<size_t> StubAddressSpace::CopyInString(base::GuestAddr from, std::span<char> to) {
  if (size_t length = stub_->window().ReadString(from, to)) return length;
  return CopyIn(from, std::as_writable_bytes(to), false);
}

base::Result<size_t> StubAddressSpace::CopyOut(base::GuestAddr to, std::span<const std::byte> from,
                                               bool ignore_protection) {
  if (from.empty()) return size_t{0};
  if (stub_->window().Write(to, from)) return from.size();
  Settle(to, from.size());
  from = from.first(ClipToGuest(to, from.size(), 0));
  if (ignore_protection) return WriteMemoryFile(stub_->MemoryFile(), to, from);
  Stub::PidUse use(*stub_);
  return WriteGuest(use.pid(), to, from);
}

base::Result<uint32_t> StubAddressSpace::LoadWord(base::GuestAddr address) {
  if (address.value() % sizeof(uint32_t) != 0) return base::Errno(EINVAL);
  uint32_t value = 0;
  size_t got = TRY(CopyIn(address, std::as_writable_bytes(std::span(&value, 1)), false));
  if (got != sizeof(value)) return base::Errno(EFAULT);
  return value;
}

}  // namespace platform::systrap
