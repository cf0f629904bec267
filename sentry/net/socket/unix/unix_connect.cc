// SPDX-License-Identifier: Apache-2.0
// Connections of AF_UNIX: connect(2), listen(2), accept(2).
#include <poll.h>
#include <sys/stat.h>

#include <algorithm>

#include "sentry/net/socket/unix/unix_names.h"
#include "sentry/net/socket/unix/unix_socket.h"
#include "vfs/dentry.h"
#include "vfs/inode.h"
#include "vfs/permission.h"
#include "vfs/walk.h"

namespace sentry {
namespace {

constexpr base::EventMask kEverything = ~base::EventMask{0};
constexpr base::EventMask kRoom = POLLOUT | POLLWRNORM | POLLWRBAND;

}  // namespace

UnixSocket::PeerRelay::PeerRelay(UnixSocket& socket) : Waiter(kRoom), socket_(socket) {}
void UnixSocket::PeerRelay::Notified(base::EventMask) { socket_.wait_queue_.Notify(kRoom); }

void UnixSocket::BecomeConnected(base::RefPtr<UnixSocket> peer, UnixName name, Identity peer_identity) {
  base::MutexLock lock(mutex_);
  state_ = State::kConnected;
  peer_ = std::move(peer);
  name_ = std::move(name);
  peer_identity_ = std::move(peer_identity);
  if (is_datagram()) peer_->room_queue_.Register(relay_);
}

base::Result<base::RefPtr<UnixSocket>> UnixSocket::Find(const SocketCaller& caller, const SocketAddress& address) {
  UnixName name = TRY(ParseUnixAddress(address));
  base::RefPtr<UnixSocket> found;
  switch (name.kind) {
    case UnixName::Kind::kUnnamed:
      return base::Errno(EINVAL);
    case UnixName::Kind::kAbstract:
      found = network_->unix_names().Find(kind().type, name.text);
      break;
    case UnixName::Kind::kPath: {
      vfs::Path path = TRY(vfs::Walk(caller.context, caller.at, name.text, {}));
      vfs::Inode& inode = *path.dentry->inode();
      TRY(vfs::CheckPermission(caller.context, inode, vfs::kMayWrite));
      if (inode.type() != S_IFSOCK) return base::Errno(ECONNREFUSED);
      // Only sockets of this family are ever attached to such an inode.
      inode.attachment().With([&](base::RefPtr<base::RefCounted>& attached) {
        found = base::RefPtr<UnixSocket>(static_cast<UnixSocket*>(attached.get()));
      });
      break;
    }
  }
  if (!found) return base::Errno(ECONNREFUSED);
  if (found->kind().type != kind().type) return base::Errno(EPROTOTYPE);
  return found;
}

base::Result<void> UnixSocket::TryConnect(const SocketCaller& caller, const SocketAddress& address, WaitPoint& wait) {
  return is_datagram() ? ConnectDatagram(caller, address) : TryConnectStream(caller, address, wait);
}

base::Result<void> UnixSocket::TryConnectStream(const SocketCaller& caller, const SocketAddress& address,
                                                WaitPoint& wait) {
  TRY(ParseUnixAddress(address));
  TRY(NameIfPassing());
  base::RefPtr<UnixSocket> listener = TRY(Find(caller, address));
  wait = {listener, &listener->room_queue_};
  UnixName name = TRY(listener->CheckOffer());
  {
    base::MutexLock lock(mutex_);
    if (state_ == State::kConnected) return base::Errno(EISCONN);
    if (state_ == State::kListening || connecting_) return base::Errno(EINVAL);
    connecting_ = true;
  }
  auto server_end = base::MakeRef<UnixSocket>(*network_, kind());
  server_end->BecomeConnected(base::RefPtr<UnixSocket>(this), std::move(name), IdentityOf(caller.context));
  base::Result<Identity> offered = listener->Offer(server_end);
  {
    base::MutexLock lock(mutex_);
    connecting_ = false;
    if (offered.ok()) {
      state_ = State::kConnected;
      peer_ = std::move(server_end);
      peer_identity_ = std::move(*offered);
    }
  }
  if (!offered.ok()) return offered.error();
  wait_queue_.Notify(kEverything);
  return {};
}

base::Result<void> UnixSocket::CheckOfferLocked() const {
  if (dead_ || state_ != State::kListening || (shutdown_ & kShutRead) != 0) return base::Errno(ECONNREFUSED);
  if (IsFullLocked()) return base::Errno(EAGAIN);
  return {};
}

base::Result<UnixName> UnixSocket::CheckOffer() const {
  base::MutexLock lock(mutex_);
  TRY(CheckOfferLocked());
  return name_;
}

base::Result<UnixSocket::Identity> UnixSocket::Offer(base::RefPtr<UnixSocket> server_end) {
  Identity identity;
  {
    base::MutexLock lock(mutex_);
    TRY(CheckOfferLocked());
    server_end->listener_ = this;
    pending_.push_back(std::move(server_end));
    identity = peer_identity_;
  }
  wait_queue_.Notify(POLLIN | POLLRDNORM);
  return identity;
}

base::Result<void> UnixSocket::Listen(const SocketCaller& caller, int backlog) {
  if (is_datagram()) return base::Errno(EOPNOTSUPP);
  {
    base::MutexLock lock(mutex_);
    if (name_.kind == UnixName::Kind::kUnnamed) return base::Errno(EINVAL);
    if (state_ == State::kConnected || connecting_) return base::Errno(EINVAL);
    state_ = State::kListening;
    backlog_ = std::min(static_cast<unsigned>(backlog), static_cast<unsigned>(kMaxBacklog));
    peer_identity_ = IdentityOf(caller.context);
  }
  wait_queue_.Notify(kEverything);
  room_queue_.Notify(kEverything);
  return {};
}

base::Result<base::RefPtr<Socket>> UnixSocket::TryAccept() {
  if (is_datagram()) return base::Errno(EOPNOTSUPP);
  base::RefPtr<UnixSocket> connection;
  bool was_full = false;
  {
    base::MutexLock lock(mutex_);
    if (state_ != State::kListening) return base::Errno(EINVAL);
    if (pending_.empty()) return base::Errno((shutdown_ & kShutRead) != 0 ? EINVAL : EAGAIN);
    was_full = IsFullLocked();
    connection = std::move(pending_.front());
    pending_.pop_front();
  }
  if (was_full) room_queue_.Notify(kRoom);
  connection->pass_credentials_ = pass_credentials_.load(std::memory_order_relaxed);
  connection->listener_ = nullptr;
  return base::RefPtr<Socket>(std::move(connection));
}

base::Result<void> UnixSocket::ConnectDatagram(const SocketCaller& caller, const SocketAddress& address) {
  if (address.family() == AF_UNSPEC) {
    SetDatagramPeer(nullptr);
    return {};
  }
  TRY(ParseUnixAddress(address));
  TRY(NameIfPassing());
  base::RefPtr<UnixSocket> receiver = TRY(Find(caller, address));
  base::Result<void> allowed = receiver->CheckDelivery(*this);
  if (!allowed.ok() && (allowed.error().code() == EPERM || allowed.error().code() == ECONNREFUSED)) return allowed;
  SetDatagramPeer(std::move(receiver));
  return {};
}

void UnixSocket::SetDatagramPeer(base::RefPtr<UnixSocket> peer) {
  base::RefPtr<UnixSocket> former;
  bool had_messages = false;
  {
    base::MutexLock lock(mutex_);
    if (dead_ || peer_ == peer) return;
    former = std::move(peer_);
    if (relay_.registered()) former->room_queue_.Unregister(relay_);
    peer_ = std::move(peer);
    state_ = peer_ ? State::kConnected : State::kIdle;
    if (peer_) peer_->room_queue_.Register(relay_);
    had_messages = former && !queue_.empty();
  }
  // What came before was from somebody else.
  if (had_messages) {
    DropQueue();
    former->DatagramPeerLeft(*this);
  }
  wait_queue_.Notify(kEverything);
}

void UnixSocket::DatagramPeerLeft(const UnixSocket& former) {
  {
    base::MutexLock lock(mutex_);
    if (dead_ || peer_.get() != &former) return;
    SetError(ECONNRESET);
  }
  wait_queue_.Notify(kEverything);
}

}  // namespace sentry
