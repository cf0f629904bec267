// SPDX-License-Identifier: Apache-2.0
#include "platform/ptrace/stub_image.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <sys/syscall.h>

#include <vector>

#include "base/log.h"
#include "platform/memory_file.h"
#include "platform/ptrace/filter.h"
#include "platform/ptrace/stub_layout.h"
#include "platform/syscall_unsafe.h"

extern "C" {
extern const char ptrace_stub_begin[], ptrace_stub_end[], ptrace_stub_boot[], ptrace_stub_call[], ptrace_stub_called[],
    ptrace_stub_exchange[], ptrace_stub_exchanged[], ptrace_stub_handler[], ptrace_stub_handled[];
}

namespace platform::ptrace {

namespace {

// The filter page: the header, then the program.
constexpr uint64_t kProgram = 16;

struct ProgramHeader {
  uint64_t length;
  uint64_t program;
};

uint64_t Address(const char* label) { return STUB_CODE + static_cast<uint64_t>(label - ptrace_stub_begin); }

base::Result<void> Write(int fd, uint64_t offset, const void* bytes, size_t size) {
  long written = RawSyscall(SYS_pwrite64, fd, bytes, size, offset);
  if (written < 0) return base::Errno(static_cast<int>(-written));
  if (static_cast<size_t>(written) != size) return base::Errno(EIO);
  return {};
}

}  // namespace

const StubLabels& Labels() {
  static const StubLabels labels{Address(ptrace_stub_boot),      Address(ptrace_stub_call),
                                 Address(ptrace_stub_called),    Address(ptrace_stub_exchange),
                                 Address(ptrace_stub_exchanged), Address(ptrace_stub_handler),
                                 Address(ptrace_stub_handled),   STUB_FILTER};
  return labels;
}

base::Result<base::UniqueFd> MakeStubImage() {
  base::UniqueFd file = TRY(MakeMemoryFile("runsc-stub", STUB_IMAGE_SIZE, true));
  TRY(Write(file.get(), 0, ptrace_stub_begin, static_cast<size_t>(ptrace_stub_end - ptrace_stub_begin)));
  std::vector<sock_filter> filter = BuildFilter(Labels().called);
  uint64_t size = filter.size() * sizeof(sock_filter);
  CHECK_INVARIANT(kProgram + size <= STUB_IMAGE_SIZE - STUB_CODE_SIZE);
  ProgramHeader header{filter.size(), STUB_FILTER + kProgram};
  TRY(Write(file.get(), STUB_CODE_SIZE, &header, sizeof(header)));
  TRY(Write(file.get(), STUB_CODE_SIZE + kProgram, filter.data(), size));
  long result =
      RawSyscall(SYS_fcntl, file.get(), F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
  if (result < 0) return base::Errno(static_cast<int>(-result));
  return file;
}

}  // namespace platform::ptrace
