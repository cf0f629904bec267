// SPDX-License-Identifier: Apache-2.0
#include "platform/systrap/slot_unsafe.h"

#include <linux/futex.h>
#include <signal.h>
#include <sys/syscall.h>

#include <algorithm>
#include <climits>
#include <cstring>

#include "platform/syscall_unsafe.h"

namespace platform::systrap {

namespace {

constexpr uint64_t kFrameFlags = 7;       // UC_FP_XSTATE | UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS.
constexpr uint64_t kUserFlags = 0x50dd5;  // What a user may change: CF PF AF ZF SF TF DF OF RF AC.
constexpr uint64_t kFixedFlags = 0x202;   // IF and the bit that is always one.
constexpr uint16_t kUserCode = 0x33;
constexpr uint16_t kUserCode32 = 0x23;
constexpr uint16_t kUserData = 0x2b;
constexpr uint64_t kSiginfoSize = 128;
constexpr uint64_t kUserEnd = uint64_t{1} << 47;

// The start of siginfo_t: what synchronous signals fill in.
struct HostSiginfo {
  int32_t signal;
  int32_t error;
  int32_t code;
  int32_t padding;
  uint64_t address;
  uint32_t call_number;
  uint32_t architecture;
};

}  // namespace

bool Slot::TakeStop(const HostFacts& facts, uint64_t info, uint64_t context, Stop* stop) {
  uint64_t frame_offset = context - address_;
  uint64_t info_offset = info - address_;
  if (frame_offset < SLOT_STACK || frame_offset > STUB_SLOT_SIZE - sizeof(HostFrame) || frame_offset % 8 != 0)
    return false;
  if (info_offset < SLOT_STACK || info_offset > STUB_SLOT_SIZE - kSiginfoSize || info_offset % 8 != 0) return false;
  HostSiginfo siginfo = Get<HostSiginfo>(info_offset);
  HostFrame frame = Get<HostFrame>(frame_offset);
  stop->signal = siginfo.signal;
  stop->code = siginfo.code;
  stop->address = siginfo.address;
  stop->call_number = siginfo.call_number;
  stop->architecture = siginfo.architecture;
  stop->trap_number = frame.trap_number;
  stop->error_code = frame.error_code;
  Registers& r = stop->registers;
  r.r15 = frame.r15;
  r.r14 = frame.r14;
  r.r13 = frame.r13;
  r.r12 = frame.r12;
  r.rbp = frame.rbp;
  r.rbx = frame.rbx;
  r.r11 = frame.r11;
  r.r10 = frame.r10;
  r.r9 = frame.r9;
  r.r8 = frame.r8;
  r.rax = frame.rax;
  r.rcx = frame.rcx;
  r.rdx = frame.rdx;
  r.rsi = frame.rsi;
  r.rdi = frame.rdi;
  r.orig_rax = ~uint64_t{0};
  r.rip = frame.rip;
  r.cs = frame.cs;
  r.rflags = frame.rflags;
  r.rsp = frame.rsp;
  r.ss = frame.ss;
  r.fs_base = Get<uint64_t>(SLOT_FS_BASE);
  // A guest that does not use GS has its slot there (hot calls).
  r.gs_base = Get<uint64_t>(SLOT_GS_BASE);
  if (r.gs_base == address_) r.gs_base = 0;
  stop->frame = frame_offset;
  stop->fpstate = 0;
  if (frame.fpstate != 0) {
    uint64_t offset = frame.fpstate - address_;
    if (offset < SLOT_STACK || offset > STUB_SLOT_SIZE - facts.extended_size || offset % 64 != 0) return false;
    stop->fpstate = offset;
  }
  if (siginfo.signal != 0) Put<int32_t>(info_offset, 0);
  return true;
}

bool Slot::ReadExtendedState(const HostFacts& facts, uint64_t fpstate, ExtendedState* state) const {
  if (fpstate == 0) {
    state->Clear();
    return true;
  }
  auto software = Get<FrameSoftwareBytes>(fpstate + kSoftwareBytesOffset);
  bool extended = facts.xfeatures != 0 && software.magic1 == kXstateMagic1 &&
                  software.xstate_size == facts.xstate_size && software.extended_size == facts.extended_size;
  if (!state->Resize(extended ? facts.extended_size : kLegacyStateSize)) return false;
  memcpy(state->data(), memory_ + fpstate, state->size());
  return true;
}

void Slot::WriteFrame(const HostFacts& facts, const Registers& r, const ExtendedState* state, uint64_t frame_offset,
                      uint64_t fpstate) {
  if (state != nullptr) {
    frame_offset = SLOT_FIRST_FRAME;
    fpstate = 0;
    if (state->size() >= kLegacyStateSize) {
      fpstate = SLOT_FIRST_FPSTATE;
      bool extended = facts.xfeatures != 0 && state->size() == facts.extended_size;
      memcpy(memory_ + fpstate, state->data(), extended ? facts.xstate_size : kLegacyStateSize);
      // The kernel's restore must not fail on what a guest put there: that would kill the process.
      uint32_t mxcsr = 0;
      memcpy(&mxcsr, state->data() + kMxcsrOffset, sizeof(mxcsr));
      Put<uint32_t>(fpstate + kMxcsrOffset, mxcsr & facts.mxcsr_mask);
      FrameSoftwareBytes software{};
      if (extended) {
        software.magic1 = kXstateMagic1;
        software.extended_size = static_cast<uint32_t>(facts.extended_size);
        software.xfeatures = facts.xfeatures;
        software.xstate_size = static_cast<uint32_t>(facts.xstate_size);
        uint64_t header[kXsaveHeaderSize / 8] = {};
        memcpy(&header[0], state->data() + kXsaveHeaderOffset, sizeof(header[0]));
        header[0] &= facts.xfeatures;
        memcpy(memory_ + fpstate + kXsaveHeaderOffset, header, sizeof(header));
        Put<uint32_t>(fpstate + facts.xstate_size, kXstateMagic2);
      }
      Put(fpstate + kSoftwareBytesOffset, software);
    }
  }
  HostFrame frame{};
  frame.flags = kFrameFlags;
  frame.stack_pointer = address_ + SLOT_STACK;
  frame.stack_size = STUB_SLOT_SIZE - SLOT_STACK;
  frame.r15 = r.r15;
  frame.r14 = r.r14;
  frame.r13 = r.r13;
  frame.r12 = r.r12;
  frame.rbp = r.rbp;
  frame.rbx = r.rbx;
  frame.r11 = r.r11;
  frame.r10 = r.r10;
  frame.r9 = r.r9;
  frame.r8 = r.r8;
  frame.rax = r.rax;
  frame.rcx = r.rcx;
  frame.rdx = r.rdx;
  frame.rsi = r.rsi;
  frame.rdi = r.rdi;
  frame.rip = r.rip;
  frame.rsp = r.rsp;
  frame.rflags = (r.rflags & kUserFlags) | kFixedFlags;
  frame.cs = r.cs == kUserCode32 ? kUserCode32 : kUserCode;
  frame.ss = kUserData;
  frame.fpstate = fpstate == 0 ? 0 : address_ + fpstate;
  Put(frame_offset, frame);
  Put<uint64_t>(SLOT_FS_BASE, r.fs_base < kUserEnd ? r.fs_base : 0);
  Put<uint64_t>(SLOT_GS_BASE, r.gs_base == 0 || r.gs_base >= kUserEnd ? address_ : r.gs_base);
  Put<uint64_t>(SLOT_FRAME, address_ + frame_offset);
}

std::atomic<uint32_t>* Slot::word() { return reinterpret_cast<std::atomic<uint32_t>*>(memory_ + SLOT_WORD); }
void Slot::set_word(uint32_t value) { word()->store(value); }
void Slot::set_start_word(uint32_t value) { Put(SLOT_START_WORD, value); }

std::atomic<uint32_t>* Slot::hot_state() const {
  return reinterpret_cast<std::atomic<uint32_t>*>(memory_ + SLOT_HOT_STATE);
}
void Slot::set_hot_gate(bool open) { Put<uint32_t>(SLOT_HOT_GATE, open ? 1 : 0); }
bool Slot::HotRequested() const { return hot_state()->load(std::memory_order_relaxed) == HOT_REQUEST; }

bool Slot::TakeHot(HotRequest* request) {
  uint32_t posted = HOT_REQUEST;
  if (!hot_state()->compare_exchange_strong(posted, HOT_TAKEN, std::memory_order_acq_rel)) return false;
  request->number = static_cast<uint32_t>(Get<uint64_t>(SLOT_HOT_NUMBER));
  for (int i = 0; i < 6; i++) request->arguments[i] = hot_argument(i);
  request->return_address = hot_return();
  request->brought = hot_size(SLOT_HOT_BROUGHT);
  request->room = hot_size(SLOT_HOT_ROOM);
  return true;
}

size_t Slot::hot_size(uint64_t offset) const {
  return static_cast<size_t>(std::min<uint64_t>(Get<uint64_t>(offset), SLOT_HOT_DATA_SIZE));
}

size_t Slot::hot_taken_along() const { return hot_size(SLOT_HOT_TAKEN_ALONG); }

void Slot::AnswerHot(uint64_t value, size_t along, base::GuestAddr into) {
  Put<uint64_t>(SLOT_HOT_TAKEN_ALONG, along);
  Put<uint64_t>(SLOT_HOT_INTO, into.value());
  Put(SLOT_HOT_RESULT, value);
  uint32_t old = hot_state()->exchange(HOT_DONE, std::memory_order_acq_rel);
  if ((old & HOT_ASLEEP) != 0) RawSyscall(SYS_futex, hot_state(), FUTEX_WAKE, INT_MAX);
}

bool Slot::WithdrawHot() {
  uint32_t found = hot_state()->fetch_and(~uint32_t{HOT_REQUEST}, std::memory_order_acq_rel);
  return (found & HOT_DONE) != 0;
}

void Slot::ForgetHot() { hot_state()->store(0, std::memory_order_release); }

}  // namespace platform::systrap
