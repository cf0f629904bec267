// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include <algorithm>
#include <cstdio>

#include "platform/guest_copy.h"
#include "platform/region_layout.h"
#include "platform/syscall_unsafe.h"

namespace platform {

namespace {

// Two pages hold every vDSO there is.
constexpr uint64_t kVdsoSize = 8192;

base::Result<size_t> Checked(long result) {
  // Whatever the host's reason (no such process, not mapped, out of memory), the guest's memory was not accessible.
  if (result <= 0) return base::Errno(EFAULT);
  return static_cast<size_t>(result);
}

}  // namespace

size_t ClipToGuest(base::GuestAddr address, size_t size, uint64_t vdso) {
  uint64_t begin = address.value();
  uint64_t end = STUB_GUEST_END;
  if (begin >= STUB_GUEST_END) {
    if (vdso == 0 || begin < vdso || begin - vdso >= kVdsoSize) return 0;
    end = vdso + kVdsoSize;
  }
  return static_cast<size_t>(std::min<uint64_t>(size, end - begin));
}

base::Result<size_t> ReadGuest(int pid, base::GuestAddr from, std::span<std::byte> to) {
  iovec local{to.data(), to.size()};
  iovec remote{reinterpret_cast<void*>(from.value()), to.size()};
  return Checked(pid == 0 ? 0 : RawSyscall(SYS_process_vm_readv, pid, &local, 1, &remote, 1, 0));
}

base::Result<size_t> WriteGuest(int pid, base::GuestAddr to, std::span<const std::byte> from) {
  iovec local{const_cast<std::byte*>(from.data()), from.size()};
  iovec remote{reinterpret_cast<void*>(to.value()), from.size()};
  return Checked(pid == 0 ? 0 : RawSyscall(SYS_process_vm_writev, pid, &local, 1, &remote, 1, 0));
}

base::Result<size_t> ReadMemoryFile(int file, base::GuestAddr from, std::span<std::byte> to) {
  return Checked(RawSyscall(SYS_pread64, file, to.data(), to.size(), from.value()));
}

base::Result<size_t> WriteMemoryFile(int file, base::GuestAddr to, std::span<const std::byte> from) {
  return Checked(RawSyscall(SYS_pwrite64, file, from.data(), from.size(), to.value()));
}

base::UniqueFd OpenMemoryFile(int proc, int pid) {
  char path[32];
  snprintf(path, sizeof(path), "%d/mem", pid);
  long fd = RawSyscall(SYS_openat, proc, path, O_RDWR | O_CLOEXEC);
  return fd < 0 ? base::UniqueFd() : base::UniqueFd(static_cast<int>(fd));
}

uint64_t ResidentBytes(int proc, int pid) {
  char path[32];
  snprintf(path, sizeof(path), "%d/statm", pid);
  long fd = RawSyscall(SYS_openat, proc, path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  base::UniqueFd file(static_cast<int>(fd));
  char text[128];
  long got = RawSyscall(SYS_read, file.get(), text, sizeof(text) - 1);
  if (got <= 0) return 0;
  text[got] = 0;
  unsigned long total = 0;
  unsigned long resident = 0;
  if (sscanf(text, "%lu %lu", &total, &resident) != 2) return 0;
  return resident * base::kPageSize;
}

}  // namespace platform
