// SPDX-License-Identifier: Apache-2.0
#include "syscalls/socket_io.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>

#include <algorithm>

#include "sentry/mm/memory_manager.h"
#include "sentry/task/thread_group.h"

namespace syscalls {

using sentry::IncomingMessage;
using sentry::OutgoingMessage;
using sentry::Socket;
using sentry::SocketAddress;
using sentry::SocketDescription;
using sentry::WaitPoint;

base::Result<SocketFile> GetSocket(Task& task, base::Fd fd) {
  base::RefPtr<vfs::FileDescription> file = TRY(task.GetFile(fd));
  if (file->is_path_only()) return base::Errno(EBADF);
  return SocketDescription::From(std::move(file));
}

sentry::SocketCaller CallerOf(Task& task) {
  return {.context = task,
          .at = {task.fs().root(), task.fs().cwd()},
          .umask = task.fs().umask(),
          .descriptor_limit = task.group().limits().Soft(RLIMIT_NOFILE)};
}

base::Result<SocketAddress> ReadAddress(Task& task, base::GuestAddr from, int32_t length) {
  if (length < 0 || static_cast<size_t>(length) > base::abi::kMaxSocketAddress) return base::Errno(EINVAL);
  std::string bytes(static_cast<size_t>(length), '\0');
  TRY(task.user_memory().CopyIn(from, std::as_writable_bytes(std::span(bytes))));
  return SocketAddress(std::move(bytes));
}

base::Result<void> WriteAddress(Task& task, const SocketAddress& address, base::GuestAddr to,
                                sentry::UserInOut<int32_t> length) {
  int32_t room = TRY(length.Read(task.user_memory()));
  if (room < 0) return base::Errno(EINVAL);
  size_t count = std::min(static_cast<size_t>(room), address.size());
  TRY(task.user_memory().CopyOut(to, std::as_bytes(std::span(address.bytes()).first(count))));
  return length.Write(task.user_memory(), static_cast<int32_t>(address.size()));
}

bool IsNonblocking(const SocketDescription& file, int flags) {
  return (file.flags() & O_NONBLOCK) != 0 || (flags & MSG_DONTWAIT) != 0;
}

int64_t SocketDeadline(int64_t timeout_ns) {
  if (timeout_ns == base::kForever) return base::kForever;
  int64_t now = base::MonotonicNow();
  return timeout_ns > base::kForever - 1 - now ? base::kForever - 1 : now + timeout_ns;
}

base::SysResult<uint64_t> Send(Task& task, SocketDescription& file, OutgoingMessage& message) {
  Socket& socket = file.socket();
  bool nonblocking = IsNonblocking(file, message.flags);
  int64_t deadline = SocketDeadline(socket.send_timeout_ns());
  sentry::SocketCaller caller = CallerOf(task);
  uint64_t sent = 0;
  while (true) {
    auto step = BlockOnSocket(task, socket, POLLOUT, nonblocking, deadline,
                              [&](WaitPoint& wait) { return socket.TrySend(caller, message, wait); });
    if (!step.ok() && sent > 0) return sent;
    if (!step.ok()) {
      bool broken = !step.error().is_restart() && step.error().error().code() == EPIPE;
      if (broken && socket.raises_sigpipe() && (message.flags & MSG_NOSIGNAL) == 0) {
        base::abi::Siginfo info;
        info.signo = SIGPIPE;
        info.code = SI_USER;
        info.kill.pid = task.group().pid().value();
        info.kill.uid = task.credentials().ruid.value();
        task.SendSignal(info);
      }
      return step.error();
    }
    sent += *step;
    if (!socket.is_stream() || nonblocking || message.data.remaining() == 0) return sent;
  }
}

base::SysResult<uint64_t> Receive(Task& task, SocketDescription& file, IncomingMessage& message) {
  Socket& socket = file.socket();
  bool nonblocking = IsNonblocking(file, message.flags);
  if (nonblocking) message.flags |= MSG_DONTWAIT;
  int64_t deadline = SocketDeadline(socket.receive_timeout_ns());
  uint64_t wanted = 1;
  if (socket.is_stream() && (message.flags & MSG_PEEK) == 0) {
    size_t size = message.data.remaining();
    bool all = (message.flags & MSG_WAITALL) != 0;
    wanted = all ? size : std::min(size, static_cast<size_t>(socket.receive_low_water()));
  }
  uint64_t received = 0;
  while (true) {
    auto step = BlockOnSocket(task, socket, POLLIN, nonblocking, deadline,
                              [&](WaitPoint&) { return socket.TryReceive(task, message); });
    if (!step.ok() && received > 0) return received;
    if (!step.ok()) return step.error();
    received += *step;
    if (nonblocking || *step == 0 || received >= wanted || message.complete) return received;
  }
}

base::SysResult<uint64_t> ReadSocket(Task& task, vfs::FileDescription& file, vfs::IoSequence& to) {
  if (to.remaining() == 0) return uint64_t{0};
  IncomingMessage message{.data = to};
  return Receive(task, static_cast<SocketDescription&>(file), message);
}

base::SysResult<uint64_t> WriteSocket(Task& task, vfs::FileDescription& file, vfs::IoSequence& from) {
  OutgoingMessage message{.data = from};
  return Send(task, static_cast<SocketDescription&>(file), message);
}

}  // namespace syscalls
