// SPDX-License-Identifier: Apache-2.0
#include "sentry/net/socket/socket_description.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <utility>

#include "vfs/pseudo/anonymous.h"

namespace sentry {

SocketDescription::SocketDescription(vfs::Path path, int flags, base::RefPtr<Socket> socket)
    : FileDescription(std::move(path), flags), socket_(std::move(socket)) {
  socket_->Described(*this);
}

SocketDescription::~SocketDescription() { socket_->Close(); }

base::RefPtr<SocketDescription> SocketDescription::Create(vfs::Context& context, base::RefPtr<Socket> socket,
                                                          int flags) {
  vfs::Path path = vfs::MakeNumberedAnonymousPath(context, S_IFSOCK | 0777, "socket");
  return base::MakeRef<SocketDescription>(std::move(path), O_RDWR | (flags & O_NONBLOCK), std::move(socket));
}

base::Result<base::RefPtr<SocketDescription>> SocketDescription::From(base::RefPtr<vfs::FileDescription> file) {
  if (file->kind() != vfs::FileKind::kSocket) return base::Errno(ENOTSOCK);
  return base::RefPtr<SocketDescription>::Adopt(static_cast<SocketDescription*>(file.release()));
}

base::Result<size_t> SocketDescription::TryRead(vfs::Context& context, vfs::IoSequence& to) {
  if (to.remaining() == 0) return size_t{0};
  IncomingMessage message{.data = to};
  return socket_->TryReceive(context, message);
}

base::Result<size_t> SocketDescription::TryWrite(vfs::Context& context, vfs::IoSequence& from) {
  OutgoingMessage message{.data = from};
  SocketCaller caller{context};
  // Nobody waits at another socket's queue here: the caller polls this one.
  WaitPoint wait;
  return socket_->TrySend(caller, message, wait);
}

base::Result<uint64_t> SocketDescription::Ioctl(vfs::Context& context, uint32_t request, uint64_t argument) {
  return socket_->Ioctl(context, request, argument);
}

}  // namespace sentry
