// SPDX-License-Identifier: Apache-2.0
// Hot calls of a guest thread: taken from its slot, and taken back when the thread is stopped in the hot code.
#include <algorithm>
#include <cerrno>
#include <utility>

#include "platform/guest_copy.h"
#include "platform/systrap/machine.h"
#include "platform/systrap/stub.h"
#include "platform/systrap/stub_image.h"
#include "platform/systrap/stub_thread.h"

namespace platform::systrap {

namespace {

constexpr uint64_t kSyscallSize = 2;
constexpr uint64_t kArithmeticFlags = 0x8d5;  // OF SF ZF AF PF CF.

// The flags as lahf and seto leave them in ax, put into `rflags`.
uint64_t UnpackFlags(uint64_t rflags, uint64_t ax) {
  uint64_t flags = (ax >> 8) & 0xd5;
  if ((ax & 0xff) != 0) flags |= 0x800;
  return (rflags & ~kArithmeticFlags) | flags;
}

}  // namespace

bool StubThread::HotRequested() const ABSL_NO_THREAD_SAFETY_ANALYSIS { return memory_.HotRequested(); }
void StubThread::SetHotGate(bool open) ABSL_NO_THREAD_SAFETY_ANALYSIS { memory_.set_hot_gate(open); }

bool StubThread::OnHotRequest() {
  After after;
  {
    base::MutexLock lock(mutex_);
    // A stranger may post in this slot as well (another thread of the process): only a thread that runs may have
    // posted. What ends a quarantine is the thread itself, so a plain call of it has to come.
    if (state_ != State::kRunning || waits_ != Waits::kEvent || kicked_ || quarantined_) return false;
    HotRequest request;
    if (!memory_.TakeHot(&request)) return false;
    if (!MayBeHot(request.number)) {
      // The hot code posts no such number: forged.
      memory_.AnswerHot(static_cast<uint64_t>(-ENOSYS), 0, {});
      return true;
    }
    Counters::Add(stub_->machine().counters.hot_calls);
    state_ = State::kHot;
    call_ = Call{request.number, {}, request.return_address, true};
    std::copy(std::begin(request.arguments), std::end(request.arguments), call_.arguments);
    call_pending_ = true;
    outcome_set_ = false;
    worth_patching_ = false;
    OpenWindowLocked(request);
    DeliverLocked(CallEvent(), &after);
  }
  Finish(after);
  return true;
}

void StubThread::OpenWindowLocked(const HotRequest& request) {
  // With other threads around, bytes that came along may be old already, and answers would be seen too late.
  if ((request.brought | request.room) == 0 || !stub_->HasOneThread()) return;
  uint32_t kind = BroughtBy(request.number);
  uint64_t struct_size = kind >> HOT_STRUCT_SHIFT;
  uint64_t in = request.arguments[1];
  uint64_t most = SLOT_HOT_DATA_SIZE;
  switch (kind & HOT_IN_MASK) {
    case HOT_IN_BUFFER:
      most = request.arguments[2];
      break;
    case HOT_IN_STRUCT:
      most = struct_size;
      break;
    case HOT_IN_PATH_0:
      in = request.arguments[0];
      break;
    case HOT_IN_PATH_1:
      break;
    default:
      most = 0;
  }
  uint64_t out = request.arguments[1];
  uint64_t room = struct_size;
  switch (kind & HOT_OUT_MASK) {
    case HOT_OUT_BUFFER:
      room = request.arguments[2];
      break;
    case HOT_OUT_STRUCT_0:
      out = request.arguments[0];
      break;
    case HOT_OUT_STRUCT_1:
      break;
    case HOT_OUT_STRUCT_2:
      out = request.arguments[2];
      break;
    case HOT_OUT_STRUCT_4:
      out = request.arguments[4];
      break;
    default:
      room = 0;
  }
  stub_->window().Open(memory_.hot_data(), base::GuestAddr(in), std::min<uint64_t>(request.brought, most),
                       base::GuestAddr(out), std::min<uint64_t>(request.room, room));
}

bool StubThread::WriteToGuest(base::GuestAddr to, std::span<const std::byte> from) {
  from = from.first(ClipToGuest(to, from.size(), 0));
  Stub::PidUse use(*stub_);
  auto written = WriteGuest(use.pid(), to, from);
  return written.ok() && written.value() == from.size();
}

void StubThread::ResumeHotLocked() {
  if (action_ == SyscallAction::kRestart) {
    KickOutLocked();
    return;
  }
  uint64_t value = value_;
  call_pending_ = false;
  outcome_set_ = false;
  hot_value_ = value;
  state_ = State::kRunning;
  CallWindow::Written written = stub_->window().Close();
  memory_.AnswerHot(value, written.bytes.size(), written.address);
}

bool StubThread::LeaveUnsavedHotCodeLocked() {
  const HotLabels& code = HotCode();
  Registers& r = registers_;
  if (r.rip < code.begin || r.rip >= code.end) return true;
  if (r.rip < code.named) {
    if (r.rip >= code.flags) r.rflags = UnpackFlags(r.rflags, r.rip >= code.saved ? memory_.hot_flags() : r.rax);
    r.rip = code.begin;
    return true;
  }
  if (r.rip < code.plain) return false;
  if (r.rip >= code.any && r.rip < code.any_plain) {
    if (r.rip >= code.any_saved) r.rax = memory_.hot_number();
    r.rip = code.any;
  }
  return true;
}

void StubThread::MakePlainCallLocked() {
  Registers& r = registers_;
  r.rflags = UnpackFlags(r.rflags, memory_.hot_flags());
  r.rip = memory_.hot_return() - kSyscallSize;
  r.rax = memory_.hot_number();
}

void StubThread::LeaveHotCodeLocked() {
  if (LeaveUnsavedHotCodeLocked()) return;
  const HotLabels& code = HotCode();
  Registers& r = registers_;
  if (r.rip >= code.copying) {
    r.rdi = memory_.hot_argument(0);
    r.rsi = memory_.hot_argument(1);
    r.r10 = memory_.hot_argument(3);
  }
  if (r.rip < code.posted || !memory_.WithdrawHot()) return MakePlainCallLocked();
  r.rflags = UnpackFlags(r.rflags, memory_.hot_flags());
  r.rdx = memory_.hot_argument(2);
  r.rip = memory_.hot_return();
  r.rcx = r.rip;
  r.r11 = r.rflags;
  r.rax = hot_value_;
  size_t along = memory_.hot_taken_along();
  if (along != 0 && !WriteToGuest(memory_.hot_into(), memory_.hot_data().first(along))) {
    r.rax = static_cast<uint64_t>(-EFAULT);
  }
}

bool StubThread::OnHotFaultLocked(const Stop& stop, After* after) {
  const HotLabels& code = HotCode();
  uint64_t rip = stop.registers.rip;
  if (rip >= code.copying && rip < code.posted) {
    // The buffer is not what it should be: the plain call will tell.
    registers_.rdi = memory_.hot_argument(0);
    registers_.rsi = memory_.hot_argument(1);
    registers_.r10 = memory_.hot_argument(3);
    MakePlainCallLocked();
  } else if (rip < code.wait || rip >= code.plain) {
    return false;
  }
  ResumeLocked(after);
  return true;
}

void StubThread::NormalizeHotLocked() {
  Registers& r = registers_;
  r.rflags = UnpackFlags(r.rflags, memory_.hot_flags());
  r.rdi = call_.arguments[0];
  r.rsi = call_.arguments[1];
  r.rdx = call_.arguments[2];
  r.r10 = call_.arguments[3];
  memory_.ForgetHot();
  CallWindow::Written written = stub_->window().Close();
  if (!written.bytes.empty()) (void)WriteToGuest(written.address, written.bytes);
}

void StubThread::MarkPatched(uint64_t ip) {
  base::MutexLock lock(mutex_);
  sites_.MarkPatched(ip);
}

}  // namespace platform::systrap
