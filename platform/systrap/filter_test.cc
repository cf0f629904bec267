// SPDX-License-Identifier: Apache-2.0
// The stub's filters over a table of cases: in an evaluator, and in the host kernel with a listener that answers
// CONTINUE to everything, as a sentry in enemy hands would.
#include "platform/systrap/filter.h"

#include <asm/prctl.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/audit.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <set>
#include <string>
#include <vector>

#include "platform/systrap/stub_image.h"
#include "platform/systrap/stub_layout.h"
#include "platform/testing/bpf_evaluator.h"

namespace platform::systrap {
namespace {

constexpr uint32_t kAllow = SECCOMP_RET_ALLOW;
constexpr uint32_t kNotify = SECCOMP_RET_USER_NOTIF;
constexpr uint32_t kTrap = SECCOMP_RET_TRAP;

constexpr uint64_t kGuestIp = 0x400100;
constexpr uint64_t kZoneIp = STUB_CODE + 0x60;
constexpr uint64_t kZoneEnd = STUB_CODE + STUB_ZONE_SIZE;
constexpr uint64_t kStubIp = STUB_CODE + STUB_ZONE_SIZE + 0x40;
constexpr uint64_t kTop = STUB_GUEST_END;
constexpr uint64_t kAnonymous = MAP_PRIVATE | MAP_ANONYMOUS;

struct Case {
  uint64_t ip;
  int64_t number;
  uint64_t arguments[6];
  uint32_t verdict;
};

const Case kCases[] = {
    // Guest code: the harmless, the rest, what no kernel has yet.
    {kGuestIp, SYS_getppid, {}, kNotify},
    {kGuestIp, SYS_read, {~0UL, ~0UL, ~0UL}, kNotify},
    {kGuestIp, SYS_open, {}, kTrap},
    {kGuestIp, SYS_openat, {}, kTrap},
    {kGuestIp, SYS_socket, {}, kTrap},
    {kGuestIp, SYS_execve, {}, kTrap},
    {kGuestIp, SYS_clone, {ThreadCloneFlags()}, kTrap},
    {kGuestIp, SYS_rt_sigreturn, {}, kTrap},
    {kGuestIp, SYS_ioctl, {}, kTrap},
    {kGuestIp, SYS_prctl, {PR_SET_NAME, STUB_COMMAND + COMMAND_NAME}, kTrap},
    {kGuestIp, SYS_seccomp, {SECCOMP_SET_MODE_FILTER, 0, STUB_FILTERS}, kTrap},
    {kGuestIp, 425, {}, kTrap},
    {kGuestIp, 479, {}, kTrap},
    {kGuestIp, 480, {}, kTrap},
    {kGuestIp, 999, {}, kTrap},
    {kGuestIp, -1, {}, kTrap},
    {kGuestIp, 0x40000000, {}, kTrap},
    {kGuestIp, 0x40000000 | SYS_read, {}, kTrap},
    // Pseudo numbers.
    {kGuestIp, STUB_NR_FIRST - 1, {}, kTrap},
    {kGuestIp, STUB_NR_FIRST, {}, kNotify},
    {kGuestIp, STUB_NR_LAST, {}, kNotify},
    {kGuestIp, STUB_NR_LAST + 1, {}, kTrap},
    // Guest memory calls cannot reach the region, whatever they add up to.
    {kGuestIp, SYS_munmap, {0x600000, 4096}, kNotify},
    {kGuestIp, SYS_munmap, {kTop - (1UL << 32) - 4096, 4096}, kNotify},
    {kGuestIp, SYS_munmap, {kTop, 4096}, kTrap},
    {kGuestIp, SYS_munmap, {STUB_CODE, 4096}, kTrap},
    {kGuestIp, SYS_munmap, {STUB_CODE - 4096, 8192}, kTrap},
    {kGuestIp, SYS_munmap, {0, ~0UL}, kTrap},
    {kGuestIp, SYS_munmap, {0x600000, ~0xfffUL}, kTrap},
    {kGuestIp, SYS_munmap, {~0xfffUL, 0x600000}, kTrap},
    {kGuestIp, SYS_munmap, {0x700000000000, 0x700000000000}, kTrap},
    {kGuestIp, SYS_munmap, {0x3fff00000000, 0x400000000000}, kTrap},
    {kGuestIp, SYS_munmap, {1UL << 63, 4096}, kTrap},
    {kGuestIp, SYS_mprotect, {0x600000, 4096, PROT_READ | PROT_WRITE | PROT_EXEC}, kNotify},
    {kGuestIp, SYS_mprotect, {0x600000, 4096, PROT_GROWSDOWN}, kTrap},
    {kGuestIp, SYS_mprotect, {0x600000, 4096, 1UL << 32}, kTrap},
    {kGuestIp, SYS_mprotect, {STUB_CODE, 4096, PROT_READ | PROT_WRITE}, kTrap},
    {kGuestIp, SYS_madvise, {0x600000, 4096, MADV_DONTNEED}, kNotify},
    {kGuestIp, SYS_madvise, {0x600000, 4096, MADV_REMOVE}, kTrap},
    {kGuestIp, SYS_madvise, {0x600000, 4096, MADV_DOFORK}, kTrap},
    {kGuestIp, SYS_madvise, {0x600000, 4096, MADV_DONTNEED + 32}, kTrap},
    {kGuestIp, SYS_madvise, {STUB_SLOTS, 4096, MADV_DONTNEED}, kTrap},
    {kGuestIp, SYS_mmap, {0x600000, 4096, PROT_READ, kAnonymous | MAP_FIXED, ~0UL, 0}, kNotify},
    {kGuestIp, SYS_mmap, {0x600000, 4096, PROT_READ, kAnonymous | MAP_FIXED | MAP_NORESERVE, 7, 0}, kNotify},
    {kGuestIp, SYS_mmap, {0, 4096, PROT_READ, kAnonymous | MAP_STACK, ~0UL, 0}, kNotify},
    {kGuestIp, SYS_mmap, {0x600000, 4096, PROT_READ, MAP_PRIVATE | MAP_FIXED, 7, 0}, kTrap},
    {kGuestIp, SYS_mmap, {0x600000, 4096, PROT_READ, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, 7, 0}, kTrap},
    {kGuestIp, SYS_mmap, {0x600000, 4096, PROT_READ, kAnonymous | MAP_FIXED | MAP_GROWSDOWN, 7, 0}, kTrap},
    {kGuestIp, SYS_mmap, {0x600000, 4096, PROT_READ, kAnonymous | MAP_FIXED | MAP_HUGETLB, 7, 0}, kTrap},
    {kGuestIp, SYS_mmap, {STUB_COMMAND, 4096, PROT_READ, kAnonymous | MAP_FIXED, 7, 0}, kTrap},
    {kGuestIp, SYS_mremap, {0x600000, 4096, 4096, MREMAP_MAYMOVE}, kTrap},
    {kGuestIp, SYS_arch_prctl, {ARCH_SET_FS, 1}, kNotify},
    {kGuestIp, SYS_arch_prctl, {ARCH_SET_GS, 1}, kTrap},
    {kGuestIp, SYS_arch_prctl, {ARCH_GET_FS, 1}, kTrap},
    {kGuestIp, SYS_arch_prctl, {ARCH_SET_FS | 1UL << 32, 1}, kTrap},
    // The same high half without being in the code page.
    {STUB_SLOTS + 100, SYS_rt_sigreturn, {}, kTrap},
    {STUB_SLOTS + 100, SYS_munmap, {STUB_CODE, 4096}, kTrap},
    // Stub code outside the zone.
    {kStubIp, SYS_rt_sigreturn, {}, kAllow},
    {kStubIp, SYS_futex, {STUB_SLOTS + SLOT_WORD, FUTEX_WAIT}, kAllow},
    {kStubIp, SYS_futex, {STUB_SLOTS + SLOT_WORD, FUTEX_WAKE}, kTrap},
    {kStubIp, SYS_futex, {0x600000, FUTEX_WAIT}, kTrap},
    {kStubIp, SYS_futex, {STUB_SLOTS + STUB_SLOTS_SIZE, FUTEX_WAIT}, kTrap},
    {kStubIp, STUB_NR_PARK, {}, kNotify},
    {kStubIp, SYS_exit, {}, kNotify},
    {kStubIp, SYS_clone, {ThreadCloneFlags()}, kTrap},
    {kStubIp, SYS_munmap, {STUB_CODE, 4096}, kTrap},
    // The zone.
    {kZoneIp, STUB_NR_WAIT, {}, kNotify},
    {kZoneIp, STUB_NR_PARK, {}, kTrap},
    {kZoneIp, SYS_close, {5}, kAllow},
    {kZoneIp, SYS_read, {}, kTrap},
    {kZoneIp, SYS_rt_sigreturn, {}, kTrap},
    {kZoneIp, SYS_futex, {STUB_COMMAND + COMMAND_WORD, FUTEX_WAIT}, kAllow},
    {kZoneIp, SYS_futex, {STUB_COMMAND + COMMAND_WORD, FUTEX_WAKE}, kTrap},
    {kZoneIp, SYS_futex, {STUB_SLOTS + SLOT_WORD, FUTEX_WAIT}, kTrap},
    {kZoneIp, SYS_mmap, {0x600000, 4096, PROT_READ, MAP_SHARED | MAP_FIXED, 9, 0}, kAllow},
    {kZoneIp, SYS_mmap, {0x600000, 4096, PROT_READ, MAP_SHARED, 9, 0}, kTrap},
    {kZoneIp, SYS_mmap, {0x600000, 4096, PROT_READ, MAP_SHARED | MAP_FIXED | MAP_LOCKED, 9, 0}, kTrap},
    {kZoneIp, SYS_mmap, {0x600000, 4096, 8, MAP_SHARED | MAP_FIXED, 9, 0}, kTrap},
    {kZoneIp, SYS_mmap, {0x600000, STUB_CODE, PROT_READ, MAP_SHARED | MAP_FIXED, 9, 0}, kTrap},
    {kZoneIp, SYS_mmap, {STUB_COMMAND, 4096, PROT_READ, MAP_SHARED | MAP_FIXED, 1, 0}, kAllow},
    {kZoneIp, SYS_mmap, {STUB_COMMAND, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, 1, 0}, kTrap},
    {kZoneIp, SYS_mmap, {STUB_COMMAND, 8192, PROT_READ, MAP_SHARED | MAP_FIXED, 1, 0}, kTrap},
    {kZoneIp, SYS_mmap, {STUB_CODE, 4096, PROT_READ, MAP_SHARED | MAP_FIXED, 1, 0}, kTrap},
    {kZoneIp, SYS_mmap, {STUB_SLOTS, 1 << 19, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, 2, 0}, kAllow},
    {kZoneIp, SYS_mmap, {STUB_SLOTS, 1 << 19, PROT_READ | PROT_EXEC, MAP_SHARED | MAP_FIXED, 2, 0}, kTrap},
    {kZoneIp, SYS_mmap, {STUB_SLOTS, 1UL << 32, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, 2, 0}, kTrap},
    {kZoneIp, SYS_mmap, {STUB_SLOTS - 4096, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, 2, 0}, kTrap},
    {kZoneIp, SYS_madvise, {STUB_SLOTS, 1 << 19, MADV_DONTFORK}, kAllow},
    {kZoneIp, SYS_madvise, {STUB_SLOTS, 1 << 19, MADV_DOFORK}, kTrap},
    {kZoneIp, SYS_madvise, {0x600000, 4096, MADV_DONTNEED}, kAllow},
    {kZoneIp, SYS_madvise, {0x600000, 4096, MADV_DONTFORK}, kAllow},
    {kZoneIp, SYS_madvise, {0x600000, 4096, MADV_REMOVE}, kAllow},
    {kZoneIp, SYS_madvise, {0x600000, 4096, MADV_MERGEABLE}, kTrap},
    {kZoneIp, SYS_mremap, {0x600000, 4096, 8192, MREMAP_MAYMOVE | MREMAP_FIXED, 0x700000}, kAllow},
    {kZoneIp, SYS_mremap, {0x600000, 4096, 8192, 0, 0}, kAllow},
    {kZoneIp, SYS_mremap, {0x600000, 4096, 8192, MREMAP_MAYMOVE, 0}, kTrap},
    {kZoneIp, SYS_mremap, {0x600000, 4096, 8192, MREMAP_MAYMOVE | MREMAP_FIXED, STUB_CODE}, kTrap},
    {kZoneIp, SYS_mremap, {STUB_CODE, 4096, 8192, MREMAP_MAYMOVE | MREMAP_FIXED, 0x600000}, kTrap},
    {kZoneIp, SYS_clone, {ThreadCloneFlags()}, kAllow},
    {kZoneIp, SYS_clone, {ForkCloneFlags()}, kAllow},
    {kZoneIp, SYS_clone, {ForkCloneFlags() | CLONE_NEWUSER}, kTrap},
    {kZoneIp, SYS_clone, {ThreadCloneFlags(), 0x600000}, kTrap},
    {kZoneIp, SYS_clone, {SIGCHLD}, kTrap},
    {kZoneIp, SYS_clone3, {}, kTrap},
    {kZoneIp, SYS_seccomp, {SECCOMP_SET_MODE_FILTER, 0, STUB_FILTERS, 1234}, kNotify},
    {kZoneIp, SYS_seccomp, {SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, STUB_FILTERS}, kTrap},
    {kZoneIp, SYS_seccomp, {SECCOMP_SET_MODE_FILTER, 0, STUB_SLOTS}, kTrap},
    {kZoneIp, SYS_prctl, {PR_SET_NAME, STUB_COMMAND + COMMAND_NAME}, kAllow},
    {kZoneIp, SYS_prctl, {PR_SET_NAME, 0x600000}, kTrap},
    {kZoneIp, SYS_prctl, {PR_SET_PDEATHSIG, SIGKILL}, kAllow},
    {kZoneIp, SYS_prctl, {PR_SET_PDEATHSIG, 0}, kTrap},
    {kZoneIp, SYS_prctl, {PR_SET_DUMPABLE, 0}, kTrap},
    {kZoneIp, SYS_rt_sigprocmask, {SIG_SETMASK, 1, 0, 8}, kTrap},
    {kZoneIp, SYS_exit, {}, kTrap},
    // The edges of the zone: the pointer is behind the instruction.
    {STUB_CODE + 2, SYS_close, {}, kAllow},
    {kZoneEnd, SYS_munmap, {0x600000, 4096}, kAllow},
    {kZoneEnd + 1, SYS_munmap, {0x600000, 4096}, kNotify},
};

seccomp_data Data(const Case& c) {
  seccomp_data data{};
  data.nr = static_cast<int>(c.number);
  data.arch = AUDIT_ARCH_X86_64;
  data.instruction_pointer = c.ip;
  for (int i = 0; i < 6; i++) data.args[i] = c.arguments[i];
  return data;
}

std::string Name(const Case& c) {
  char text[128];
  snprintf(text, sizeof(text), "call %ld at %lx (%lx, %lx, %lx, %lx)", c.number, c.ip, c.arguments[0], c.arguments[1],
           c.arguments[2], c.arguments[3]);
  return text;
}

TEST(FilterTest, VerdictsInTheEvaluator) {
  std::vector<sock_filter> f0 = BuildF0(Labels().helper_mask);
  EXPECT_LE(f0.size(), static_cast<size_t>(BPF_MAXINSNS));
  for (const Case& c : kCases) EXPECT_EQ(testing::EvaluateBpf(f0, Data(c)), c.verdict) << Name(c);
  Case mask{kZoneIp, SYS_rt_sigprocmask, {SIG_SETMASK, Labels().helper_mask, 0, 8}, kAllow};
  EXPECT_EQ(testing::EvaluateBpf(f0, Data(mask)), kAllow);
}

TEST(FilterTest, OtherArchitecturesTrap) {
  std::vector<sock_filter> f0 = BuildF0(Labels().helper_mask);
  for (uint64_t ip : {kGuestIp, kZoneIp, kStubIp}) {
    for (int number : {0, 1, 11, 119, 173, 0x20000001}) {
      seccomp_data data = Data(Case{ip, number, {}, kTrap});
      data.arch = AUDIT_ARCH_I386;
      EXPECT_EQ(testing::EvaluateBpf(f0, data), kTrap);
    }
  }
}

TEST(FilterTest, EveryNumberOutsideTheTableTraps) {
  std::vector<sock_filter> f0 = BuildF0(Labels().helper_mask);
  std::set<int> harmless;
  for (const HarmlessCall& call : HarmlessCalls()) harmless.insert(static_cast<int>(call.number));
  EXPECT_EQ(harmless.size(), HarmlessCalls().size());
  for (int number = 0; number < 4096; number++) {
    uint32_t verdict = harmless.contains(number) ? kNotify : kTrap;
    // Arguments no call with a check of its own accepts.
    Case c{kGuestIp, number, {~0UL, ~0UL, ~0UL, ~0UL, ~0UL, ~0UL}, verdict};
    EXPECT_EQ(testing::EvaluateBpf(f0, Data(c)), verdict) << number;
  }
}

TEST(FilterTest, GuestThreadsAreKilledInTheZone) {
  std::vector<sock_filter> f1 = BuildF1();
  for (const Case& c : kCases) {
    uint32_t verdict = c.ip > STUB_CODE && c.ip <= kZoneEnd ? SECCOMP_RET_KILL_PROCESS : kAllow;
    EXPECT_EQ(testing::EvaluateBpf(f1, Data(c)), verdict) << Name(c);
  }
}

// ---- In the host kernel.

// Shared between the test and the process under the filter.
struct Shared {
  std::atomic<int> listener;
  std::atomic<int> trapped;  // By the present call.
  std::atomic<int> done;
  std::atomic<int> wrong;  // Number of the first call with another outcome than expected, plus one.
};
Shared* shared = nullptr;

void OnTrap(int, siginfo_t*, void*) { shared->trapped.store(1); }

// Calls that end the caller or wait for ever; their verdicts are in the evaluator's tests.
bool Skipped(int number) {
  // uretprobe and uprobe: the host passes them by every filter, and answers SIGILL or ENXIO outside its own
  // trampolines.
  if (number == 335 || number == 336) return true;
  for (int skipped :
       {SYS_exit, SYS_exit_group, SYS_pause, SYS_rt_sigsuspend, SYS_select, SYS_pselect6, SYS_poll, SYS_ppoll,
        SYS_rt_sigreturn, SYS_rt_sigtimedwait, SYS_rt_sigprocmask, SYS_rt_sigaction, SYS_read, SYS_write, SYS_close}) {
    if (number == skipped) return true;
  }
  return false;
}

// Under the filter: makes every call there is, and some there are not, with harmless arguments.
[[noreturn]] void TryEverything() {
  struct sigaction action {};
  action.sa_sigaction = OnTrap;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGSYS, &action, nullptr);
  std::set<int> harmless;
  for (const HarmlessCall& call : HarmlessCalls()) harmless.insert(static_cast<int>(call.number));
  bool notified[600];
  for (int number = 0; number < 600; number++) notified[number] = harmless.contains(number);
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  std::vector<sock_filter> f0 = BuildF0(Labels().helper_mask);
  // The handler must be able to return: an rt_sigreturn outside the stub page traps.
  std::vector<sock_filter> with_return = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_rt_sigreturn, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, kAllow),
  };
  with_return.insert(with_return.end(), f0.begin(), f0.end());
  sock_fprog program{static_cast<unsigned short>(with_return.size()), with_return.data()};
  shared->listener =
      static_cast<int>(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program));
  for (int number = 0; number < 600; number++) {
    if (Skipped(number)) continue;
    shared->trapped.store(0);
    syscall(number, ~0UL, ~0UL, ~0UL, ~0UL, ~0UL, ~0UL);
    if (shared->trapped.load() == (notified[number] ? 1 : 0)) shared->wrong.store(number + 1);
  }
  shared->done.store(1);
  for (;;) syscall(SYS_exit_group, 0);
}

TEST(FilterTest, ContinueToEverythingGivesOnlyHarmlessCalls) {
  shared = static_cast<Shared*>(mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  shared->listener = -1;
  int child = fork();
  if (child == 0) TryEverything();
  while (shared->listener == -1) usleep(100);
  int process = static_cast<int>(syscall(SYS_pidfd_open, child, 0));
  int listener = static_cast<int>(syscall(SYS_pidfd_getfd, process, shared->listener.load(), 0));
  ASSERT_GE(listener, 0);
  int notified = 0;
  for (;;) {
    pollfd polled{listener, POLLIN, 0};
    if (poll(&polled, 1, 20000) <= 0) break;
    if ((polled.revents & POLLIN) == 0) break;
    seccomp_notif notification{};
    if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &notification) != 0) continue;
    notified++;
    seccomp_notif_resp response{notification.id, 0, 0, SECCOMP_USER_NOTIF_FLAG_CONTINUE};
    ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(shared->done, 1);
  EXPECT_EQ(shared->wrong, 0) << "call " << shared->wrong - 1;
  EXPECT_GT(notified, 30);
  close(listener);
  close(process);
  munmap(shared, 4096);
}

}  // namespace
}  // namespace platform::systrap
