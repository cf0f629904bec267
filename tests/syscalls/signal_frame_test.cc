// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <immintrin.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/auxv.h>
#include <ucontext.h>
#include <unistd.h>

#include <atomic>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <thread>

#include "tests/util/fork.h"
#include "tests/util/mapping.h"
#include "tests/util/matchers.h"
#include "tests/util/raw_syscall.h"
#include "tests/util/signals.h"

namespace tests {
namespace {

// <linux/signal.h> has it but does not go together with <signal.h>.
constexpr int kAutodisarm = static_cast<int>(1u << 31);
constexpr size_t kStackSize = 64 * 1024;

// An alternate stack for the calling thread while it lives.
class ScopedAltStack {
 public:
  explicit ScopedAltStack(int flags = 0) : memory_(Mapping::Anonymous(kStackSize)) {
    stack_t stack = {};
    stack.ss_sp = memory_.get();
    stack.ss_size = kStackSize;
    stack.ss_flags = flags;
    EXPECT_THAT(sigaltstack(&stack, &old_), SyscallSucceeds());
  }
  ~ScopedAltStack() { sigaltstack(&old_, nullptr); }
  bool Contains(const void* address) const {
    return address >= memory_.bytes() && address < memory_.bytes() + kStackSize;
  }

 private:
  Mapping memory_;
  stack_t old_ = {};
};

TEST(SigaltstackTest, HandlerWithOnstackRunsThere) {
  static const void* seen;
  static int flags_inside;
  ScopedAltStack stack;
  ScopedAction action(
      SIGUSR1,
      [](int) {
        seen = __builtin_frame_address(0);
        stack_t now = {};
        sigaltstack(nullptr, &now);
        flags_inside = now.ss_flags;
      },
      SA_ONSTACK);
  raise(SIGUSR1);
  EXPECT_TRUE(stack.Contains(seen));
  EXPECT_EQ(flags_inside, SS_ONSTACK);
  stack_t now = {};
  ASSERT_THAT(sigaltstack(nullptr, &now), SyscallSucceeds());
  EXPECT_EQ(now.ss_flags, 0);
  EXPECT_EQ(now.ss_size, kStackSize);
}

TEST(SigaltstackTest, HandlerWithoutOnstackStaysOnTheNormalStack) {
  static const void* seen;
  ScopedAltStack stack;
  ScopedAction action(SIGUSR1, [](int) { seen = __builtin_frame_address(0); });
  raise(SIGUSR1);
  EXPECT_FALSE(stack.Contains(seen));
}

TEST(SigaltstackTest, NestedHandlersShareTheStack) {
  static const void* outer;
  static const void* inner;
  ScopedAltStack stack;
  ScopedAction first(
      SIGUSR1,
      [](int) {
        outer = __builtin_frame_address(0);
        raise(SIGUSR2);
      },
      SA_ONSTACK);
  ScopedAction second(
      SIGUSR2, [](int) { inner = __builtin_frame_address(0); }, SA_ONSTACK);
  raise(SIGUSR1);
  EXPECT_TRUE(stack.Contains(outer) && stack.Contains(inner));
  EXPECT_LT(inner, outer);
}

TEST(SigaltstackTest, ChangingItWhileOnItIsEperm) {
  static int result;
  static int error;
  ScopedAltStack stack;
  ScopedAction action(
      SIGUSR1,
      [](int) {
        stack_t disable = {};
        disable.ss_flags = SS_DISABLE;
        result = sigaltstack(&disable, nullptr);
        error = errno;
      },
      SA_ONSTACK);
  raise(SIGUSR1);
  EXPECT_EQ(result, -1);
  EXPECT_EQ(error, EPERM);
}

TEST(SigaltstackTest, AutodisarmClearsItDuringTheHandler) {
  static int flags_inside;
  ScopedAltStack stack(kAutodisarm);
  ScopedAction action(
      SIGUSR1,
      [](int) {
        stack_t now = {};
        sigaltstack(nullptr, &now);
        flags_inside = now.ss_flags;
      },
      SA_ONSTACK);
  raise(SIGUSR1);
  EXPECT_EQ(flags_inside, SS_DISABLE);
  stack_t now = {};
  ASSERT_THAT(sigaltstack(nullptr, &now), SyscallSucceeds());
  EXPECT_EQ(now.ss_flags, kAutodisarm);
}

TEST(SigaltstackTest, TooSmallIsEnomemUnknownFlagEinval) {
  char memory[256];
  stack_t stack = {};
  stack.ss_sp = memory;
  stack.ss_size = sizeof(memory);
  EXPECT_THAT(sigaltstack(&stack, nullptr), SyscallFailsWithErrno(ENOMEM));
  stack.ss_size = kStackSize;
  stack.ss_flags = 0x40;
  EXPECT_THAT(sigaltstack(&stack, nullptr), SyscallFailsWithErrno(EINVAL));
  EXPECT_THAT(RawSyscall(SYS_sigaltstack, BadPointer(), nullptr), SyscallFailsWithErrno(EFAULT));
  EXPECT_THAT(RawSyscall(SYS_sigaltstack, nullptr, BadPointer()), SyscallFailsWithErrno(EFAULT));
}

TEST(SigaltstackTest, ThreadsStartWithoutOne) {
  ScopedAltStack stack;
  std::thread([] {
    stack_t now = {};
    EXPECT_THAT(sigaltstack(nullptr, &now), SyscallSucceeds());
    EXPECT_EQ(now.ss_flags, SS_DISABLE);
  }).join();
}

TEST(SignalFrameTest, SseRegistersSurviveAHandlerThatSpoilsThem) {
  ScopedAction action(SIGUSR1, [](int) {
    __asm__ volatile("pcmpeqd %%xmm0, %%xmm0; pcmpeqd %%xmm7, %%xmm7; pcmpeqd %%xmm15, %%xmm15" ::
                         : "xmm0", "xmm7", "xmm15");
  });
  const long pid = getpid();
  const long tid = gettid();
  uint64_t low = 0;
  uint64_t middle = 0;
  uint64_t high = 0;
  long result;
  __asm__ volatile(
      "movq %[a], %%xmm0; movq %[b], %%xmm7; movq %[c], %%xmm15\n"
      "syscall\n"
      "movq %%xmm0, %[low]; movq %%xmm7, %[middle]; movq %%xmm15, %[high]"
      : "=a"(result), [low] "=&r"(low), [middle] "=&r"(middle), [high] "=&r"(high)
      : "a"(long{SYS_tgkill}), "D"(pid), "S"(tid),
        "d"(long{SIGUSR1}), [a] "r"(0x1111222233334444), [b] "r"(0x5555666677778888), [c] "r"(0x123456789abcdef0)
      : "rcx", "r11", "memory", "xmm0", "xmm7", "xmm15");
  EXPECT_EQ(result, 0);
  EXPECT_EQ(low, 0x1111222233334444u);
  EXPECT_EQ(middle, 0x5555666677778888u);
  EXPECT_EQ(high, 0x123456789abcdef0u);
}

__attribute__((target("avx"))) void SpoilAvx(int) { __asm__ volatile("vxorps %%ymm3, %%ymm3, %%ymm3" ::: "xmm3"); }

__attribute__((target("avx"))) void CheckAvx() {
  alignas(32) uint64_t before[4] = {1, 2, 3, 4};
  alignas(32) uint64_t after[4] = {};
  long result;
  __asm__ volatile("vmovdqa (%[in]), %%ymm3; syscall; vmovdqa %%ymm3, (%[out])"
                   : "=a"(result)
                   : "a"(long{SYS_tgkill}), "D"(long{getpid()}), "S"(long{gettid()}),
                     "d"(long{SIGUSR1}), [in] "r"(before), [out] "r"(after)
                   : "rcx", "r11", "memory", "xmm3");
  EXPECT_EQ(result, 0);
  EXPECT_EQ(memcmp(before, after, sizeof(before)), 0);
}

TEST(SignalFrameTest, UpperHalvesOfAvxRegistersSurvive) {
  if (!__builtin_cpu_supports("avx")) GTEST_SKIP() << "this processor has no AVX";
  ScopedAction action(SIGUSR1, SpoilAvx);
  CheckAvx();
}

TEST(SignalFrameTest, RoundingModeSurvivesAndHandlersStartWithTheDefault) {
  static unsigned inside;
  ScopedAction action(SIGUSR1, [](int) {
    inside = _mm_getcsr();
    _mm_setcsr(inside | 0x6000);
  });
  const unsigned before = _mm_getcsr();
  _mm_setcsr(before | 0x2000);
  raise(SIGUSR1);
  const unsigned after = _mm_getcsr();
  _mm_setcsr(before);
  EXPECT_EQ(after & 0x6000, 0x2000u);
  EXPECT_EQ(inside, 0x1f80u);
}

TEST(SignalFrameTest, FloatingPointStaysExactUnderAsynchronousSignals) {
  static std::atomic<int> calls;
  calls = 0;
  ScopedAction action(SIGUSR1, [](int) {
    volatile double junk = 1.0;
    for (int i = 0; i < 20; ++i) junk = std::sqrt(junk + i);
    ++calls;
  });
  Pester pester(SIGUSR1);
  double expected = 0;
  for (int i = 1; i < 1000; ++i) expected += 1.0 / i;
  while (calls < 10) {
    double sum = 0;
    for (int i = 1; i < 1000; ++i) {
      sum += 1.0 / i;
      __asm__ volatile("" : "+x"(sum));
    }
    ASSERT_EQ(sum, expected);
  }
}

TEST(SignalFrameTest, RedZoneIsLeftAlone) {
  static std::atomic<int> calls;
  calls = 0;
  ScopedAction action(SIGUSR1, [](int) { ++calls; });
  Pester pester(SIGUSR1);
  uint64_t bad = 0;
  while (calls < 10) {
    uint64_t found;
    __asm__ volatile(
        "movq %%rsp, -8(%%rsp); movq $0x5a5a5a5a, -128(%%rsp)\n"
        "movl $2000, %%ecx; 1: decl %%ecx; jnz 1b\n"
        "movq -8(%%rsp), %[found]; subq %%rsp, %[found]\n"
        "movq -128(%%rsp), %%rcx; subq $0x5a5a5a5a, %%rcx; orq %%rcx, %[found]"
        : [found] "=&r"(found)
        :
        : "rcx", "memory", "cc");
    bad |= found;
  }
  EXPECT_EQ(bad, 0u);
}

TEST(SignalFrameTest, HandlerMayRewriteTheRegisters) {
  ScopedAction action(SIGUSR1, [](int, siginfo_t*, void* context) {
    greg_t* registers = static_cast<ucontext_t*>(context)->uc_mcontext.gregs;
    registers[REG_RBX] = 0x77;
    registers[REG_R15] = 0x88;
  });
  uint64_t rbx = 1;
  uint64_t r15 = 2;
  long result;
  __asm__ volatile("movq $1, %%rbx; movq $2, %%r15; syscall; movq %%rbx, %[rbx]; movq %%r15, %[r15]"
                   : "=a"(result), [rbx] "=&r"(rbx), [r15] "=&r"(r15)
                   : "a"(long{SYS_tgkill}), "D"(long{getpid()}), "S"(long{gettid()}), "d"(long{SIGUSR1})
                   : "rcx", "r11", "rbx", "r15", "memory");
  EXPECT_EQ(result, 0);
  EXPECT_EQ(rbx, 0x77u);
  EXPECT_EQ(r15, 0x88u);
}

TEST(SignalFrameTest, ContextShowsTheInterruptedRegisters) {
  static greg_t caught_r12;
  static greg_t caught_rax;
  ScopedAction action(SIGUSR1, [](int, siginfo_t*, void* context) {
    caught_r12 = static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_R12];
    caught_rax = static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_RAX];
  });
  long result;
  __asm__ volatile("movq $0x1234567890, %%r12; syscall"
                   : "=a"(result)
                   : "a"(long{SYS_tgkill}), "D"(long{getpid()}), "S"(long{gettid()}), "d"(long{SIGUSR1})
                   : "rcx", "r11", "r12", "memory");
  EXPECT_EQ(caught_r12, 0x1234567890);
  EXPECT_EQ(caught_rax, 0) << "the frame holds the result of the call that was just made";
}

