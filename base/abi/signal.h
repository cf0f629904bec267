// SPDX-License-Identifier: Apache-2.0
// Signals as the x86-64 ABI lays them out (sigaction(2), sigaltstack(2), siginfo in asm-generic/siginfo.h).
#pragma once

#include <cstddef>
#include <cstdint>

namespace base::abi {

// A set of signals: bit N-1 is signal N.
using SignalSet = uint64_t;

inline constexpr int kSignalCount = 64;
inline constexpr size_t kSignalSetSize = 8;
inline constexpr uint64_t kSigDfl = 0;
inline constexpr uint64_t kSigIgn = 1;

// The kernel's struct sigaction.
struct KernelSigaction {
  uint64_t handler = 0;
  uint64_t flags = 0;
  uint64_t restorer = 0;
  SignalSet mask = 0;
};
static_assert(sizeof(KernelSigaction) == 32);

inline constexpr uint64_t kSaRestorer = 0x04000000;

struct StackT {
  uint64_t sp = 0;
  int32_t flags = 0;
  uint32_t padding = 0;
  uint64_t size = 0;
};
static_assert(sizeof(StackT) == 24);

struct Siginfo {
  int32_t signo = 0;
  int32_t error = 0;
  int32_t code = 0;
  int32_t padding = 0;
  union {
    uint8_t bytes[112] = {};
    struct {
      int32_t pid;
      uint32_t uid;
      uint64_t value;  // sigqueue(3).
    } kill;
    struct {
      int32_t pid;
      uint32_t uid;
      int32_t status;
      uint32_t padding;
      int64_t utime, stime;  // clock_t.
    } child;
    struct {
      uint64_t address;
      uint16_t address_lsb;
    } fault;
    struct {
      int32_t timer_id;
      int32_t overrun;
      uint64_t value;
      uint32_t generation;  // The kernel's own (si_sys_private): 0 when a guest sees it.
    } timer;
    struct {
      uint64_t call_address;
      int32_t syscall;
      uint32_t arch;
    } sys;
    struct {
      int64_t band;
      int32_t fd;
    } poll;
  };
};
static_assert(sizeof(Siginfo) == 128);
static_assert(offsetof(Siginfo, bytes) == 16);

// struct sigevent, as the kernel reads it (sigevent(7)).
struct Sigevent {
  uint64_t value = 0;
  int32_t signo = 0;
  int32_t notify = 0;
  int32_t tid = 0;  // SIGEV_THREAD_ID.
  uint8_t padding[44] = {};
};
static_assert(sizeof(Sigevent) == 64);

}  // namespace base::abi
