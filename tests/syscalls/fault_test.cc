// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <gtest/gtest.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include <cstdint>

#include "tests/util/fork.h"
#include "tests/util/mapping.h"
#include "tests/util/matchers.h"
#include "tests/util/raw_syscall.h"
#include "tests/util/signals.h"
#include "tests/util/temp_path.h"
#include "tests/util/unique_fd.h"

namespace tests {
namespace {

sigjmp_buf g_escape;
siginfo_t g_info;
greg_t g_trap_number;
greg_t g_error_code;

void Escape(int, siginfo_t* info, void* context) {
  g_info = *info;
  g_trap_number = static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_TRAPNO];
  g_error_code = static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_ERR];
  siglongjmp(g_escape, 1);
}

// Runs `body`, which must raise `signal`; g_info tells how.
template <typename Body>
bool Faults(int signal, Body body) {
  ScopedAction action(signal, Escape);
  g_info = {};
  if (sigsetjmp(g_escape, 1) == 0) {
    body();
    return false;
  }
  return true;
}

constexpr greg_t kPageFault = 14;
constexpr greg_t kErrorWrite = 2;
constexpr greg_t kErrorUser = 4;

TEST(SigsegvTest, UnmappedReadIsMaperrWithTheAddress) {
  volatile char* bad = BadPointer<volatile char>();
  ASSERT_TRUE(Faults(SIGSEGV, [&] { (void)*bad; }));
  EXPECT_EQ(g_info.si_signo, SIGSEGV);
  EXPECT_EQ(g_info.si_code, SEGV_MAPERR);
  EXPECT_EQ(g_info.si_addr, const_cast<char*>(bad));
  EXPECT_EQ(g_trap_number, kPageFault);
  EXPECT_EQ(g_error_code & (kErrorWrite | kErrorUser), kErrorUser);
}

TEST(SigsegvTest, WriteToReadOnlyIsAccerr) {
  Mapping page = Mapping::Anonymous(kPageSize, PROT_READ);
  volatile char* target = page.bytes() + 123;
  ASSERT_TRUE(Faults(SIGSEGV, [&] { *target = 1; }));
  EXPECT_EQ(g_info.si_code, SEGV_ACCERR);
  EXPECT_EQ(g_info.si_addr, const_cast<char*>(target));
  EXPECT_EQ(g_error_code & kErrorWrite, kErrorWrite);
}

TEST(SigsegvTest, ProtNoneIsAccerrForReads) {
  Mapping page = Mapping::Anonymous(kPageSize, PROT_NONE);
  volatile char* target = page.bytes();
  ASSERT_TRUE(Faults(SIGSEGV, [&] { (void)*target; }));
  EXPECT_EQ(g_info.si_code, SEGV_ACCERR);
}

TEST(SigsegvTest, UnmappedAfterMunmapIsMaperr) {
  Mapping page = Mapping::Anonymous(kPageSize);
  volatile char* target = page.bytes();
  *target = 1;
  ASSERT_THAT(munmap(page.release(), kPageSize), SyscallSucceeds());
  ASSERT_TRUE(Faults(SIGSEGV, [&] { *target = 2; }));
  EXPECT_EQ(g_info.si_code, SEGV_MAPERR);
}

TEST(SigsegvTest, ExecutingDataIsAccerrAtItsAddress) {
  Mapping page = Mapping::Anonymous(kPageSize);
  page.bytes()[0] = static_cast<char>(0xc3);
  void (*function)() = reinterpret_cast<void (*)()>(page.get());
  ASSERT_TRUE(Faults(SIGSEGV, [&] { function(); }));
  EXPECT_EQ(g_info.si_code, SEGV_ACCERR);
  EXPECT_EQ(g_info.si_addr, page.get());
}

TEST(SigsegvTest, NonCanonicalAddressIsAGeneralProtectionFault) {
  volatile uintptr_t address = 0x8000'0000'0000'0000;
  ASSERT_TRUE(Faults(SIGSEGV, [&] { (void)*reinterpret_cast<volatile char*>(address); }));
  EXPECT_EQ(g_info.si_code, SI_KERNEL);
  EXPECT_EQ(g_info.si_addr, nullptr);
}

TEST(SigsegvTest, PrivilegedInstructionIsAGeneralProtectionFault) {
  ASSERT_TRUE(Faults(SIGSEGV, [] { __asm__ volatile("hlt"); }));
  EXPECT_EQ(g_info.si_code, SI_KERNEL);
}

TEST(SigsegvTest, HandlerMayMendThePageAndTheAccessGoesOn) {
  static Mapping* mended;
  static int calls;
  Mapping page = Mapping::Anonymous(kPageSize, PROT_NONE);
  mended = &page;
  calls = 0;
  ScopedAction action(SIGSEGV, [](int) {
    ++calls;
    mprotect(mended->get(), kPageSize, PROT_READ | PROT_WRITE);
  });
  volatile char* target = page.bytes();
  *target = 7;
  EXPECT_EQ(*target, 7);
  EXPECT_EQ(calls, 1);
}

TEST(SigsegvTest, DefaultActionKills) {
  EXPECT_THAT(RunInChild([] { return *BadPointer<volatile char>(); }), KilledBy(SIGSEGV));
}