TEST(SignalFrameTest, ContextHoldsTheMaskToReturnTo) {
  static bool user2;
  ScopedAction action(SIGUSR1, [](int, siginfo_t*, void* context) {
    ucontext_t* frame = static_cast<ucontext_t*>(context);
    user2 = sigismember(&frame->uc_sigmask, SIGUSR2);
    sigdelset(&frame->uc_sigmask, SIGUSR2);
  });
  ScopedMask mask(SIG_BLOCK, {SIGUSR2});
  raise(SIGUSR1);
  EXPECT_TRUE(user2);
  sigset_t now;
  ASSERT_EQ(pthread_sigmask(SIG_SETMASK, nullptr, &now), 0);
  EXPECT_FALSE(sigismember(&now, SIGUSR2)) << "the handler edited the mask in its frame";
}

TEST(SignalFrameTest, StackIsAlignedAsTheAbiSays) {
  static uintptr_t frame;
  ScopedAction action(SIGUSR1, [](int) { frame = reinterpret_cast<uintptr_t>(__builtin_frame_address(0)); });
  raise(SIGUSR1);
  EXPECT_EQ(frame % 16, 0u) << "the saved frame pointer lies 16 below the aligned stack at the call";
}

TEST(SigreturnTest, WithoutAFrameIsSigsegv) {
  EXPECT_THAT(RunInChild([] {
                __asm__ volatile("movq %0, %%rsp; movl $15, %%eax; syscall" ::"r"(0x40ull) : "memory");
                return 0;
              }),
              KilledBy(SIGSEGV));
}

TEST(SignalFrameTest, NoRoomForTheFrameIsSigsegv) {
  EXPECT_THAT(RunInChild([] {
                signal(SIGUSR1, [](int) {});
                const long pid = getpid();
                __asm__ volatile("movq $0x40, %%rsp; movl $62, %%eax; movl $10, %%esi; syscall; 1: jmp 1b" ::"D"(pid)
                                 : "rax", "rsi", "rcx", "r11", "memory");
                return 0;
              }),
              KilledBy(SIGSEGV));
}

}  // namespace
}  // namespace tests
