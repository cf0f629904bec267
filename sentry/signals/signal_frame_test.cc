// SPDX-License-Identifier: Apache-2.0
// Our frames against the host kernel's: a signal is taken natively, its frame and the handler's registers are recorded,
// and our builder must make the same of the same registers.
#include "sentry/signals/signal_frame_amd64.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>
#include <memory>
#include <optional>
#include <vector>

namespace {

// What the handler was entered with, in this order; then the frame is copied.
struct Entry {
  uint64_t rdi, rsi, rdx, rax, rsp, rflags;
};

}  // namespace

extern "C" {
Entry frame_test_entry;
void frame_test_record();
void frame_test_handler();
void frame_test_restorer();
}

asm(R"(
  .text
  .globl frame_test_handler
  .type frame_test_handler, @function
frame_test_handler:
  mov %rdi, frame_test_entry(%rip)
  mov %rsi, frame_test_entry+8(%rip)
  mov %rdx, frame_test_entry+16(%rip)
  mov %rax, frame_test_entry+24(%rip)
  mov %rsp, frame_test_entry+32(%rip)
  pushfq
  popq frame_test_entry+40(%rip)
  jmp frame_test_record
  .size frame_test_handler, . - frame_test_handler
  .globl frame_test_restorer
  .type frame_test_restorer, @function
frame_test_restorer:
  mov $15, %eax
  syscall
  .size frame_test_restorer, . - frame_test_restorer
)");

namespace sentry {
namespace {

using base::abi::KernelSigaction;
using base::abi::RtSigframe;

RtSigframe recorded;
alignas(64) std::byte recorded_state[platform::ExtendedState::kMaxSize];
size_t recorded_state_size;
uint64_t skip_bytes;  // Of the instruction that faulted.
void (*edit)(RtSigframe* frame, std::byte* state);

KernelSigaction ActionWith(uint64_t flags, uint64_t mask = 0) {
  return {.handler = reinterpret_cast<uint64_t>(&frame_test_handler),
          .flags = flags | base::abi::kSaRestorer,
          .restorer = reinterpret_cast<uint64_t>(&frame_test_restorer),
          .mask = mask};
}

// Sets an action for one test by the raw call: sanitizers wrap the library's.
class ScopedAction {
 public:
  ScopedAction(int signal, const KernelSigaction& action) : signal_(signal) {
    syscall(SYS_rt_sigaction, signal, &action, &old_, 8);
  }
  ~ScopedAction() { syscall(SYS_rt_sigaction, signal_, &old_, nullptr, 8); }

 private:
  int signal_;
  KernelSigaction old_;
};

class ScopedStack {
 public:
  explicit ScopedStack(int flags = 0) {
    memory_ = mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    stack_t stack{};
    stack.ss_sp = memory_;
    stack.ss_flags = flags;
    stack.ss_size = kSize;
    syscall(SYS_sigaltstack, &stack, &old_);
  }
  ~ScopedStack() {
    syscall(SYS_sigaltstack, &old_, nullptr);
    munmap(memory_, kSize);
  }