TEST(SigsegvTest, BlockedOrIgnoredFaultKillsAllTheSame) {
  EXPECT_THAT(RunInChild([] {
                ScopedAction action(SIGSEGV, [](int) { _exit(1); });
                ScopedMask mask(SIG_BLOCK, {SIGSEGV});
                return *BadPointer<volatile char>();
              }),
              KilledBy(SIGSEGV));
  EXPECT_THAT(RunInChild([] {
                signal(SIGSEGV, SIG_IGN);
                return *BadPointer<volatile char>();
              }),
              KilledBy(SIGSEGV));
}

TEST(SigsegvTest, FaultInsideItsHandlerKills) {
  EXPECT_THAT(RunInChild([] {
                ScopedAction action(SIGSEGV, [](int) { (void)*BadPointer<volatile char>(); });
                return *BadPointer<volatile char>();
              }),
              KilledBy(SIGSEGV));
}

__attribute__((noinline)) int Overflow(int depth) {
  volatile char frame[4096];
  frame[0] = static_cast<char>(depth);
  return depth == -1 ? 0 : Overflow(depth + 1) + frame[0];
}

TEST(SigsegvTest, StackOverflowIsCaughtOnTheAlternateStack) {
  EXPECT_THAT(RunInChild([] {
                Mapping memory = Mapping::Anonymous(16 * kPageSize);
                stack_t stack = {};
                stack.ss_sp = memory.get();
                stack.ss_size = memory.size();
                CHILD_CHECK(sigaltstack(&stack, nullptr) == 0);
                ScopedAction action(
                    SIGSEGV, [](int) { _exit(44); }, SA_ONSTACK);
                return Overflow(0);
              }),
              ExitedWith(44));
  EXPECT_THAT(RunInChild([] { return Overflow(0); }), KilledBy(SIGSEGV));
}

TEST(SigsegvTest, StackGrowsDownByItself) {
  EXPECT_THAT(RunInChild([] {
                volatile char* below = static_cast<volatile char*>(__builtin_frame_address(0)) - 2 * 1024 * 1024;
                *below = 5;
                return *below;
              }),
              ExitedWith(5));
}

TEST(SigfpeTest, IntegerDivisionByZeroIsIntdiv) {
  ASSERT_TRUE(Faults(SIGFPE, [] {
    int zero = 0;
    int result = 1;
    __asm__ volatile("cltd; idivl %1" : "+a"(result) : "r"(zero) : "edx");
  }));
  EXPECT_EQ(g_info.si_code, FPE_INTDIV);
  EXPECT_NE(g_info.si_addr, nullptr);
}

TEST(SigillTest, UndefinedInstructionIsIllopn) {
  ASSERT_TRUE(Faults(SIGILL, [] { __asm__ volatile("ud2"); }));
  EXPECT_EQ(g_info.si_code, ILL_ILLOPN);
  EXPECT_NE(g_info.si_addr, nullptr);
}

TEST(SigtrapTest, BreakpointReportsAndResumesBehindIt) {
  static int calls;
  static greg_t trap;
  calls = 0;
  ScopedAction action(SIGTRAP, [](int, siginfo_t*, void* context) {
    ++calls;
    trap = static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_TRAPNO];
  });
  __asm__ volatile("int3");
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(trap, 3);
}

TEST(SigbusTest, BeyondTheEndOfAMappedFileIsAdrerr) {
  TempPath file = TempPath::File("short");
  UniqueFd fd = Open(file.path(), O_RDWR);
  Mapping pages = Mapping::Create(nullptr, 2 * kPageSize, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
  EXPECT_EQ(pages.bytes()[0], 's');
  EXPECT_EQ(pages.bytes()[4095], 0);
  volatile char* beyond = pages.bytes() + kPageSize + 10;
  ASSERT_TRUE(Faults(SIGBUS, [&] { (void)*beyond; }));
  EXPECT_EQ(g_info.si_code, BUS_ADRERR);
  EXPECT_EQ(g_info.si_addr, const_cast<char*>(beyond));
}

TEST(SigbusTest, PrivateMappingBeyondTheEndFaultsToo) {
  TempPath file = TempPath::File("short");
  UniqueFd fd = Open(file.path(), O_RDONLY);
  Mapping pages = Mapping::Create(nullptr, 2 * kPageSize, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd.get(), 0);
  volatile char* beyond = pages.bytes() + kPageSize;
  EXPECT_TRUE(Faults(SIGBUS, [&] { *beyond = 1; }));
}

TEST(SigbusTest, SystemCallOnSuchAPageIsEfault) {
  TempPath file = TempPath::File("short");
  UniqueFd fd = Open(file.path(), O_RDONLY);
  Mapping pages = Mapping::Create(nullptr, 2 * kPageSize, PROT_READ, MAP_SHARED, fd.get(), 0);
  Pipe pipe = MakePipe();
  EXPECT_THAT(RawSyscall(SYS_write, pipe.writer.get(), pages.bytes() + kPageSize, 1), SyscallFailsWithErrno(EFAULT));
}

}  // namespace
}  // namespace tests
