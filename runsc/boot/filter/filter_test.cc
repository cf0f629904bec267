// SPDX-License-Identifier: Apache-2.0
#include "runsc/boot/filter/filter.h"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <functional>
#include <set>

#include "base/log.h"
#include "gtest/gtest.h"
#include "platform/testing/bpf_evaluator.h"

namespace runsc {
namespace {

// Runs `body` in a child under the filter; its wait status.
int RunFiltered(const FilterTable& table, const std::function<void()>& body, Violation violation = Violation::kKill) {
  pid_t pid = fork();
  if (pid == 0) {
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    const FilterTable* const kTables[] = {&CommonFilter(), &table, &SanitizerFilter()};
    if (!InstallFilter(kTables, violation).ok()) _exit(99);
    body();
    _exit(0);
  }
  int status = 0;
  waitpid(pid, &status, 0);
  return status;
}

bool DiesOfSigsys(int status) { return WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS; }

// An instrumented build may open files to tell what it found, so these would not hold there.
class KernelFilterTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!SanitizerFilter().empty()) GTEST_SKIP() << "instrumented";
  }
};
using SentryFilterTest = KernelFilterTest;
using CommonFilterTest = KernelFilterTest;
using ViolationTest = KernelFilterTest;

struct Forbidden {
  const char* name;
  void (*call)();
};

void PrintTo(const Forbidden& forbidden, std::ostream* out) { *out << forbidden.name; }

class ForbiddenToBothTest : public KernelFilterTest, public testing::WithParamInterface<Forbidden> {};

TEST_P(ForbiddenToBothTest, KillsTheSentry) { EXPECT_TRUE(DiesOfSigsys(RunFiltered(SentryFilter(), GetParam().call))); }
TEST_P(ForbiddenToBothTest, KillsTheGofer) { EXPECT_TRUE(DiesOfSigsys(RunFiltered(GoferFilter(), GetParam().call))); }

INSTANTIATE_TEST_SUITE_P(
    Calls, ForbiddenToBothTest,
    testing::Values(Forbidden{"Execve", [] { syscall(SYS_execve, "/bin/true", nullptr, nullptr); }},
                    Forbidden{"Fork", [] { syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0); }},
                    Forbidden{"ThreadInNewNamespace", [] { syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0); }},
                    Forbidden{"InternetSocket", [] { syscall(SYS_socket, AF_INET, SOCK_STREAM, 0); }},
                    Forbidden{"UnixSocket", [] { syscall(SYS_socket, AF_UNIX, SOCK_STREAM, 0); }},
                    Forbidden{"Connect", [] { syscall(SYS_connect, 0, 0, 0); }},
                    Forbidden{"Mount", [] { syscall(SYS_mount, 0, "/", 0, 0, 0); }},
                    Forbidden{"Setns", [] { syscall(SYS_setns, 0, 0); }},
                    Forbidden{"UnshareUser", [] { syscall(SYS_unshare, CLONE_NEWUSER); }},
                    Forbidden{"Bpf", [] { syscall(SYS_bpf, 0, 0, 0); }},
                    Forbidden{"IoUring", [] { syscall(SYS_io_uring_setup, 1, 0); }},
                    Forbidden{"Keyctl", [] { syscall(SYS_keyctl, 0, 0, 0, 0, 0); }},
                    Forbidden{"Userfaultfd", [] { syscall(SYS_userfaultfd, 0); }},
                    Forbidden{"OpenByHandle", [] { syscall(SYS_open_by_handle_at, 0, 0, 0); }},
                    Forbidden{"PidfdGetfd", [] { syscall(SYS_pidfd_getfd, 0, 0, 0); }},
                    Forbidden{"X32Call", [] { syscall(0x40000000 | SYS_getpid); }},
                    Forbidden{"ExecutableMapping", [] { syscall(SYS_mmap, 0, 4096, 7, 0x22, -1, 0); }}),
    [](const testing::TestParamInfo<Forbidden>& info) { return std::string(info.param.name); });

