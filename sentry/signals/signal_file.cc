// SPDX-License-Identifier: Apache-2.0
#include "sentry/signals/signal_file.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>

#include <cinttypes>
#include <cstdio>
#include <utility>

#include "sentry/kernel.h"
#include "sentry/task/task.h"
#include "sentry/task/thread_group.h"
#include "vfs/pseudo/anonymous.h"

namespace sentry {
namespace {

constexpr base::abi::SignalSet kNeverRead = base::abi::SignalSet{1} << (SIGKILL - 1) | base::abi::SignalSet{1}
                                                                                           << (SIGSTOP - 1);

// Which part of siginfo's union is meant follows from signal and code (signalfd(2), sigaction(2)).
signalfd_siginfo Describe(const base::abi::Siginfo& info) {
  signalfd_siginfo out{};
  out.ssi_signo = static_cast<uint32_t>(info.signo);
  out.ssi_errno = info.error;
  out.ssi_code = info.code;
  auto from_sender = [&] {
    out.ssi_pid = static_cast<uint32_t>(info.kill.pid);
    out.ssi_uid = info.kill.uid;
  };
  auto with_value = [&](uint64_t value) {
    out.ssi_ptr = value;
    out.ssi_int = static_cast<int32_t>(value);
  };
  if (info.code == SI_TIMER) {
    out.ssi_tid = static_cast<uint32_t>(info.timer.timer_id);
    out.ssi_overrun = static_cast<uint32_t>(info.timer.overrun);
    with_value(info.timer.value);
  } else if (info.code <= 0) {
    from_sender();
    if (info.code != SI_USER && info.code != SI_TKILL) with_value(info.kill.value);
  } else if (info.code == SI_KERNEL) {
    from_sender();
  } else {
    switch (info.signo) {
      case SIGCHLD:
        from_sender();
        out.ssi_status = info.child.status;
        out.ssi_utime = static_cast<uint64_t>(info.child.utime);
        out.ssi_stime = static_cast<uint64_t>(info.child.stime);
        break;
      case SIGILL:
      case SIGBUS:
      case SIGFPE:
      case SIGSEGV:
      case SIGTRAP:
        out.ssi_addr = info.fault.address;
        break;
      case SIGPOLL:
        out.ssi_band = static_cast<uint32_t>(info.poll.band);
        out.ssi_fd = info.poll.fd;
        break;
      case SIGSYS:
        out.ssi_call_addr = info.sys.call_address;
        out.ssi_syscall = info.sys.syscall;
        out.ssi_arch = info.sys.arch;
        break;
      default:
        from_sender();
        break;
    }
  }
  return out;
}

}  // namespace

SignalFile::SignalFile(vfs::Path path, int flags, ThreadGroup& group, base::abi::SignalSet mask)
    : FileDescription(std::move(path), flags), group_(&group), mask_(mask & ~kNeverRead) {}

base::RefPtr<SignalFile> SignalFile::Create(vfs::Context& context, ThreadGroup& group, base::abi::SignalSet mask,
                                            int flags) {
  vfs::Path path = vfs::MakeAnonymousPath(context, 0600, "anon_inode:[signalfd]");
  return base::MakeRef<SignalFile>(std::move(path), O_RDWR | (flags & O_NONBLOCK), group, mask);
}

void SignalFile::set_mask(base::abi::SignalSet mask) {
  mask_.store(mask & ~kNeverRead, std::memory_order_relaxed);
  group_->signal_queue().Notify(POLLIN);
}

base::WaitQueue* SignalFile::wait_queue() const { return &group_->signal_queue(); }

base::Result<size_t> SignalFile::TryRead(vfs::Context& context, vfs::IoSequence& to) {
  if (to.remaining() < sizeof(signalfd_siginfo)) return base::Errno(EINVAL);
  base::RefPtr<Task> reader;
  {
    base::MutexLock lock(group_->kernel().tree_mutex());
    reader = group_->kernel().FindTask(base::Tid(context.thread_id()));
  }
  if (!reader) return base::Errno(EINVAL);
  size_t done = 0;
  base::abi::Siginfo info;
  while (to.remaining() >= sizeof(signalfd_siginfo) &&
         reader->TakeSignal(mask_.load(std::memory_order_relaxed), &info)) {
    signalfd_siginfo described = Describe(info);
    auto copied = to.CopyOut(std::as_bytes(std::span(&described, 1)));
    if (!copied.ok() || *copied < sizeof(described)) return done > 0 ? base::Result<size_t>(done) : base::Errno(EFAULT);
    done += sizeof(described);
  }
  if (done == 0) return base::Errno(EAGAIN);
  return done;
}

base::EventMask SignalFile::Readiness() {
  return (group_->PendingForAny() & mask_.load(std::memory_order_relaxed)) != 0 ? POLLIN : 0;
}

std::string SignalFile::Details() {
  char text[64];
  snprintf(text, sizeof(text), "sigmask:\t%016" PRIx64 "\n", mask_.load(std::memory_order_relaxed));
  return text;
}

}  // namespace sentry
