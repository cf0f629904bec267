// SPDX-License-Identifier: Apache-2.0
#include "platform/systrap/stub_image.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <sys/syscall.h>

#include <cstring>
#include <vector>

#include "base/log.h"
#include "platform/memory_file.h"
#include "platform/syscall_unsafe.h"
#include "platform/systrap/filter.h"
#include "platform/systrap/hot_calls.h"
#include "platform/systrap/stub_layout.h"

extern "C" {
extern const char systrap_stub_begin[], systrap_stub_end[], systrap_stub_boot[], systrap_stub_handler[],
    systrap_stub_park[], systrap_stub_restorer[], systrap_stub_exit[], systrap_stub_hello[], systrap_stub_helper_mask[];
extern const char systrap_stub_hot[], systrap_stub_hot_flags[], systrap_stub_hot_saved[], systrap_stub_hot_named[],
    systrap_stub_hot_copying[], systrap_stub_hot_posted[], systrap_stub_hot_wait[], systrap_stub_hot_plain[],
    systrap_stub_hot_any[], systrap_stub_hot_any_saved[], systrap_stub_hot_any_plain[], systrap_stub_hot_end[];
}

namespace platform::systrap {

namespace {

// The filter pages: F1's header first (its address is a constant of the code), then F0's, then the programs.
constexpr uint64_t kF0Header = 16;
constexpr uint64_t kF1Program = 64;
constexpr uint64_t kF0Program = 256;

struct ProgramHeader {
  uint64_t length;
  uint64_t program;
};

uint64_t Address(const char* label) { return STUB_CODE + static_cast<uint64_t>(label - systrap_stub_begin); }

base::Result<void> Write(int fd, uint64_t offset, const void* bytes, size_t size) {
  long written = RawSyscall(SYS_pwrite64, fd, bytes, size, offset);
  if (written < 0) return base::Errno(static_cast<int>(-written));
  if (static_cast<size_t>(written) != size) return base::Errno(EIO);
  return {};
}

base::Result<void> WriteProgram(int fd, uint64_t header, uint64_t at, const std::vector<sock_filter>& program) {
  CHECK_INVARIANT(at + program.size() * sizeof(sock_filter) <= STUB_HOT_KINDS - STUB_FILTERS);
  ProgramHeader fields{program.size(), STUB_FILTERS + at};
  uint64_t base = STUB_FILTERS - STUB_CODE;
  TRY(Write(fd, base + header, &fields, sizeof(fields)));
  return Write(fd, base + at, program.data(), program.size() * sizeof(sock_filter));
}

base::Result<void> WriteHotKinds(int fd) {
  uint32_t kinds[HOT_NUMBERS];
  for (uint32_t number = 0; number < HOT_NUMBERS; number++) {
    kinds[number] = MayBeHot(number) ? BroughtBy(number) : HOT_NEVER;
  }
  return Write(fd, STUB_HOT_KINDS - STUB_CODE, kinds, sizeof(kinds));
}

}  // namespace

const StubLabels& Labels() {
  static const StubLabels labels{Address(systrap_stub_boot),        Address(systrap_stub_handler),
                                 Address(systrap_stub_park),        Address(systrap_stub_restorer),
                                 Address(systrap_stub_exit),        Address(systrap_stub_hello),
                                 Address(systrap_stub_helper_mask), STUB_FILTERS + kF0Header};
  return labels;
}

const HotLabels& HotCode() {
  static const HotLabels labels{
      Address(systrap_stub_hot),           Address(systrap_stub_hot_flags),     Address(systrap_stub_hot_saved),
      Address(systrap_stub_hot_named),     Address(systrap_stub_hot_copying),   Address(systrap_stub_hot_posted),
      Address(systrap_stub_hot_wait),      Address(systrap_stub_hot_plain),     Address(systrap_stub_hot_any),
      Address(systrap_stub_hot_any_saved), Address(systrap_stub_hot_any_plain), Address(systrap_stub_hot_end)};
  return labels;
}

uint64_t HelperSignalMask() {
  uint64_t mask = 0;
  memcpy(&mask, systrap_stub_helper_mask, sizeof(mask));
  return mask;
}

base::Result<base::UniqueFd> MakeStubImage() {
  base::UniqueFd file = TRY(MakeMemoryFile("runsc-stub", STUB_IMAGE_SIZE, true));
  TRY(Write(file.get(), 0, systrap_stub_begin, static_cast<size_t>(systrap_stub_end - systrap_stub_begin)));
  std::vector<sock_filter> f1 = BuildF1();
  CHECK_INVARIANT(kF1Program + f1.size() * sizeof(sock_filter) <= kF0Program);
  TRY(WriteProgram(file.get(), 0, kF1Program, f1));
  TRY(WriteProgram(file.get(), kF0Header, kF0Program, BuildF0(Labels().helper_mask)));
  TRY(WriteHotKinds(file.get()));
  long result =
      RawSyscall(SYS_fcntl, file.get(), F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
  if (result < 0) return base::Errno(static_cast<int>(-result));
  return file;
}

}  // namespace platform::systrap
