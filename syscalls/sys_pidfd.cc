// SPDX-License-Identifier: Apache-2.0
#include "syscalls/sys_pidfd.h"

#include <fcntl.h>
#include <signal.h>

#include "sentry/kernel.h"
#include "sentry/task/process_file.h"
#include "syscalls/process_lookup.h"
#include "syscalls/sys_kill.h"

namespace syscalls {
namespace {

constexpr uint32_t kPidfdNonblock = O_NONBLOCK;
// Which of several the signal is for; 0: the process.
constexpr uint32_t kSignalThreadGroup = 2;

// ptrace(2), "Ptrace access mode checking", PTRACE_MODE_ATTACH_REALCREDS.
bool MayTakeFiles(Task& task, Task& target) {
  if (&target.group() == &task.group()) return true;
  const vfs::Credentials& own = task.credentials();
  if (own.HasCapability(kCapSysPtrace)) return true;
  base::RefPtr<vfs::Credentials> other = target.SharedCredentials();
  bool same = own.ruid == other->euid && own.ruid == other->suid && own.ruid == other->ruid &&
              own.rgid == other->egid && own.rgid == other->sgid && own.rgid == other->rgid;
  return same && target.dumpable && (other->permitted & ~own.permitted) == 0;
}

}  // namespace

base::Result<PidfdTarget> FindPidfd(Task& task, base::Fd fd) {
  base::RefPtr<vfs::FileDescription> file = TRY(task.GetFile(fd));
  if (file->kind() != vfs::FileKind::kProcess) return base::Errno(EBADF);
  return PidfdTarget{base::RefPtr<sentry::ThreadGroup>(&static_cast<sentry::ProcessFile&>(*file).group()),
                     (file->flags() & O_NONBLOCK) != 0};
}

base::Result<base::Fd> SysPidfdOpen(Task& task, base::Pid pid, uint32_t flags) {
  if ((flags & ~kPidfdNonblock) != 0 || pid.value() <= 0) return base::Errno(EINVAL);
  base::RefPtr<sentry::ThreadGroup> group;
  {
    base::MutexLock lock(task.kernel().tree_mutex());
    group = FindProcess(task, pid);
    // A thread that is not its process's first.
    if (!group && FindThread(task, base::Tid(pid.value()))) return base::Errno(ENOENT);
  }
  if (!group) return base::Errno(ESRCH);
  return task.InstallFd(sentry::ProcessFile::Create(task, *group, static_cast<int>(flags)), /*close_on_exec=*/true);
}

base::Result<void> SysPidfdSendSignal(Task& task, base::Fd fd, int32_t signal, sentry::UserIn<base::abi::Siginfo> from,
                                      uint32_t flags) {
  if ((flags & ~kSignalThreadGroup) != 0) return base::Errno(EINVAL);
  base::RefPtr<sentry::ThreadGroup> target = TRY(FindPidfd(task, fd)).group;
  std::optional<base::abi::Siginfo> info;
  if (!from.is_null()) {
    info = TRY(from.Read(task.user_memory()));
    if (info->signo != signal) return base::Errno(EINVAL);
    if ((info->code >= 0 || info->code == SI_TKILL) && target.get() != &task.group()) return base::Errno(EPERM);
  }
  return SendToProcess(task, *target, signal, info);
}

base::Result<base::Fd> SysPidfdGetfd(Task& task, base::Fd pidfd, base::Fd target, uint32_t flags) {
  if (flags != 0) return base::Errno(EINVAL);
  base::RefPtr<sentry::ThreadGroup> group = TRY(FindPidfd(task, pidfd)).group;
  base::RefPtr<sentry::FdTable> fds;
  {
    base::MutexLock lock(task.kernel().tree_mutex());
    Task* member = group->leader != nullptr ? group->leader : group->tasks.empty() ? nullptr : group->tasks.front();
    if (member == nullptr) return base::Errno(ESRCH);
    if (!MayTakeFiles(task, *member)) return base::Errno(EPERM);
    fds = member->SharedFds();
  }
  if (!fds) return base::Errno(ESRCH);
  return task.InstallFd(TRY(fds->Get(target)), /*close_on_exec=*/true);
}

}  // namespace syscalls
