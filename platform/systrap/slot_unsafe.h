// SPDX-License-Identifier: Apache-2.0
// One guest thread's slot: memory shared with the guest, which may change any byte at any time. Everything is copied
// once, then checked.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "base/types.h"
#include "platform/host_facts.h"
#include "platform/registers.h"
#include "platform/signal_frame.h"
#include "platform/systrap/stub_layout.h"

namespace platform::systrap {

// What a park call of the handler reports: the interesting part of siginfo and the whole frame, copied.
struct Stop {
  int signal;  // 0: this stop was taken before, its reply was lost.
  int code;
  uint64_t address;       // si_addr; si_call_addr for SIGSYS.
  uint32_t call_number;   // SIGSYS.
  uint32_t architecture;  // SIGSYS.
  uint64_t trap_number;
  uint64_t error_code;
  Registers registers;  // orig_rax is -1.
  uint64_t frame;       // Offset of the frame in the slot.
  uint64_t fpstate;     // Offset of the extended state in the slot; 0: none.
};

// A request of the hot code, copied.
struct HotRequest {
  uint32_t number;
  uint64_t arguments[6];
  uint64_t return_address;  // Behind the site's system call instruction.
  size_t brought;           // Bytes in hot_data.
  size_t room;              // How many may go back there with the answer.
};

class Slot {
 public:
  Slot() = default;
  // `memory` is the sentry's mapping of the slot that lies at `address` in the stub.
  Slot(std::byte* memory, uint64_t address) : memory_(memory), address_(address) {}

  uint64_t address() const { return address_; }

  // Copies the stop a handler reports by the addresses of its siginfo and ucontext, and marks it as taken. False when
  // they do not lie in the slot as the kernel would have put them.
  bool TakeStop(const HostFacts& facts, uint64_t info, uint64_t context, Stop* stop);

  // Copies the extended state at offset `fpstate` (0: clears). False when memory is out.
  bool ReadExtendedState(const HostFacts& facts, uint64_t fpstate, ExtendedState* state) const;

  // Writes the frame the handler (or a new thread) will leave by. With `state`, both go to the places of a first frame;
  // without, the frame goes to offset `frame` and refers to the extended state at `fpstate`, both from TakeStop.
  void WriteFrame(const HostFacts& facts, const Registers& registers, const ExtendedState* state, uint64_t frame,
                  uint64_t fpstate);

  // The word a parked thread sleeps on.
  void set_word(uint32_t word);
  std::atomic<uint32_t>* word();
  // What a new thread sleeps on before it first leaves; 0: it leaves at once.
  void set_start_word(uint32_t word);

  // ---- Hot calls (stub_layout.h, SLOT_HOT_*). What the guest can write is believed of its own thread only.
  // Whether the thread shall post requests.
  void set_hot_gate(bool open);
  // A look, no more: whether a request is posted.
  bool HotRequested() const;
  // Takes the request. False when there is none.
  bool TakeHot(HotRequest* request);
  // What comes along; the guest can write it at any time.
  std::span<std::byte, SLOT_HOT_DATA_SIZE> hot_data() const {
    return std::span<std::byte, SLOT_HOT_DATA_SIZE>(memory_ + SLOT_HOT_DATA, SLOT_HOT_DATA_SIZE);
  }
  // How much of hot_data the last answer has taken along, and where to.
  size_t hot_taken_along() const;
  base::GuestAddr hot_into() const { return base::GuestAddr(Get<uint64_t>(SLOT_HOT_INTO)); }
  // Answers the request that was taken; the first `along` bytes of hot_data are for the guest's memory at `into`.
  void AnswerHot(uint64_t value, size_t along, base::GuestAddr into);
  // Takes a posted request away again. Returns whether there is an answer instead.
  bool WithdrawHot();
  // The request that was taken will be answered by a frame.
  void ForgetHot();
  uint64_t hot_return() const { return Get<uint64_t>(SLOT_HOT_RETURN); }
  uint64_t hot_argument(int index) const {
    return Get<uint64_t>(SLOT_HOT_ARGUMENTS + 8 * static_cast<uint64_t>(index));
  }
  uint64_t hot_number() const { return Get<uint64_t>(SLOT_HOT_NUMBER); }
  uint64_t hot_flags() const { return Get<uint64_t>(SLOT_HOT_FLAGS); }

 private:
  std::atomic<uint32_t>* hot_state() const;
  // A size in the header, at most SLOT_HOT_DATA_SIZE.
  size_t hot_size(uint64_t offset) const;
  template <typename T>
  void Put(uint64_t offset, const T& value) {
    memcpy(memory_ + offset, &value, sizeof(T));
  }
  template <typename T>
  T Get(uint64_t offset) const {
    T value;
    memcpy(&value, memory_ + offset, sizeof(T));
    return value;
  }

  std::byte* memory_ = nullptr;
  uint64_t address_ = 0;
};

}  // namespace platform::systrap
