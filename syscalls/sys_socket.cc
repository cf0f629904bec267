// SPDX-License-Identifier: Apache-2.0
#include "syscalls/sys_socket.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include "sentry/kernel.h"
#include "sentry/net/socket/socket_families.h"
#include "syscalls/socket_io.h"

namespace syscalls {
namespace {

using sentry::Socket;
using sentry::SocketDescription;
using sentry::WaitPoint;

constexpr int kTypeMask = 0xf;
static_assert(SOCK_NONBLOCK == O_NONBLOCK && SOCK_CLOEXEC == O_CLOEXEC);

// A type argument without its flags. EINVAL: unknown ones.
base::Result<int> TypeOf(int32_t type) {
  if ((type & ~(kTypeMask | SOCK_CLOEXEC | SOCK_NONBLOCK)) != 0) return base::Errno(EINVAL);
  return type & kTypeMask;
}

}  // namespace

base::Result<base::Fd> SysSocket(Task& task, int32_t family, int32_t type, int32_t protocol) {
  Socket::Kind kind{family, TRY(TypeOf(type)), protocol};
  base::RefPtr<Socket> socket = TRY(sentry::CreateSocket(task, task.kernel().network(), kind));
  return task.InstallFd(SocketDescription::Create(task, std::move(socket), type & SOCK_NONBLOCK),
                        (type & SOCK_CLOEXEC) != 0);
}

base::Result<void> SysSocketpair(Task& task, int32_t family, int32_t type, int32_t protocol,
                                 UserOut<std::array<int32_t, 2>> fds) {
  Socket::Kind kind{family, TRY(TypeOf(type)), protocol};
  auto pair = TRY(sentry::CreateSocketPair(task, task.kernel().network(), kind));
  base::RefPtr<vfs::FileDescription> files[] = {
      SocketDescription::Create(task, std::move(pair.first), type & SOCK_NONBLOCK),
      SocketDescription::Create(task, std::move(pair.second), type & SOCK_NONBLOCK)};
  bool close_on_exec = (type & SOCK_CLOEXEC) != 0;
  base::Fd first = TRY(task.InstallFd(std::move(files[0]), close_on_exec));
  base::Result<base::Fd> second = task.InstallFd(std::move(files[1]), close_on_exec);
  base::Result<void> copied;
  if (second.ok()) copied = fds.Write(task.user_memory(), {first.value(), second->value()});
  if (second.ok() && copied.ok()) return {};
  (void)task.fds().Close(task, first);
  if (!second.ok()) return second.error();
  (void)task.fds().Close(task, *second);
  return copied;
}

base::Result<void> SysBind(Task& task, base::Fd fd, base::GuestAddr address, int32_t length) {
  SocketFile file = TRY(GetSocket(task, fd));
  return file->socket().Bind(CallerOf(task), TRY(ReadAddress(task, address, length)));
}

base::Result<void> SysListen(Task& task, base::Fd fd, int32_t backlog) {
  SocketFile file = TRY(GetSocket(task, fd));
  return file->socket().Listen(CallerOf(task), backlog);
}

base::SysResult<base::Fd> SysAccept(Task& task, base::Fd fd, base::GuestAddr address,
                                    sentry::UserInOut<int32_t> length) {
  return SysAccept4(task, fd, address, length, 0);
}

base::SysResult<base::Fd> SysAccept4(Task& task, base::Fd fd, base::GuestAddr address,
                                     sentry::UserInOut<int32_t> length, int32_t flags) {
  SocketFile file = TRY(GetSocket(task, fd));
  if ((flags & ~(SOCK_CLOEXEC | SOCK_NONBLOCK)) != 0) return base::Errno(EINVAL);
  Socket& listener = file->socket();
  base::RefPtr<Socket> connection =
      TRY(BlockOnSocket(task, listener, POLLIN, IsNonblocking(*file, 0), SocketDeadline(listener.receive_timeout_ns()),
                        [&](WaitPoint&) { return listener.TryAccept(); }));
  // From here on it is closed when something fails.
  base::RefPtr<vfs::FileDescription> accepted = SocketDescription::Create(task, connection, flags & SOCK_NONBLOCK);
  if (!address.is_null()) {
    base::Result<sentry::SocketAddress> peer = connection->PeerAddress();
    if (!peer.ok()) return base::Errno(ECONNABORTED);
    TRY(WriteAddress(task, *peer, address, length));
  }
  return TRY(task.InstallFd(std::move(accepted), (flags & SOCK_CLOEXEC) != 0));
}

base::SysResult<void> SysConnect(Task& task, base::Fd fd, base::GuestAddr address, int32_t length) {
  SocketFile file = TRY(GetSocket(task, fd));
  sentry::SocketAddress to = TRY(ReadAddress(task, address, length));
  Socket& socket = file->socket();
  sentry::SocketCaller caller = CallerOf(task);
  return BlockOnSocket(task, socket, POLLOUT, IsNonblocking(*file, 0), SocketDeadline(socket.send_timeout_ns()),
                       [&](WaitPoint& wait) { return socket.TryConnect(caller, to, wait); });
}

base::Result<void> SysShutdown(Task& task, base::Fd fd, int32_t how) {
  SocketFile file = TRY(GetSocket(task, fd));
  if (how < SHUT_RD || how > SHUT_RDWR) return base::Errno(EINVAL);
  return file->socket().Shutdown(how);
}

base::Result<void> SysGetsockname(Task& task, base::Fd fd, base::GuestAddr address, sentry::UserInOut<int32_t> length) {
  SocketFile file = TRY(GetSocket(task, fd));
  return WriteAddress(task, TRY(file->socket().LocalAddress()), address, length);
}

base::Result<void> SysGetpeername(Task& task, base::Fd fd, base::GuestAddr address, sentry::UserInOut<int32_t> length) {
  SocketFile file = TRY(GetSocket(task, fd));
  return WriteAddress(task, TRY(file->socket().PeerAddress()), address, length);
}

}  // namespace syscalls
