// SPDX-License-Identifier: Apache-2.0
#include "platform/ptrace/zygote.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "base/log.h"
#include "platform/confine.h"
#include "platform/ptrace/filter.h"
#include "platform/ptrace/stub_image.h"
#include "platform/ptrace/stub_layout.h"
#include "platform/syscall_unsafe.h"

#ifndef SYS_mseal
#define SYS_mseal 462
#endif

namespace platform::ptrace {

namespace {

constexpr int kSyncDescriptor = 1;
constexpr int kMoveAway = 64;  // Above all descriptors with fixed numbers.
constexpr size_t kStackSize = 256 << 10;

// What the child needs; on the heap, as the stub region may lie where the stack is.
struct Birth {
  ZygoteOptions options;
  int sync;
  int socket;
};

// What a child that fails says before it exits.
struct Failure {
  int32_t error;
  char step[28];
};

[[noreturn]] void Fail(int sync, const char* step, long error) {
  Failure failure{};
  failure.error = static_cast<int32_t>(-error);
  strncpy(failure.step, step, sizeof(failure.step) - 1);
  RawSyscall(SYS_write, sync, &failure, sizeof(failure));
  for (;;) RawSyscall(SYS_exit_group, 1);
}

void Step(int sync, const char* step, long result) {
  if (result < 0 && result > -4096) Fail(sync, step, result);
}

// Runs in the child, on a stack of its own: the one it inherited may lie where the stub region will be.
int BeZygote(void* argument) {
  const Birth& birth = *static_cast<Birth*>(argument);
  const ZygoteOptions& options = birth.options;
  int sync = birth.sync;
  Step(sync, "detaching", Detach());
  Step(sync, "setting limits", SetLimits(options.proc, options.oom_score_adj));
  Step(sync, "isolating namespaces", IsolateNamespaces(options.require_namespaces));
  Step(sync, "unregistering", Unregister());
  Step(sync, "moving the vDSO", MoveVdso(options.vdso));
  // A shared mapping: no write through /proc/pid/mem can change it.
  Step(sync, "mapping the code",
       RawSyscall(SYS_mmap, STUB_CODE, STUB_IMAGE_SIZE, PROT_READ | PROT_EXEC, MAP_SHARED | MAP_FIXED, options.image,
                  0));
  Step(sync, "mapping the scratch pages",
       RawSyscall(SYS_mmap, STUB_SCRATCH, STUB_SCRATCH_SIZE, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
  RawSyscall(SYS_mseal, STUB_CODE, STUB_IMAGE_SIZE, 0);  // Since 6.10; the filter guards it too.
  constexpr int kHandled[] = {SIGSYS, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};
  Step(sync, "setting signals", SetSignals({kHandled, Labels().handler, SA_NODEFER, Labels().handled, true, 0}));
  Step(sync, "dropping privileges", DropPrivileges());
  long sync_away = RawSyscall(SYS_fcntl, sync, F_DUPFD_CLOEXEC, kMoveAway);
  Step(sync, "duplicating descriptors", sync_away);
  long socket_away = RawSyscall(SYS_fcntl, birth.socket, F_DUPFD_CLOEXEC, kMoveAway);
  Step(sync, "duplicating descriptors", socket_away);
  int away = static_cast<int>(sync_away);
  Step(away, "placing descriptors", RawSyscall(SYS_dup3, socket_away, kSocketDescriptor, O_CLOEXEC));
  Step(away, "placing descriptors", RawSyscall(SYS_dup3, sync_away, kSyncDescriptor, O_CLOEXEC));
  Step(kSyncDescriptor, "closing descriptors", RawSyscall(SYS_close_range, kSyncDescriptor + 1, ~0U, 0));
  RawSyscall(SYS_close, kSyncDescriptor);
  __asm__ volatile("jmp *%0" ::"r"(Labels().boot));
  __builtin_unreachable();
}

// Waits for the child's pipe end to close.
base::Result<void> AwaitZygote(base::UniqueFd sync) {
  Failure failure{};
  long got = RawSyscall(SYS_read, sync.get(), &failure, sizeof(failure));
  if (got == 0) return {};
  if (got != sizeof(failure)) return base::Errno(EIO);
  failure.step[sizeof(failure.step) - 1] = 0;
  RUNSC_ERROR("ptrace: zygote: %s: %s", failure.step, base::ErrnoName(failure.error));
  return base::Errno(failure.error > 0 && failure.error < 4096 ? failure.error : EIO);
}

}  // namespace

base::Result<Zygote> StartZygote(const ZygoteOptions& options) {
  int pipe[2];
  long result = RawSyscall(SYS_pipe2, pipe, O_CLOEXEC);
  if (result < 0) return base::Errno(static_cast<int>(-result));
  base::UniqueFd ours(pipe[0]);
  base::UniqueFd theirs(pipe[1]);
  int sockets[2];
  result = RawSyscall(SYS_socketpair, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets);
  if (result < 0) return base::Errno(static_cast<int>(-result));
  Zygote zygote;
  zygote.socket.Reset(sockets[0]);
  base::UniqueFd their_socket(sockets[1]);
  auto birth = std::make_unique<Birth>(Birth{options, theirs.get(), their_socket.get()});
  void* stack = mmap(nullptr, kStackSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
  if (stack == MAP_FAILED) return base::Errno(ENOMEM);
  Labels();  // Made before the fork: the child may not run initialisers.
  zygote.pid = clone(BeZygote, static_cast<char*>(stack) + kStackSize, SIGCHLD, birth.get());
  int error = errno;
  munmap(stack, kStackSize);
  if (zygote.pid < 0) return base::Errno(error);
  theirs.Reset();
  auto ready = AwaitZygote(std::move(ours));
  if (!ready.ok()) {
    RawSyscall(SYS_kill, zygote.pid, SIGKILL);
    RawSyscall(SYS_wait4, zygote.pid, 0, __WALL, 0);
    return ready.error();
  }
  return zygote;
}

}  // namespace platform::ptrace
