// SPDX-License-Identifier: Apache-2.0
#include <linux/elf.h>
#include <linux/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "platform/ptrace/requests.h"
#include "platform/signal_frame.h"
#include "platform/syscall_unsafe.h"

namespace platform::ptrace {

namespace {

constexpr uint16_t kUserCode = 0x33;
constexpr uint16_t kUserCode32 = 0x23;
constexpr uint16_t kUserData = 0x2b;
constexpr uint64_t kUserEnd = uint64_t{1} << 47;
constexpr uint64_t kInitialFlags = 0x202;
constexpr uint64_t kLargestSet = 1 << 20;
constexpr uint16_t kInitialControlWord = 0x37f;
constexpr uint32_t kInitialMxcsr = 0x1f80;
constexpr uint64_t kLegacyFeatures = 3;  // x87 and SSE.

base::Result<void> Request(long request, int tid, uint64_t address, uint64_t data) {
  long result = RawSyscall(SYS_ptrace, request, tid, address, data);
  if (result < 0) return base::Errno(static_cast<int>(-result));
  return {};
}

uint64_t AddressOf(const void* object) { return reinterpret_cast<uint64_t>(object); }

// Returns the bytes read.
base::Result<uint64_t> ReadSet(int tid, uint64_t type, void* to, uint64_t size) {
  iovec vector{to, size};
  TRY(Request(PTRACE_GETREGSET, tid, type, AddressOf(&vector)));
  return uint64_t{vector.iov_len};
}

base::Result<void> WriteSet(int tid, uint64_t type, const void* from, uint64_t size) {
  iovec vector{const_cast<void*>(from), size};
  return Request(PTRACE_SETREGSET, tid, type, AddressOf(&vector));
}

uint64_t ExtendedSet(const HostFacts& facts) { return facts.xfeatures != 0 ? NT_X86_XSTATE : NT_PRFPREG; }

template <typename T>
void Put(ExtendedState* state, uint64_t offset, T value) {
  memcpy(state->data() + offset, &value, sizeof(T));
}

}  // namespace

TraceeRegisters InitialRegisters() {
  TraceeRegisters registers{};
  registers.general.cs = kUserCode;
  registers.general.ss = kUserData;
  registers.general.rflags = kInitialFlags;
  return registers;
}

base::Result<void> Seize(int pid) {
  TRY(Request(PTRACE_SEIZE, pid, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL));
  return Request(PTRACE_INTERRUPT, pid, 0, 0);
}

base::Result<void> ReadRegisters(int tid, TraceeRegisters* registers) {
  uint64_t got = TRY(ReadSet(tid, NT_PRSTATUS, registers, sizeof(*registers)));
  if (got != sizeof(*registers)) return base::Errno(EIO);
  return {};
}

base::Result<void> WriteRegisters(int tid, const TraceeRegisters& registers) {
  TraceeRegisters good = registers;
  Registers& r = good.general;
  r.orig_rax = ~uint64_t{0};
  r.cs = r.cs == kUserCode32 ? kUserCode32 : kUserCode;
  r.ss = kUserData;
  if (r.fs_base >= kUserEnd) r.fs_base = 0;
  if (r.gs_base >= kUserEnd) r.gs_base = 0;
  return WriteSet(tid, NT_PRSTATUS, &good, sizeof(good));
}

base::Result<uint64_t> ExtendedSetSize(int tid, const HostFacts& facts) {
  ExtendedState probe;
  if (!probe.Resize(kLargestSet)) return base::Errno(ENOMEM);
  uint64_t size = TRY(ReadSet(tid, ExtendedSet(facts), probe.data(), probe.size()));
  if (size < facts.xstate_size) return base::Errno(ENOTSUP);
  return size;
}

base::Result<void> ReadExtendedState(int tid, const HostFacts& facts, uint64_t set_size, ExtendedState* state) {
  if (!state->Resize(std::max(set_size, facts.extended_size))) return base::Errno(ENOMEM);
  uint64_t got = TRY(ReadSet(tid, ExtendedSet(facts), state->data(), set_size));
  if (got < facts.xstate_size) return base::Errno(EIO);
  // What the host's set holds behind what a signal frame does is in its initial state: no guest was ever given it.
  state->Resize(facts.extended_size);
  if (facts.xfeatures == 0) return {};
  FrameSoftwareBytes software{};
  software.magic1 = kXstateMagic1;
  software.extended_size = static_cast<uint32_t>(facts.extended_size);
  software.xfeatures = facts.xfeatures;
  software.xstate_size = static_cast<uint32_t>(facts.xstate_size);
  Put(state, kSoftwareBytesOffset, software);
  Put(state, facts.xstate_size, kXstateMagic2);
  return {};
}

base::Result<void> WriteExtendedState(int tid, const HostFacts& facts, uint64_t set_size, const ExtendedState& state) {
  ExtendedState image;
  if (!image.Resize(set_size)) return base::Errno(ENOMEM);
  memset(image.data(), 0, image.size());
  bool extended = facts.xfeatures != 0 && state.size() == facts.extended_size;
  uint64_t features = 0;
  if (state.size() < kLegacyStateSize) {
    Put(&image, 0, kInitialControlWord);
    Put(&image, kMxcsrOffset, kInitialMxcsr);
  } else {
    memcpy(image.data(), state.data(), extended ? facts.xstate_size : kLegacyStateSize);
    uint32_t mxcsr = 0;
    memcpy(&mxcsr, state.data() + kMxcsrOffset, sizeof(mxcsr));
    Put(&image, kMxcsrOffset, mxcsr & facts.mxcsr_mask);
    features = kLegacyFeatures;
    if (extended) {
      memcpy(&features, state.data() + kXsaveHeaderOffset, sizeof(features));
      features &= facts.xfeatures;
    }
  }
  memset(image.data() + kSoftwareBytesOffset, 0, sizeof(FrameSoftwareBytes));
  if (facts.xfeatures != 0) {
    memset(image.data() + kXsaveHeaderOffset, 0, kXsaveHeaderSize);
    Put(&image, kXsaveHeaderOffset, features);
  }
  return WriteSet(tid, ExtendedSet(facts), image.data(), image.size());
}

base::Result<void> ReadSignal(int tid, siginfo_t* info) { return Request(PTRACE_GETSIGINFO, tid, 0, AddressOf(info)); }

uint64_t FaultAddress(const siginfo_t& info) { return AddressOf(info.si_addr); }

base::Result<uint32_t> ReadCallArchitecture(int tid) {
  ptrace_syscall_info info{};
  TRY(Request(PTRACE_GET_SYSCALL_INFO, tid, sizeof(info), AddressOf(&info)));
  return uint32_t{info.arch};
}

base::Result<void> RunGuest(int tid, int signal) {
  return Request(PTRACE_SYSEMU, tid, 0, static_cast<uint64_t>(signal));
}

base::Result<void> RunNatively(int tid) { return Request(PTRACE_CONT, tid, 0, 0); }

}  // namespace platform::ptrace