TEST_F(SentryFilterTest, OpensNothingByPath) {
  EXPECT_TRUE(DiesOfSigsys(RunFiltered(SentryFilter(), [] { syscall(SYS_openat, AT_FDCWD, "/dev/null", O_RDONLY); })));
  EXPECT_TRUE(DiesOfSigsys(RunFiltered(SentryFilter(), [] { syscall(SYS_open, "/dev/null", O_RDONLY); })));
  EXPECT_TRUE(DiesOfSigsys(RunFiltered(SentryFilter(), [] { syscall(SYS_openat, 3, "x", O_RDWR | O_CREAT, 0600); })));
}

TEST_F(SentryFilterTest, IsToldThatWhatMallocLooksForIsNotThere) {
  int status = RunFiltered(SentryFilter(), [] {
    if (open("/proc/self/status", O_RDONLY | O_CLOEXEC) != -1 || errno != ENOENT) _exit(1);
  });
  EXPECT_EQ(status, 0);
}

TEST_F(SentryFilterTest, OpensBelowADescriptor) {
  int status = RunFiltered(SentryFilter(), [] {
    if (syscall(SYS_openat, 999, "x", O_RDONLY | O_CLOEXEC) != -1 || errno != EBADF) _exit(1);
  });
  EXPECT_EQ(status, 0);
}

TEST_F(SentryFilterTest, AsksOnlyForPeersOfSockets) {
  EXPECT_TRUE(
      DiesOfSigsys(RunFiltered(SentryFilter(), [] { syscall(SYS_getsockopt, 0, SOL_SOCKET, SO_RCVBUF, 0, 0); })));
}

TEST_F(CommonFilterTest, AllowsThreads) {
  int status = RunFiltered(SentryFilter(), [] {
    pthread_t thread;
    auto body = [](void* argument) { return argument; };
    if (pthread_create(&thread, nullptr, body, nullptr) != 0) _exit(1);
    pthread_join(thread, nullptr);
  });
  EXPECT_EQ(status, 0);
}

TEST(FilterTablesTest, EveryRuleHasAReasonAndNoRuleStandsTwice) {
  for (const FilterTable* table : {&CommonFilter(), &SentryFilter(), &GoferFilter(), &GoferSocketFilter()}) {
    std::set<std::pair<int, std::vector<uint64_t>>> seen;
    for (const FilterRule& rule : *table) {
      EXPECT_STRNE(rule.reason, "") << rule.number;
      std::vector<uint64_t> checks;
      for (const ArgumentCheck& check : rule.checks) {
        checks.insert(checks.end(), {check.index, check.mask, check.value});
        EXPECT_EQ(check.value & ~check.mask, 0U) << "can never match: " << rule.number;
      }
      EXPECT_TRUE(seen.emplace(rule.number, checks).second) << "twice: " << rule.number;
    }
  }
}

// The programs, run by an evaluator: calls that would do harm, or wait, if they were made.
class FilterProgramTest : public testing::Test {
 protected:
  static std::vector<sock_filter> Compile(std::vector<const FilterTable*> tables) {
    StatusOr<std::vector<sock_filter>> program = CompileFilter(tables);
    EXPECT_TRUE(program.ok()) << program.status();
    return program.ok() ? *program : std::vector<sock_filter>();
  }

  static uint32_t Verdict(const std::vector<sock_filter>& program, int number, std::array<uint64_t, 6> arguments = {},
                          uint32_t arch = AUDIT_ARCH_X86_64) {
    seccomp_data data = {};
    data.nr = number;
    data.arch = arch;
    std::copy(arguments.begin(), arguments.end(), data.args);
    std::optional<uint32_t> verdict = platform::testing::EvaluateBpf(program, data);
    EXPECT_TRUE(verdict.has_value()) << "malformed: " << number;
    return verdict.value_or(0);
  }

  const std::vector<sock_filter> sentry_ = Compile({&CommonFilter(), &SentryFilter()});
  const std::vector<sock_filter> gofer_ = Compile({&CommonFilter(), &GoferFilter()});
  const std::vector<sock_filter> gofer_sockets_ = Compile({&CommonFilter(), &GoferFilter(), &GoferSocketFilter()});
};

