// SPDX-License-Identifier: Apache-2.0
#include "sentry/fs/devpts/terminal_file.h"

#include <fcntl.h>
#include <signal.h>
#include <termios.h>

#include <algorithm>
#include <cstdio>

#include "sentry/kernel.h"
#include "sentry/task/task.h"
#include "sentry/task/thread_group.h"

namespace sentry {
namespace {

constexpr int kCapSysAdmin = 21;
// What one read or write moves at most.
constexpr size_t kChunk = 4096;

// Hands what `take` fills a buffer with to the guest.
template <typename Take>
base::Result<size_t> ReadChunk(vfs::IoSequence& to, Take take) {
  char buffer[kChunk];
  size_t count = TRY(take(std::span(buffer, std::min(kChunk, to.remaining()))));
  return to.CopyOut(std::as_bytes(std::span(buffer, count)));
}

// Hands the guest's bytes to `put`, which may take fewer; EAGAIN when it takes none at all.
template <typename Put>
base::Result<size_t> WriteChunks(vfs::IoSequence& from, Put put) {
  char buffer[kChunk];
  size_t done = 0;
  while (from.remaining() > 0) {
    auto copied = from.CopyIn(std::as_writable_bytes(std::span(buffer, std::min(kChunk, from.remaining()))));
    if (!copied.ok()) return done > 0 ? base::Result<size_t>(done) : copied.error();
    base::Result<size_t> taken = put(std::string_view(buffer, *copied));
    if (!taken.ok()) {
      from.Revert(*copied);
      return done > 0 ? base::Result<size_t>(done) : taken.error();
    }
    done += *taken;
    if (*taken < *copied) {
      from.Revert(*copied - *taken);
      break;
    }
  }
  return done;
}

}  // namespace

base::RefPtr<Task> TaskOf(Kernel& kernel, const vfs::Context& context) {
  if (context.thread_id() == 0) return nullptr;
  base::MutexLock lock(kernel.tree_mutex());
  return kernel.FindTask(base::Tid(context.thread_id()));
}

base::Result<size_t> MasterFile::TryRead(vfs::Context&, vfs::IoSequence& to) {
  if (to.remaining() == 0) return size_t{0};
  return ReadChunk(to, [this](std::span<char> buffer) { return terminal().TakeOutput(buffer); });
}

base::Result<size_t> MasterFile::TryWrite(vfs::Context&, vfs::IoSequence& from) {
  return WriteChunks(from, [this](std::string_view text) { return terminal().Type(text); });
}

std::string MasterFile::Details() {
  char text[32];
  snprintf(text, sizeof(text), "tty-index:\t%d\n", terminal().number());
  return text;
}

base::Result<base::RefPtr<vfs::FileDescription>> SlaveFile::Open(vfs::Context& context, const vfs::Path& path,
                                                                 int flags, base::RefPtr<Terminal> terminal) {
  TRY(terminal->OpenSlave(context.credentials().HasCapability(kCapSysAdmin)));
  auto file = base::MakeRef<SlaveFile>(path, flags & ~O_NOCTTY, terminal);
  bool readable = (flags & O_ACCMODE) != O_WRONLY;
  if ((flags & O_NOCTTY) == 0 && readable) {
    if (base::RefPtr<Task> task = TaskOf(terminal->kernel(), context)) terminal->OfferTo(task->group());
  }
  return base::RefPtr<vfs::FileDescription>(std::move(file));
}

base::Result<size_t> SlaveFile::TryRead(vfs::Context& context, vfs::IoSequence& to) {
  if (terminal().hung_up()) return size_t{0};
  if (base::RefPtr<Task> task = TaskOf(terminal().kernel(), context)) {
    base::SysResult<void> allowed = terminal().CheckForeground(*task, SIGTTIN);
    // A signal is on its way: the caller looks at it when it begins to wait.
    if (!allowed.ok()) return allowed.error().is_restart() ? base::Errno(EAGAIN) : allowed.error().error();
  }
  if (to.remaining() == 0) return size_t{0};
  base::Tid reader(context.thread_id());
  return ReadChunk(to, [&](std::span<char> buffer) { return terminal().Read(buffer, reader); });
}

base::Result<size_t> SlaveFile::TryWrite(vfs::Context& context, vfs::IoSequence& from) {
  if (terminal().hung_up()) return base::Errno(EIO);
  if ((terminal().termios().base.local & TOSTOP) != 0) {
    if (base::RefPtr<Task> task = TaskOf(terminal().kernel(), context)) {
      base::SysResult<void> allowed = terminal().CheckForeground(*task, SIGTTOU);
      if (!allowed.ok()) return allowed.error().is_restart() ? base::Errno(EAGAIN) : allowed.error().error();
    }
  }
  return WriteChunks(from, [this](std::string_view text) { return terminal().Write(text); });
}

}  // namespace sentry
