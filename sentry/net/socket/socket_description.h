// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/ref.h"
#include "base/result.h"
#include "sentry/net/socket/socket.h"
#include "vfs/file_description.h"

namespace sentry {

// The open file description of a socket, the only one it has: with its end the socket is closed. Thread-safe.
class SocketDescription final : public vfs::FileDescription {
 public:
  // `flags`: O_NONBLOCK.
  static base::RefPtr<SocketDescription> Create(vfs::Context& context, base::RefPtr<Socket> socket, int flags);
  // ENOTSOCK.
  static base::Result<base::RefPtr<SocketDescription>> From(base::RefPtr<vfs::FileDescription> file);

  Socket& socket() const { return *socket_; }

  vfs::FileKind kind() const override { return vfs::FileKind::kSocket; }
  // read(2) and write(2): without addresses and control data. Descriptors that come with the bytes are lost.
  base::Result<size_t> TryRead(vfs::Context& context, vfs::IoSequence& to) override;
  base::Result<size_t> TryWrite(vfs::Context& context, vfs::IoSequence& from) override;
  base::EventMask Readiness() override { return socket_->Readiness(); }
  base::WaitQueue* wait_queue() const override { return &socket_->wait_queue(); }
  base::Result<uint64_t> Ioctl(vfs::Context& context, uint32_t request, uint64_t argument) override;

 protected:
  ~SocketDescription() override;

 private:
  template <typename T, typename... Args>
  friend base::RefPtr<T> base::MakeRef(Args&&... args);
  SocketDescription(vfs::Path path, int flags, base::RefPtr<Socket> socket);

  const base::RefPtr<Socket> socket_;
};

}  // namespace sentry