TEST_F(FilterProgramTest, EveryNumberIsAllowedOnlyIfATableNamesIt) {
  constexpr int kNumbers = 1024;  // Above any that the kernel has.
  for (const auto& [program, table] : {std::pair{&sentry_, &SentryFilter()}, {&gofer_, &GoferFilter()}}) {
    std::set<int> named;
    for (const FilterTable* one : {&CommonFilter(), table}) {
      for (const FilterRule& rule : *one) named.insert(rule.number);
    }
    for (int number = -1; number < kNumbers; ++number) {
      if (!named.contains(number)) {
        EXPECT_EQ(Verdict(*program, number), SECCOMP_RET_KILL_PROCESS) << number;
      }
    }
  }
}

TEST_F(FilterProgramTest, EveryRuleMatchesWhatItNames) {
  for (const auto& [program, table] : {std::pair{&sentry_, &SentryFilter()},
                                       {&gofer_, &GoferFilter()},
                                       {&gofer_sockets_, &GoferSocketFilter()},
                                       {&sentry_, &CommonFilter()},
                                       {&gofer_, &CommonFilter()}}) {
    for (const FilterRule& rule : *table) {
      std::array<uint64_t, 6> arguments = {};
      for (const ArgumentCheck& check : rule.checks) arguments[check.index] |= check.value;
      uint32_t wanted = rule.error == 0 ? SECCOMP_RET_ALLOW : SECCOMP_RET_ERRNO | static_cast<uint32_t>(rule.error);
      EXPECT_EQ(Verdict(*program, rule.number, arguments), wanted) << rule.number << ": " << rule.reason;
      // Not as another architecture's call.
      EXPECT_EQ(Verdict(*program, rule.number, arguments, AUDIT_ARCH_I386), SECCOMP_RET_KILL_PROCESS);
      EXPECT_EQ(Verdict(*program, rule.number | 0x40000000, arguments), SECCOMP_RET_KILL_PROCESS);
    }
  }
}

TEST_F(FilterProgramTest, ArgumentsBesideTheRulesAreForbidden) {
  struct Call {
    int number;
    std::array<uint64_t, 6> arguments;
  };
  const Call kForbidden[] = {
      {SYS_mmap, {0, 4096, 4, 0x22}},
      {SYS_mmap, {0, 4096, 7, 0x22}},
      {SYS_mprotect, {0, 4096, 5}},
      {SYS_mprotect, {0, 4096, 3 | 0x01000000}},  // PROT_GROWSDOWN
      {SYS_clone, {SIGCHLD}},
      {SYS_clone, {CLONE_NEWUSER}},
      {SYS_clone, {0x3d0f00 | CLONE_NEWNS}},
      {SYS_prctl, {PR_SET_DUMPABLE, 1}},
      {SYS_prctl, {PR_SET_MM, 1}},
      {SYS_prctl, {PR_SET_SECCOMP, 2}},
      {SYS_fcntl, {3, F_SETOWN, 1}},
      {SYS_fcntl, {3, F_SETLK}},
  };
  for (const Call& call : kForbidden) {
    EXPECT_EQ(Verdict(sentry_, call.number, call.arguments), SECCOMP_RET_KILL_PROCESS) << call.number;
    EXPECT_EQ(Verdict(gofer_, call.number, call.arguments), SECCOMP_RET_KILL_PROCESS) << call.number;
  }
  const uint64_t kHere = static_cast<uint32_t>(AT_FDCWD);
  const Call kForbiddenToSentry[] = {
      {SYS_openat, {kHere, 0, O_RDONLY}},
      {SYS_openat, {~uint64_t{0} - 99, 0, O_RDONLY}},
      {SYS_openat, {3, 0, O_WRONLY | O_CREAT}},
      {SYS_openat, {3, 0, O_RDWR | O_TRUNC}},
      {SYS_newfstatat, {kHere, 0, 0, 0}},
      {SYS_newfstatat, {3, 0, 0, 0}},
      {SYS_statx, {kHere, 0, 0}},
      {SYS_ioctl, {0, TIOCSTI}},
      {SYS_ioctl, {0, TIOCSCTTY, 1}},
      {SYS_ioctl, {0, 0x40082104}},  // SECCOMP_IOCTL_NOTIF_SET_FLAGS
      {SYS_prlimit64, {0, RLIMIT_NOFILE, 0x1000}},
      {SYS_getsockopt, {3, SOL_SOCKET, SO_SNDBUF}},
      {SYS_unshare, {CLONE_FS}},
  };
  for (const Call& call : kForbiddenToSentry) {
    EXPECT_EQ(Verdict(sentry_, call.number, call.arguments), SECCOMP_RET_KILL_PROCESS) << call.number;
  }
  const Call kForbiddenToGofer[] = {
      {SYS_openat2, {kHere}},
      {SYS_unlinkat, {kHere}},
      {SYS_mkdirat, {kHere}},
      {SYS_unshare, {CLONE_NEWNS}},
      {SYS_unshare, {CLONE_FS | CLONE_NEWUSER}},
      {SYS_socketpair, {AF_INET}},
      {SYS_prlimit64, {0, RLIMIT_CORE}},
      {SYS_kill, {1, SIGKILL}},
      {SYS_socket, {AF_UNIX}},
      {SYS_connect, {3}},
  };
  for (const Call& call : kForbiddenToGofer) {
    EXPECT_EQ(Verdict(gofer_, call.number, call.arguments), SECCOMP_RET_KILL_PROCESS) << call.number;
  }
  EXPECT_EQ(Verdict(gofer_sockets_, SYS_socket, {AF_INET}), SECCOMP_RET_KILL_PROCESS);
  EXPECT_EQ(Verdict(gofer_sockets_, SYS_socket, {AF_PACKET}), SECCOMP_RET_KILL_PROCESS);
}