 private:
  static constexpr size_t kSize = 64 * 1024;
  void* memory_;
  stack_t old_;
};

platform::Registers RegistersOf(const base::abi::Sigcontext& c) {
  platform::Registers r{};
  r.r8 = c.r8, r.r9 = c.r9, r.r10 = c.r10, r.r11 = c.r11, r.r12 = c.r12, r.r13 = c.r13, r.r14 = c.r14, r.r15 = c.r15;
  r.rdi = c.rdi, r.rsi = c.rsi, r.rbp = c.rbp, r.rbx = c.rbx, r.rdx = c.rdx, r.rax = c.rax, r.rcx = c.rcx;
  r.rsp = c.rsp, r.rip = c.rip, r.rflags = c.rflags, r.cs = c.cs, r.ss = c.ss;
  return r;
}

ExtendedStateFormat Format() {
  base::abi::FpxSoftwareBytes software;
  memcpy(&software, recorded_state + base::abi::kSoftwareBytesOffset, sizeof(software));
  return ExtendedStateFormat::OfThisMachine(software.magic1 == base::abi::kFpXstateMagic1 ? software.extended_size
                                                                                          : base::abi::kFxsaveSize);
}

// The whole comparison: `recorded` was taken with `action` while `alternate_stack` was set.
void ExpectSameAsOurs(const KernelSigaction& action, const base::abi::StackT& alternate_stack) {
  platform::Registers registers = RegistersOf(recorded.context.mcontext);
  ExtendedStateFormat format = Format();
  auto place = PlaceSignalFrame(registers.rsp, action.flags, alternate_stack, format.frame_size);
  ASSERT_TRUE(place.ok());
  EXPECT_EQ(place->frame, frame_test_entry.rsp);
  EXPECT_EQ(place->fpstate, recorded.context.mcontext.fpstate);

  const base::abi::Sigcontext& c = recorded.context.mcontext;
  FrameContents contents{.registers = registers,
                         .alternate_stack = alternate_stack,
                         .mask = recorded.context.mask,
                         .trap_number = c.trap_number,
                         .error_code = c.error_code,
                         .cr2 = c.cr2,
                         .has_xsave = format.features != 0};
  RtSigframe ours = MakeSignalFrame(contents, *place, recorded.info, action);
  // The kernel leaves these bytes of the stack as they were.
  memcpy(ours.context.mcontext.reserved, c.reserved, sizeof(c.reserved));
  ours.context.stack.padding = recorded.context.stack.padding;
  if ((action.flags & SA_SIGINFO) == 0) ours.info = recorded.info;
  EXPECT_EQ(memcmp(&ours, &recorded, sizeof(ours)), 0);
  EXPECT_EQ(ours.restorer, recorded.restorer);
  EXPECT_EQ(ours.context.flags, recorded.context.flags);
  EXPECT_EQ(ours.context.link, recorded.context.link);
  EXPECT_EQ(ours.context.stack.sp, recorded.context.stack.sp);
  EXPECT_EQ(ours.context.stack.flags, recorded.context.stack.flags);
  EXPECT_EQ(ours.context.stack.size, recorded.context.stack.size);
  EXPECT_EQ(ours.context.mcontext.cs, c.cs);
  EXPECT_EQ(ours.context.mcontext.ss, c.ss);
  EXPECT_EQ(ours.context.mcontext.old_mask, c.old_mask);

  int signal = static_cast<int>(frame_test_entry.rdi);
  EnterHandler(*place, signal, action, &registers);
  EXPECT_EQ(registers.rdi, frame_test_entry.rdi);
  EXPECT_EQ(registers.rsi, frame_test_entry.rsi);
  EXPECT_EQ(registers.rdx, frame_test_entry.rdx);
  EXPECT_EQ(registers.rax, frame_test_entry.rax);
  EXPECT_EQ(registers.rsp, frame_test_entry.rsp);
  EXPECT_EQ(registers.rflags & ~uint64_t{2}, frame_test_entry.rflags & ~uint64_t{2});
}

void ExpectSameState() {
  ExtendedStateFormat format = Format();
  ASSERT_EQ(FrameStateSize(format, std::span(recorded_state, base::abi::kFxsaveSize)), format.frame_size);
  platform::ExtendedState initial;
  ASSERT_TRUE(MakeInitialState(format, &initial));
  // The software bytes and both magic words are the host's.
  EXPECT_EQ(memcmp(initial.data() + base::abi::kSoftwareBytesOffset, recorded_state + base::abi::kSoftwareBytesOffset,
                   sizeof(base::abi::FpxSoftwareBytes)),
            0);
  EXPECT_EQ(memcmp(initial.data() + initial.size() - 4, recorded_state + initial.size() - 4, 4), 0);
  EXPECT_EQ(memcmp(initial.data() + base::abi::kMxcsrMaskOffset, recorded_state + base::abi::kMxcsrMaskOffset, 4), 0);

  platform::ExtendedState restored;
  ASSERT_TRUE(RestoreExtendedState(format, std::span(recorded_state, format.frame_size), &restored).ok());
  ASSERT_EQ(restored.size(), format.frame_size);
  constexpr size_t kSseEnd = 416;
  EXPECT_EQ(memcmp(restored.data() + 160, recorded_state + 160, kSseEnd - 160), 0);
  EXPECT_EQ(memcmp(restored.data() + 512, recorded_state + 512, restored.size() - 512), 0);
}

TEST(SignalFrameTest, MatchesTheHostsOnTheNormalStack) {
  KernelSigaction action = ActionWith(SA_SIGINFO);
  ScopedAction scoped(SIGUSR1, action);
  base::abi::StackT stack;
  syscall(SYS_sigaltstack, nullptr, &stack);
  if ((stack.flags & base::abi::kSsDisable) == 0) GTEST_SKIP() << "a runtime has set an alternate stack";
  syscall(SYS_tgkill, getpid(), gettid(), SIGUSR1);
  // The raw flags of a process that never set a stack may be 0: reported as disabled, saved as they are.
  stack.flags = recorded.context.stack.flags;
  ExpectSameAsOurs(action, stack);
  ExpectSameState();
}

TEST(SignalFrameTest, MatchesTheHostsOnTheAlternateStack) {
  for (int flags : {0, base::abi::kSsAutodisarm}) {
    SCOPED_TRACE(flags);
    KernelSigaction action = ActionWith(SA_SIGINFO | SA_ONSTACK, 0x2);
    ScopedAction scoped(SIGUSR1, action);
    ScopedStack alternate(flags);
    base::abi::StackT stack;
    syscall(SYS_sigaltstack, nullptr, &stack);
    syscall(SYS_tgkill, getpid(), gettid(), SIGUSR1);
    ExpectSameAsOurs(action, stack);
    EXPECT_GT(frame_test_entry.rsp, stack.sp);
    EXPECT_LT(frame_test_entry.rsp, stack.sp + stack.size);
  }
}

TEST(SignalFrameTest, MatchesTheHostsWithoutSiginfo) {
  KernelSigaction action = ActionWith(0);
  ScopedAction scoped(SIGUSR2, action);
  ScopedStack alternate;
  base::abi::StackT stack;
  syscall(SYS_sigaltstack, nullptr, &stack);
  syscall(SYS_tgkill, getpid(), gettid(), SIGUSR2);
  ExpectSameAsOurs(action, stack);
}

TEST(SignalFrameTest, MatchesTheHostsForAPageFault) {
  KernelSigaction action = ActionWith(SA_SIGINFO | SA_NODEFER);
  ScopedAction scoped(SIGSEGV, action);
  ScopedStack alternate;
  base::abi::StackT stack;
  syscall(SYS_sigaltstack, nullptr, &stack);
  void* page = mmap(nullptr, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  skip_bytes = 3;  // mov %rax, (%rcx)
  asm volatile(".byte 0x48, 0x89, 0x01" : : "a"(1), "c"(page) : "memory");
  skip_bytes = 0;
  EXPECT_EQ(recorded.context.mcontext.trap_number, 14u);
  EXPECT_EQ(recorded.context.mcontext.cr2, reinterpret_cast<uint64_t>(page));
  ExpectSameAsOurs(action, stack);
  munmap(page, 4096);
}

TEST(SignalFrameTest, TheHostReturnsFromOurFrame) {
  KernelSigaction action = ActionWith(SA_SIGINFO);
  ScopedAction scoped(SIGUSR1, action);
  // The handler's frame is replaced by ours, made from the same registers, before it returns.
  edit = [](RtSigframe* frame, std::byte* state) {
    platform::Registers registers = RegistersOf(frame->context.mcontext);
    ExtendedStateFormat format = Format();
    FramePlace place{reinterpret_cast<uint64_t>(frame), reinterpret_cast<uint64_t>(state)};
    FrameContents contents{.registers = registers,
                           .alternate_stack = frame->context.stack,
                           .mask = uint64_t{1} << (SIGUSR2 - 1),
                           .has_xsave = format.features != 0};
    KernelSigaction same{.handler = 0, .flags = SA_SIGINFO, .restorer = frame->restorer, .mask = 0};
    *frame = MakeSignalFrame(contents, place, frame->info, same);
    platform::ExtendedState copy;
    if (!RestoreExtendedState(format, std::span(recorded_state, recorded_state_size), &copy).ok()) abort();
    memcpy(state, copy.data(), copy.size());
  };
  uint64_t before = 0;
  syscall(SYS_rt_sigprocmask, SIG_BLOCK, nullptr, &before, 8);
  double number = 1.5;
  asm volatile("" : "+x"(number));
  syscall(SYS_tgkill, getpid(), gettid(), SIGUSR1);
  asm volatile("" : "+x"(number));
  edit = nullptr;
  uint64_t after = 0;
  syscall(SYS_rt_sigprocmask, SIG_SETMASK, &before, &after, 8);
  EXPECT_EQ(number, 1.5);
  EXPECT_EQ(after, uint64_t{1} << (SIGUSR2 - 1));
}

TEST(SignalFrameTest, PlacesNestedFramesOnTheAlternateStackUntilItIsFull) {
  base::abi::StackT stack{.sp = 0x10000, .flags = 0, .padding = 0, .size = 0x4000};
  uint64_t sp = 0x7fff0000;
  int frames = 0;
  while (true) {
    auto place = PlaceSignalFrame(sp, SA_ONSTACK, stack, 1000);
    if (!place.ok()) {
      EXPECT_EQ(place.error().code(), EFAULT);
      break;
    }
    EXPECT_EQ(place->frame % 16, 8u);
    EXPECT_EQ(place->fpstate % 64, 0u);
    EXPECT_GT(place->frame, stack.sp);
    sp = place->frame;
    ++frames;
  }
  EXPECT_GT(frames, 5);
  // Without SA_ONSTACK a handler that interrupts one on the alternate stack stays there, and overflows it the same way.
  EXPECT_FALSE(PlaceSignalFrame(sp, 0, stack, 1000).ok());
}

TEST(SignalFrameTest, AlternateStackStates) {
  base::abi::StackT none{.sp = 0, .flags = base::abi::kSsDisable, .padding = 0, .size = 0};
  base::abi::StackT stack{.sp = 0x10000, .flags = 0, .padding = 0, .size = 0x1000};
  EXPECT_EQ(AlternateStackState(none, 0x10800), base::abi::kSsDisable);
  EXPECT_EQ(AlternateStackState(stack, 0x10000), 0);
  EXPECT_EQ(AlternateStackState(stack, 0x10001), base::abi::kSsOnstack);
  EXPECT_EQ(AlternateStackState(stack, 0x11000), base::abi::kSsOnstack);
  EXPECT_EQ(AlternateStackState(stack, 0x11001), 0);
  stack.flags = base::abi::kSsAutodisarm;
  EXPECT_EQ(AlternateStackState(stack, 0x10800), 0);
}

TEST(SignalFrameTest, ChangesAlternateStacksAsSigaltstack) {
  base::abi::StackT none{.sp = 0, .flags = base::abi::kSsDisable, .padding = 0, .size = 0};
  base::abi::StackT stack{.sp = 0x10000, .flags = 0, .padding = 7, .size = 0x1000};
  auto set = ChangeAlternateStack(none, stack, 0x5000);
  ASSERT_TRUE(set.ok());
  EXPECT_EQ(set->padding, 0u);
  EXPECT_EQ(ChangeAlternateStack(*set, none, 0x10800).error().code(), EPERM);
  stack.size = 2047;
  EXPECT_EQ(ChangeAlternateStack(none, stack, 0).error().code(), ENOMEM);
  stack.flags = 4;
  EXPECT_EQ(ChangeAlternateStack(none, stack, 0).error().code(), EINVAL);
  stack.flags = base::abi::kSsDisable;
  auto cleared = ChangeAlternateStack(none, stack, 0);
  ASSERT_TRUE(cleared.ok());
  EXPECT_EQ(cleared->sp, 0u);
  EXPECT_EQ(cleared->size, 0u);
}

TEST(SignalFrameTest, RestoresOnlyTheFlagsAGuestMaySet) {
  base::abi::Ucontext context;
  context.flags = base::abi::kUcStrictRestoreSs;
  context.mcontext.cs = 0x33;
  context.mcontext.ss = 0x2b;
  context.mcontext.rflags = ~uint64_t{0};
  platform::Registers registers{};
  registers.rflags = 0x202;
  ASSERT_TRUE(RestoreRegisters(context, &registers).ok());
  EXPECT_EQ(registers.rflags, 0x202u | 0x50dd5u);
  // IF and the reserved bit are not the guest's to clear.
  context.mcontext.rflags = 0;
  ASSERT_TRUE(RestoreRegisters(context, &registers).ok());
  EXPECT_EQ(registers.rflags, 0x202u);
}

TEST(SignalFrameTest, RefusesSelectorsAGuestCannotRunWith) {
  base::abi::Ucontext context;
  platform::Registers registers{};
  context.mcontext.cs = 0x33;
  context.mcontext.ss = 0;
  // Without the strict flag the kernel mends ss.
  EXPECT_TRUE(RestoreRegisters(context, &registers).ok());
  context.flags = base::abi::kUcStrictRestoreSs;
  EXPECT_FALSE(RestoreRegisters(context, &registers).ok());
  context.mcontext.ss = 0x2b;
  EXPECT_TRUE(RestoreRegisters(context, &registers).ok());
  // The privilege level is forced, as natively.
  context.mcontext.cs = 0x30;
  EXPECT_TRUE(RestoreRegisters(context, &registers).ok());
  for (uint16_t cs : {0x00, 0x10, 0x23, 0x2b, 0x37, 0xffff}) {
    context.mcontext.cs = cs;
    EXPECT_FALSE(RestoreRegisters(context, &registers).ok()) << cs;
    EXPECT_EQ(registers.cs, 0x33u);
    EXPECT_EQ(registers.ss, 0x2bu);
  }
}

TEST(SignalFrameTest, KnowsCanonicalAddresses) {
  EXPECT_TRUE(IsCanonical(0));
  EXPECT_TRUE(IsCanonical(0x7fffffffffff));
  EXPECT_FALSE(IsCanonical(0x800000000000));
  EXPECT_FALSE(IsCanonical(0xffff7fffffffffff));
  EXPECT_TRUE(IsCanonical(0xffff800000000000));
}

class ExtendedStateTest : public ::testing::Test {
 protected:
  void SetUp() override {
    format_ = {.frame_size = 836, .features = 0x7, .mxcsr_mask = 0xffff, .pkru_offset = 0};
    ASSERT_TRUE(MakeInitialState(format_, &image_));
    image_.data()[160] = std::byte{0x11};  // xmm0
    image_.data()[576] = std::byte{0x22};  // ymm0's upper half
    image_.data()[512] = std::byte{0x07};
  }
  size_t Size() { return FrameStateSize(format_, std::span(image_.data(), 512)); }
  base::Result<void> Restore() {
    return RestoreExtendedState(format_, std::span<const std::byte>(image_.data(), Size()), &result_);
  }
  template <typename T>
  void Put(size_t offset, T value) {
    memcpy(image_.data() + offset, &value, sizeof(value));
  }

  ExtendedStateFormat format_;
  platform::ExtendedState image_, result_;
};

TEST_F(ExtendedStateTest, TakesAWholeImage) {
  ASSERT_EQ(Size(), 836u);
  ASSERT_TRUE(Restore().ok());
  EXPECT_EQ(memcmp(result_.data(), image_.data(), 836), 0);
}

TEST_F(ExtendedStateTest, TakesTheLegacyPartWhenTheMagicIsBroken) {
  for (size_t offset : {464, 832}) {
    SetUp();
    Put<uint32_t>(offset, 0x12345678);
    ASSERT_TRUE(Restore().ok());
    EXPECT_EQ(result_.data()[160], std::byte{0x11});
    EXPECT_EQ(result_.data()[576], std::byte{0});
    EXPECT_EQ(result_.data()[512], std::byte{3});
    ASSERT_EQ(result_.size(), 836u);
  }
}

TEST_F(ExtendedStateTest, IgnoresSizesThatCannotBe) {
  for (uint32_t size : {0u, 575u, 833u, 0xffffffffu}) {
    SetUp();
    Put<uint32_t>(464 + 16, size);
    EXPECT_EQ(Size(), 512u) << size;
    ASSERT_TRUE(Restore().ok());
  }
}

TEST_F(ExtendedStateTest, RestoresOnlyTheFeaturesAskedFor) {
  Put<uint64_t>(464 + 8, 0x3);
  ASSERT_TRUE(Restore().ok());
  EXPECT_EQ(result_.data()[512], std::byte{3});
  EXPECT_EQ(result_.data()[160], std::byte{0x11});
}

TEST_F(ExtendedStateTest, RefusesWhatTheProcessorRefuses) {
  Put<uint64_t>(512, uint64_t{1} << 62);  // An unknown component.
  EXPECT_EQ(Restore().error().code(), EFAULT);
  SetUp();
  Put<uint64_t>(520, uint64_t{1} << 63);  // The compacted format.
  EXPECT_EQ(Restore().error().code(), EFAULT);
  SetUp();
  Put<uint64_t>(568, 1);  // A reserved byte.
  EXPECT_EQ(Restore().error().code(), EFAULT);
  SetUp();
  Put<uint32_t>(24, 0x10000);  // A reserved bit of MXCSR.
  EXPECT_EQ(Restore().error().code(), EFAULT);
}

}  // namespace
}  // namespace sentry

void frame_test_record() {
  using sentry::edit;
  auto* frame = reinterpret_cast<base::abi::RtSigframe*>(frame_test_entry.rsp);
  auto* state = reinterpret_cast<std::byte*>(frame->context.mcontext.fpstate);
  memcpy(&sentry::recorded, frame, sizeof(*frame));
  base::abi::FpxSoftwareBytes software;
  memcpy(&software, state + base::abi::kSoftwareBytesOffset, sizeof(software));
  sentry::recorded_state_size =
      software.magic1 == base::abi::kFpXstateMagic1 ? software.extended_size : base::abi::kFxsaveSize;
  memcpy(sentry::recorded_state, state, sentry::recorded_state_size);
  frame->context.mcontext.rip += sentry::skip_bytes;
  if (edit != nullptr) edit(frame, state);
}
