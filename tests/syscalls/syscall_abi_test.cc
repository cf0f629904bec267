// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/auxv.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "tests/util/fork.h"
#include "tests/util/matchers.h"
#include "tests/util/raw_syscall.h"
#include "tests/util/signals.h"
#include "tests/util/unique_fd.h"

namespace tests {
namespace {

TEST(SyscallAbiTest, UnknownNumbersAreEnosys) {
  for (long number : {400L, 1000L, 1001L, 1023L, 5000L, 0x7fffffffL, -1L, -2L}) {
    EXPECT_THAT(RawSyscall(number, 0, 0, 0), SyscallFailsWithErrno(ENOSYS)) << number;
  }
}

TEST(SyscallAbiTest, RemovedCallsAreEnosys) {
  for (long number :
       {SYS__sysctl, SYS_uselib, SYS_create_module, SYS_get_kernel_syms, SYS_query_module, SYS_nfsservctl, SYS_getpmsg,
        SYS_putpmsg, SYS_afs_syscall, SYS_tuxcall, SYS_security, SYS_vserver, SYS_epoll_ctl_old}) {
    EXPECT_THAT(RawSyscall(number, 0, 0, 0), SyscallFailsWithErrno(ENOSYS)) << number;
  }
}

TEST(SyscallAbiTest, UpperHalfOfIntArgumentsIsIgnored) {
  Pipe pipe = MakePipe();
  const long descriptor = static_cast<long>(0x1234'5678'0000'0000) | pipe.writer.get();
  EXPECT_THAT(RawSyscall(SYS_write, descriptor, "a", 1), SyscallSucceedsWithValue(1));
  EXPECT_THAT(RawSyscall(SYS_close, 0xffff'ffffL), SyscallFailsWithErrno(EBADF));
}

TEST(SyscallAbiTest, OnlyRaxRcxAndR11Change) {
  // Static, so that no operand is addressed through the registers under test.
  static uint64_t in[12] = {11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22};
  static uint64_t out[12];
  long result;
  __asm__ volatile(
      "pushq %%rbp\n"
      "movq %[in], %%rax\n"
      "movq 0(%%rax), %%rbx; movq 8(%%rax), %%rdx; movq 16(%%rax), %%rsi; movq 24(%%rax), %%rdi\n"
      "movq 32(%%rax), %%r8; movq 40(%%rax), %%r9; movq 48(%%rax), %%r10; movq 56(%%rax), %%r12\n"
      "movq 64(%%rax), %%r13; movq 72(%%rax), %%r14; movq 80(%%rax), %%r15; movq 88(%%rax), %%rbp\n"
      "movl $39, %%eax\n"
      "syscall\n"
      "movq %%rbx, 0+%[out]; movq %%rdx, 8+%[out]; movq %%rsi, 16+%[out]; movq %%rdi, 24+%[out]\n"
      "movq %%r8, 32+%[out]; movq %%r9, 40+%[out]; movq %%r10, 48+%[out]; movq %%r12, 56+%[out]\n"
      "movq %%r13, 64+%[out]; movq %%r14, 72+%[out]; movq %%r15, 80+%[out]; movq %%rbp, 88+%[out]\n"
      "popq %%rbp"
      : "=&a"(result), [out] "=m"(*reinterpret_cast<uint64_t(*)[12]>(out))
      : [in] "r"(in), "m"(*reinterpret_cast<uint64_t(*)[12]>(in))
      : "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "memory", "cc");
  EXPECT_EQ(result, getpid());
  for (int i = 0; i < 12; ++i) EXPECT_EQ(out[i], in[i]) << "register " << i;
}

TEST(SyscallAbiTest, FlagsSurvive) {
  uint64_t flags;
  long result = SYS_getpid;
  __asm__ volatile("stc; std; syscall; pushfq; popq %[flags]; cld"
                   : "+a"(result), [flags] "=r"(flags)
                   :
                   : "rcx", "r11", "memory", "cc");
  EXPECT_EQ(flags & 0x401, 0x401u) << "carry and direction";
}

TEST(SyscallAbiTest, VectorRegistersSurviveABlockingCall) {
  Pipe pipe = MakePipe();
  std::thread writer([&] { WriteByte(pipe.writer.get()); });
  char byte;
  uint64_t found = 0;
  long result;
  __asm__ volatile("movq %[value], %%xmm9; syscall; movq %%xmm9, %[found]"
                   : "=a"(result), [found] "=r"(found)
                   : "a"(long{SYS_read}), "D"(long{pipe.reader.get()}), "S"(&byte),
                     "d"(1L), [value] "r"(0xfeedface12345678)
                   : "rcx", "r11", "xmm9", "memory");
  writer.join();
  EXPECT_EQ(result, 1);
  EXPECT_EQ(found, 0xfeedface12345678u);
}

TEST(SyscallAbiTest, SixthArgumentArrives) {
  EXPECT_THAT(RawSyscall(SYS_mmap, 0, 4096, 1, 0x22, -1, 1), SyscallFailsWithErrno(EINVAL));
}

TEST(SyscallAbiTest, ConcurrentCallsOfThreadsDoNotMix) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([] {
      Pipe pipe = MakePipe();
      const long tid = RawSyscall(SYS_gettid);
      for (long k = 0; k < 2000; ++k) {
        ASSERT_EQ(RawSyscall(SYS_gettid), tid);
        const long sent = tid * 100'000 + k;
        long received = 0;
        ASSERT_EQ(RawSyscall(SYS_write, pipe.writer.get(), &sent, sizeof(sent)), 8);
        ASSERT_EQ(RawSyscall(SYS_read, pipe.reader.get(), &received, sizeof(received)), 8);
        ASSERT_EQ(sent, received);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(AuxvTest, EntriesAProgramReliesOnAreThere) {
  EXPECT_EQ(getauxval(AT_PAGESZ), 4096u);
  EXPECT_EQ(getauxval(AT_UID), getuid());
  EXPECT_EQ(getauxval(AT_EUID), geteuid());
  EXPECT_EQ(getauxval(AT_GID), getgid());
  EXPECT_EQ(getauxval(AT_SECURE), 0u);
  EXPECT_NE(getauxval(AT_PHDR), 0u);
  EXPECT_NE(getauxval(AT_PHNUM), 0u);
  EXPECT_NE(getauxval(AT_ENTRY), 0u);
  EXPECT_NE(getauxval(AT_RANDOM), 0u);
  EXPECT_NE(getauxval(AT_SYSINFO_EHDR), 0u);
  EXPECT_EQ(getauxval(AT_CLKTCK), 100u);
  EXPECT_STREQ(reinterpret_cast<const char*>(getauxval(AT_PLATFORM)), "x86_64");
  EXPECT_NE(strlen(reinterpret_cast<const char*>(getauxval(AT_EXECFN))), 0u);
}

TEST(AuxvTest, RandomBytesAreNotZero) {
  const char* bytes = reinterpret_cast<const char*>(getauxval(AT_RANDOM));
  EXPECT_NE(std::string(bytes, 16), std::string(16, '\0'));
}

}  // namespace
}  // namespace tests