TEST_F(FilterProgramTest, HotCallsAreDecidedWithinFewInstructions) {
  // What precedes: the architecture, the x32 bit, the number.
  constexpr size_t kFew = 8;
  size_t first = 0;
  while (first < sentry_.size() &&
         !(sentry_[first].code == (BPF_JMP | BPF_JEQ | BPF_K) && sentry_[first].k == SYS_ioctl))
    ++first;
  EXPECT_LT(first, kFew);
}

TEST_F(FilterProgramTest, FitTheKernelsLimit) {
  EXPECT_LT(sentry_.size(), size_t{BPF_MAXINSNS});
  EXPECT_LT(gofer_sockets_.size(), size_t{BPF_MAXINSNS});
}

TEST_F(ViolationTest, ReportNamesTheCallAndEndsTheProcess) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  int status = RunFiltered(
      SentryFilter(),
      [&] {
        base::SetLog(ends[1], base::LogLevel::kError);
        syscall(SYS_socket, AF_INET, SOCK_STREAM, 7);
      },
      Violation::kReport);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 128 + SIGSYS) << status;
  close(ends[1]);
  std::string text(1024, '\0');
  ssize_t got = read(ends[0], text.data(), text.size());
  close(ends[0]);
  ASSERT_GT(got, 0);
  EXPECT_NE(text.find("number 41, arguments 0x2 0x1 0x7"), std::string::npos) << text;
}

TEST_F(ViolationTest, ThreadsThatAreThereAlreadyAreUnderTheFilterToo) {
  pid_t pid = fork();
  if (pid == 0) {
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    int ends[2];
    if (pipe(ends) != 0) _exit(1);
    pthread_t thread;
    auto body = [](void* end) -> void* {
      char byte;
      if (read(*static_cast<int*>(end), &byte, 1) == 1) syscall(SYS_socket, AF_INET, SOCK_STREAM, 0);
      return nullptr;
    };
    if (pthread_create(&thread, nullptr, body, &ends[0]) != 0) _exit(2);
    const FilterTable* const kTables[] = {&CommonFilter(), &SentryFilter(), &SanitizerFilter()};
    if (!InstallFilter(kTables, Violation::kKill).ok()) _exit(3);
    if (write(ends[1], "x", 1) != 1) _exit(4);
    pthread_join(thread, nullptr);
    _exit(0);
  }
  int status = 0;
  waitpid(pid, &status, 0);
  EXPECT_TRUE(DiesOfSigsys(status)) << status;
}

}  // namespace
}  // namespace runsc
