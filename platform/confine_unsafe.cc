// SPDX-License-Identifier: Apache-2.0
#include "platform/confine.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <linux/mount.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/rseq.h>
#include <sys/syscall.h>

#include <cstdint>
#include <cstdio>

#include "platform/syscall_unsafe.h"

namespace platform {

namespace {

constexpr int kLastCapability = 63;
constexpr int kLastSignal = 64;
constexpr uint64_t kRestorerFlag = 0x04000000;

struct KernelAction {
  uint64_t handler;
  uint64_t flags;
  uint64_t restorer;
  uint64_t mask;
};

int Write(int directory, const char* path, const char* text, size_t length) {
  long fd = RawSyscall(SYS_openat, directory, path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return static_cast<int>(fd);
  long written = RawSyscall(SYS_write, fd, text, length);
  RawSyscall(SYS_close, fd);
  return written < 0 ? static_cast<int>(written) : 0;
}

// An empty file system for a root.
int EmptyRoot() {
  long result = RawSyscall(SYS_mount, 0, "/", 0, MS_REC | MS_PRIVATE, 0);
  if (result < 0) return static_cast<int>(result);
  long context = RawSyscall(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC);
  if (context < 0) return static_cast<int>(context);
  result = RawSyscall(SYS_fsconfig, context, FSCONFIG_SET_STRING, "size", "4k", 0);
  if (result >= 0) result = RawSyscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, 0, 0, 0);
  long mount = result < 0 ? result
                          : RawSyscall(SYS_fsmount, context, FSMOUNT_CLOEXEC,
                                       MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
  RawSyscall(SYS_close, context);
  if (mount < 0) return static_cast<int>(mount);
  result = RawSyscall(SYS_move_mount, mount, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH);
  if (result >= 0) result = RawSyscall(SYS_fchdir, mount);
  // The old root goes on top of the new one, and away.
  if (result >= 0) result = RawSyscall(SYS_pivot_root, ".", ".");
  if (result >= 0) result = RawSyscall(SYS_umount2, ".", MNT_DETACH);
  if (result >= 0) result = RawSyscall(SYS_chdir, "/");
  RawSyscall(SYS_close, mount);
  return result < 0 ? static_cast<int>(result) : 0;
}

// Everything this kernel's Landlock can forbid, and no rule that allows anything.
void DenyByLandlock() {
  struct {
    uint64_t filesystem;
    uint64_t network;
    uint64_t scoped;
  } attributes{};
  long version = RawSyscall(SYS_landlock_create_ruleset, 0, 0, LANDLOCK_CREATE_RULESET_VERSION);
  if (version < 1) return;
  int filesystem_bits = version >= 5 ? 16 : version >= 3 ? 15 : version >= 2 ? 14 : 13;
  attributes.filesystem = (uint64_t{1} << filesystem_bits) - 1;
  size_t size = 8;
  if (version >= 4) {
    attributes.network = 3;
    size = 16;
  }
  if (version >= 6) {
    attributes.scoped = 3;
    size = 24;
  }
  long ruleset = RawSyscall(SYS_landlock_create_ruleset, &attributes, size, 0);
  if (ruleset < 0) return;
  RawSyscall(SYS_landlock_restrict_self, ruleset, 0);
  RawSyscall(SYS_close, ruleset);
}

}  // namespace

int Detach() {
  long result = RawSyscall(SYS_setsid);
  if (result < 0) return static_cast<int>(result);
  RawSyscall(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  RawSyscall(SYS_prctl, PR_SET_NAME, "runsc-stub", 0, 0, 0);
  return 0;
}

int IsolateNamespaces(bool required) {
  for (int flag : {CLONE_NEWNET, CLONE_NEWIPC, CLONE_NEWUTS}) {
    long result = RawSyscall(SYS_unshare, flag);
    if (result < 0 && required) return static_cast<int>(result);
  }
  long result = RawSyscall(SYS_unshare, CLONE_NEWNS);
  if (result >= 0) result = EmptyRoot();
  return result < 0 && required ? static_cast<int>(result) : 0;
}

int DropPrivileges() {
  for (int capability = 0; capability <= kLastCapability; capability++) {
    RawSyscall(SYS_prctl, PR_CAPBSET_DROP, capability, 0, 0, 0);
  }
  RawSyscall(SYS_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct none[2] = {};
  long result = RawSyscall(SYS_capset, &header, none);
  if (result < 0) return static_cast<int>(result);
  result = RawSyscall(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  if (result < 0) return static_cast<int>(result);
  DenyByLandlock();
  // The sentry reads and writes guest memory as the same user.
  return static_cast<int>(RawSyscall(SYS_prctl, PR_SET_DUMPABLE, 1, 0, 0, 0));
}

int SetLimits(int proc, std::optional<int> oom_score_adj) {
  // A limit of 0 does not keep a piped core pattern from running; 1 does (core(5)).
  rlimit core{1, 1};
  RawSyscall(SYS_prlimit64, 0, RLIMIT_CORE, &core, 0);
  for (int resource : {RLIMIT_AS, RLIMIT_DATA, RLIMIT_STACK, RLIMIT_NOFILE}) {
    rlimit limit{};
    if (RawSyscall(SYS_prlimit64, 0, resource, 0, &limit) < 0) continue;
    limit.rlim_cur = limit.rlim_max;
    RawSyscall(SYS_prlimit64, 0, resource, &limit, 0);
  }
  if (proc >= 0) {
    Write(proc, "self/coredump_filter", "0", 1);
    if (oom_score_adj) {
      char text[16];
      int length = snprintf(text, sizeof(text), "%d", *oom_score_adj);
      Write(proc, "self/oom_score_adj", text, static_cast<size_t>(length));
    }
  }
  return 0;
}

int SetSignals(const StubSignals& signals) {
  long result = RawSyscall(SYS_rt_sigprocmask, SIG_SETMASK, &signals.blocked, 0, 8);
  if (result < 0) return static_cast<int>(result);
  // Of the memory an alternate stack lay in nothing will be left.
  stack_t no_stack{};
  no_stack.ss_flags = SS_DISABLE;
  RawSyscall(SYS_sigaltstack, &no_stack, 0);
  for (int signal = 1; signal <= kLastSignal; signal++) {
    KernelAction standard{};
    RawSyscall(SYS_rt_sigaction, signal, &standard, 0, 8);
  }
  KernelAction action{signals.handler, signals.flags | SA_SIGINFO | kRestorerFlag, signals.restorer,
                      signals.nested ? 0 : ~uint64_t{0}};
  for (int signal : signals.handled) {
    result = RawSyscall(SYS_rt_sigaction, signal, &action, 0, 8);
    if (result < 0) return static_cast<int>(result);
  }
  return 0;
}

int Unregister() {
  if (__rseq_size != 0) {
    char* area = static_cast<char*>(__builtin_thread_pointer()) + __rseq_offset;
    // The length must be what was registered: 32, or what a later library tells.
    long result = RawSyscall(SYS_rseq, area, 32, RSEQ_FLAG_UNREGISTER, RSEQ_SIG);
    if (result < 0) result = RawSyscall(SYS_rseq, area, __rseq_size, RSEQ_FLAG_UNREGISTER, RSEQ_SIG);
    if (result < 0) return static_cast<int>(result);
  }
  RawSyscall(SYS_set_tid_address, 0);
  RawSyscall(SYS_set_robust_list, 0, 24);
  return 0;
}

}  // namespace platform
