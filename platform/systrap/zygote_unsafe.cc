// SPDX-License-Identifier: Apache-2.0
#include "platform/systrap/zygote.h"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <vector>

#include "base/log.h"
#include "base/unique_fd.h"
#include "platform/confine.h"
#include "platform/syscall_unsafe.h"
#include "platform/systrap/stub_image.h"
#include "platform/systrap/stub_layout.h"

#ifndef SYS_mseal
#define SYS_mseal 462
#endif

namespace platform::systrap {

namespace {

constexpr int kSyncDescriptor = 0;
constexpr int kListenerDescriptor = 3;  // The lowest that is free when the filter is installed.
constexpr int kMoveAway = 64;           // Above all descriptors with fixed numbers.
constexpr size_t kStackSize = 256 << 10;
constexpr int kStartTimeoutMs = 10000;
constexpr uint64_t kAddressSpaceEnd = 0x7ffffffff000;

// What the child needs; on the heap, as the stub region may lie where the stack is.
struct Birth {
  ZygoteOptions options;
  int sync;
  int command_file;
  int slot_file;
  uint64_t command_offset;
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
  // Shared mappings: no write through /proc/pid/mem can change them.
  Step(sync, "mapping the code",
       RawSyscall(SYS_mmap, STUB_CODE, STUB_IMAGE_SIZE, PROT_READ | PROT_EXEC, MAP_SHARED | MAP_FIXED, options.image,
                  0));
  Step(sync, "mapping the command page",
       RawSyscall(SYS_mmap, STUB_COMMAND, sizeof(CommandPage), PROT_READ, MAP_SHARED | MAP_FIXED, birth.command_file,
                  birth.command_offset));
  RawSyscall(SYS_mseal, STUB_CODE, STUB_IMAGE_SIZE, 0);  // Since 6.10; the filter guards it too.
  constexpr int kHandled[] = {SIGSYS, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, STUB_KICK_SIGNAL};
  Step(sync, "setting signals",
       SetSignals({kHandled, Labels().handler, SA_ONSTACK | SA_RESTART, Labels().restorer, false, HelperSignalMask()}));
  Step(sync, "dropping privileges", DropPrivileges());
  long away[3];
  int files[3] = {sync, birth.command_file, birth.slot_file};
  for (int i = 0; i < 3; i++) {
    away[i] = RawSyscall(SYS_fcntl, files[i], F_DUPFD_CLOEXEC, kMoveAway);
    Step(sync, "duplicating descriptors", away[i]);
  }
  constexpr int kNumbers[3] = {kSyncDescriptor, kCommandDescriptor, kSlotDescriptor};
  for (int i = 0; i < 3; i++) {
    Step(static_cast<int>(away[0]), "placing descriptors", RawSyscall(SYS_dup3, away[i], kNumbers[i], O_CLOEXEC));
  }
  Step(kSyncDescriptor, "closing descriptors", RawSyscall(SYS_close_range, kListenerDescriptor, ~0U, 0));
  __asm__ volatile("jmp *%0" ::"r"(Labels().boot));
  __builtin_unreachable();
}

// What the zygote's helper does before its first wait: gives all other memory away, takes the filter, and lets go of
// the pipe, which tells us.
uint64_t WriteFirstList(CommandPage& page, const VdsoMove& vdso) {
  Command list;
  uint64_t vdso_begin = vdso.segments.empty() ? kAddressSpaceEnd : vdso.begin();
  uint64_t vdso_end = vdso.segments.empty() ? kAddressSpaceEnd : vdso.end();
  auto unmap = [&](uint64_t begin, uint64_t end) {
    if (begin < end) list.Add(SYS_munmap, begin, end - begin);
  };
  unmap(0, STUB_CODE);
  unmap(STUB_CODE + STUB_IMAGE_SIZE, STUB_COMMAND);
  unmap(STUB_COMMAND + sizeof(CommandPage), vdso_begin);
  unmap(vdso_end, kAddressSpaceEnd);
  list.Add(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, Labels().f0);
  list.Add(SYS_close, kSyncDescriptor);
  page.cookie = 0;
  page.count = list.count;
  memcpy(static_cast<void*>(page.entries), list.entries, list.count * sizeof(Entry));
  return list.count;
}

// Receives the zygote's next wait. The process is ours alone yet.
base::Result<seccomp_notif> ReceiveWait(int listener) {
  pollfd polled{listener, POLLIN, 0};
  long ready = RawSyscall(SYS_poll, &polled, 1, kStartTimeoutMs);
  if (ready <= 0 || (polled.revents & POLLIN) == 0) return base::Errno(ETIMEDOUT);
  seccomp_notif notification{};
  long result = RawSyscall(SYS_ioctl, listener, SECCOMP_IOCTL_NOTIF_RECV, &notification);
  if (result < 0) return base::Errno(static_cast<int>(-result));
  return notification;
}

// Waits for the child's pipe end to close and fetches the listener from it.
base::Result<base::UniqueFd> FetchListener(int pid, base::UniqueFd sync) {
  Failure failure{};
  long got = RawSyscall(SYS_read, sync.get(), &failure, sizeof(failure));
  if (got == sizeof(failure)) {
    failure.step[sizeof(failure.step) - 1] = 0;
    RUNSC_ERROR("systrap: zygote: %s: %s", failure.step, base::ErrnoName(failure.error));
    return base::Errno(failure.error > 0 && failure.error < 4096 ? failure.error : EIO);
  }
  long pidfd = RawSyscall(SYS_pidfd_open, pid, 0);
  if (pidfd < 0) return base::Errno(static_cast<int>(-pidfd));
  base::UniqueFd process(static_cast<int>(pidfd));
  long listener = RawSyscall(SYS_pidfd_getfd, process.get(), kListenerDescriptor, 0);
  if (listener < 0) {
    RUNSC_ERROR("systrap: no listener from the zygote: %s", base::ErrnoName(static_cast<int>(-listener)));
    return base::Errno(ENOTSUP);
  }
  RawSyscall(SYS_fcntl, listener, F_SETFD, FD_CLOEXEC);
  return base::UniqueFd(static_cast<int>(listener));
}

// From here on only the helper protocol: checks the first list, has the zygote close its own end of the listener.
base::Result<uint64_t> FirstCommand(int listener, Stub& zygote, int pid, uint64_t entries) {
  seccomp_notif first = TRY(ReceiveWait(listener));
  if (static_cast<int>(first.pid) != pid || first.data.nr != STUB_NR_WAIT || first.data.args[1] != entries ||
      first.data.args[0] != 0) {
    RUNSC_ERROR("systrap: the zygote's step %llu gave %lld", first.data.args[1], first.data.args[0]);
    return base::Errno(EPROTO);
  }
  CommandPage& page = zygote.page();
  page.cookie = 1;
  page.count = 1;
  page.entries[0] = Entry{SYS_close, {kListenerDescriptor}, KIND_PLAIN};
  seccomp_notif_resp response{first.id, 1, 0, 0};
  long result = RawSyscall(SYS_ioctl, listener, SECCOMP_IOCTL_NOTIF_SEND, &response);
  if (result < 0) return base::Errno(static_cast<int>(-result));
  seccomp_notif second = TRY(ReceiveWait(listener));
  if (second.data.nr != STUB_NR_WAIT || second.data.args[0] != 0) return base::Errno(EPROTO);
  return second.id;
}

base::Result<void> StartZygoteProcess(Shard& shard, const ZygoteOptions& options, Stub& zygote, int* pid) {
  int pipe[2];
  long result = RawSyscall(SYS_pipe2, pipe, O_CLOEXEC);
  if (result < 0) return base::Errno(static_cast<int>(-result));
  base::UniqueFd ours(pipe[0]);
  base::UniqueFd theirs(pipe[1]);
  uint64_t entries = WriteFirstList(zygote.page(), options.vdso);
  auto birth = std::make_unique<Birth>(
      Birth{options, theirs.get(), shard.commands().fd(), shard.slots().fd(), zygote.page_offset()});
  void* stack = mmap(nullptr, kStackSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
  if (stack == MAP_FAILED) return base::Errno(ENOMEM);
  Labels();  // Made before the fork: the child may not run initialisers.
  int child = clone(BeZygote, static_cast<char*>(stack) + kStackSize, SIGCHLD, birth.get());
  int error = errno;
  munmap(stack, kStackSize);
  if (child < 0) return base::Errno(error);
  *pid = child;
  theirs.Reset();
  base::UniqueFd listener = TRY(FetchListener(child, std::move(ours)));
  uint64_t idle = TRY(FirstCommand(listener.get(), zygote, child, entries));
  shard.set_listener(TRY(Listener::Create(std::move(listener))));
  zygote.BeginIdle(idle);
  return {};
}

}  // namespace

base::Result<void> StartZygote(Shard& shard, const ZygoteOptions& options) {
  base::RefPtr<Stub> zygote = TRY(Stub::Create(shard));
  int pid = 0;
  auto started = StartZygoteProcess(shard, options, *zygote, &pid);
  if (!started.ok()) {
    if (pid != 0) {
      RawSyscall(SYS_kill, pid, SIGKILL);
      RawSyscall(SYS_wait4, pid, 0, __WALL, 0);
    }
    return started.error();
  }
  shard.listener().Bind(pid, zygote);
  shard.set_zygote(zygote, pid);
  zygote->OnPid(pid);
  return {};
}

}  // namespace platform::systrap
