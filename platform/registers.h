// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace platform {

// The general registers of an x86-64 guest thread, in the order of ptrace's user_regs_struct.
struct Registers {
  uint64_t r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
  uint64_t orig_rax;
  uint64_t rip, cs, rflags, rsp, ss;
  uint64_t fs_base, gs_base;
};

// The extended (x87, SSE, AVX...) state in the layout the host kernel uses in a signal frame: an XSAVE image, with
// struct _fpx_sw_bytes in bytes 464..511 and FP_XSTATE_MAGIC2 behind it when sw_bytes says so; or the plain 512-byte
// FXSAVE image. Empty means the initial state.
class ExtendedState {
 public:
  // Enough for AVX-512 and AMX-less CPUs; larger images are refused at start (see Platform::extended_state_size).
  static constexpr size_t kMaxSize = 8192;

  const std::byte* data() const { return bytes_.get(); }
  std::byte* data() { return bytes_.get(); }
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  // Discards the contents. Returns false when memory is out.
  bool Resize(size_t size);
  void Clear() { size_ = 0; }
  // False when memory is out.
  bool CopyFrom(const ExtendedState& other);

 private:
  std::unique_ptr<std::byte[]> bytes_;
  size_t size_ = 0;
  size_t capacity_ = 0;
};

}  // namespace platform
