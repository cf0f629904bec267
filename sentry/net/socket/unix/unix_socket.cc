// SPDX-License-Identifier: Apache-2.0
// Life, names and state of an AF_UNIX socket.
#include "sentry/net/socket/unix/unix_socket.h"

#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "sentry/net/socket/unix/unix_names.h"
#include "vfs/dentry.h"
#include "vfs/inode.h"
#include "vfs/ioctl.h"
#include "vfs/operations.h"
#include "vfs/pseudo/pseudo.h"

namespace sentry {
namespace {

constexpr base::EventMask kReadable = POLLIN | POLLRDNORM;
constexpr base::EventMask kWritable = POLLOUT | POLLWRNORM | POLLWRBAND;
constexpr base::EventMask kEverything = ~base::EventMask{0};
constexpr uint32_t kSocketMode = 0777;

base::Result<Socket::Kind> CheckKind(Socket::Kind kind) {
  if (kind.protocol != 0 && kind.protocol != PF_UNIX) return base::Errno(EPROTONOSUPPORT);
  switch (kind.type) {
    case SOCK_STREAM:
    case SOCK_DGRAM:
    case SOCK_SEQPACKET:
      return kind;
    case SOCK_RAW:  // As BSD has it.
      kind.type = SOCK_DGRAM;
      return kind;
    default:
      return base::Errno(ESOCKTNOSUPPORT);
  }
}

}  // namespace

constinit base::LockClass UnixSocket::kReadLock{"UnixSocket::read_mutex_"};
constinit base::LockClass UnixSocket::kLock{"UnixSocket::mutex_"};

UnixSocket::UnixSocket(NetworkNamespace& network, Kind kind)
    : Socket(kind), network_(&network), read_mutex_(kReadLock), mutex_(kLock), relay_(*this) {
  network_->unix_names().Add(*this);
}

UnixSocket::~UnixSocket() { network_->unix_names().Remove(*this); }

base::Result<base::RefPtr<UnixSocket>> UnixSocket::Create(NetworkNamespace& network, Kind kind) {
  return base::MakeRef<UnixSocket>(network, TRY(CheckKind(kind)));
}

base::Result<UnixSocket::Pair> UnixSocket::CreatePair(vfs::Context& context, NetworkNamespace& network, Kind kind) {
  kind = TRY(CheckKind(kind));
  Pair pair(base::MakeRef<UnixSocket>(network, kind), base::MakeRef<UnixSocket>(network, kind));
  pair.first->BecomeConnected(pair.second, {}, IdentityOf(context));
  pair.second->BecomeConnected(pair.first, {}, IdentityOf(context));
  return pair;
}

UnixSocket::Identity UnixSocket::IdentityOf(vfs::Context& context) {
  return {context.process_id(), base::RefPtr<const vfs::Credentials>(&context.credentials())};
}

void UnixSocket::Described(vfs::FileDescription& description) {
  inode_number_ = static_cast<vfs::PseudoInode&>(description.inode()).number();
  description_ = &description;
}

void UnixSocket::Uncharge(size_t bytes) {
  in_use_.fetch_sub(bytes, std::memory_order_relaxed);
  if (IsWritable()) wait_queue_.Notify(kWritable);
}

void UnixSocket::DropQueue() {
  UnixQueue messages;
  std::list<base::RefPtr<UnixSocket>> connections;
  {
    base::MutexLock reading(read_mutex_);
    base::MutexLock lock(mutex_);
    messages.Swap(queue_);
    connections.swap(pending_);
  }
  for (const auto& connection : connections) connection->Close();
  room_queue_.Notify(kEverything);
}

void UnixSocket::Close() {
  base::RefPtr<UnixSocket> peer;
  UnixName name;
  vfs::Path path;
  bool reset = listener() != nullptr;
  {
    base::MutexLock lock(mutex_);
    if (dead_) return;
    dead_ = true;
    shutdown_ = kShutBoth;
    std::swap(peer, peer_);
    if (relay_.registered()) peer->room_queue_.Unregister(relay_);
    reset |= !queue_.empty();
    name = name_;
    std::swap(path, path_);
  }
  description_ = nullptr;
  listener_ = nullptr;
  if (name.kind == UnixName::Kind::kAbstract) network_->unix_names().Unbind(kind().type, name.text, *this);
  if (path) {
    path.dentry->inode()->attachment().With([this](base::RefPtr<base::RefCounted>& attached) {
      if (attached.get() == this) attached = nullptr;
    });
  }
  if (peer && !is_datagram()) peer->PeerClosed(reset);
  DropQueue();
  wait_queue_.Notify(kEverything);
  NoteUnixSocketEnd();
}

void UnixSocket::PeerClosed(bool reset) {
  {
    base::MutexLock lock(mutex_);
    shutdown_ = kShutBoth;
    if (reset) SetError(ECONNRESET);
  }
  wait_queue_.Notify(kEverything);
}

base::Result<void> UnixSocket::Shutdown(int how) {
  unsigned mine = how == SHUT_RD ? kShutRead : how == SHUT_WR ? kShutWrite : kShutBoth;
  unsigned theirs = how == SHUT_RD ? kShutWrite : how == SHUT_WR ? kShutRead : kShutBoth;
  base::RefPtr<UnixSocket> peer;
  {
    base::MutexLock lock(mutex_);
    shutdown_ |= mine;
    if (!is_datagram()) peer = peer_;
  }
  if (peer) peer->PeerShutdown(theirs);
  wait_queue_.Notify(kEverything);
  room_queue_.Notify(kEverything);
  return {};
}

void UnixSocket::PeerShutdown(unsigned how) {
  {
    base::MutexLock lock(mutex_);
    shutdown_ |= how;
  }
  wait_queue_.Notify(kEverything);
}

base::Result<SocketAddress> UnixSocket::LocalAddress() {
  base::MutexLock lock(mutex_);
  return ToSocketAddress(name_);
}

base::Result<SocketAddress> UnixSocket::PeerAddress() {
  base::RefPtr<UnixSocket> peer;
  {
    base::MutexLock lock(mutex_);
    peer = peer_;
  }
  if (!peer) return base::Errno(ENOTCONN);
  return peer->LocalAddress();
}

base::Result<void> UnixSocket::Bind(const SocketCaller& caller, const SocketAddress& address) {
  UnixName name = TRY(ParseUnixAddress(address));
  return name.kind == UnixName::Kind::kPath ? BindPath(caller, name) : BindAbstract(name);
}

base::Result<void> UnixSocket::BindPath(const SocketCaller& caller, const UnixName& name) {
  base::Result<vfs::Path> made = vfs::MakeSocket(caller.context, caller.at, name.text, kSocketMode & ~caller.umask);
  if (!made.ok()) return base::Errno(made.error().code() == EEXIST ? EADDRINUSE : made.error().code());
  {
    base::MutexLock lock(mutex_);
    if (name_.kind == UnixName::Kind::kUnnamed) {
      name_ = name;
      path_ = *made;
    }
  }
  bool bound = made->dentry->inode()->attachment().With([&](base::RefPtr<base::RefCounted>& attached) {
    base::MutexLock lock(mutex_);
    if (path_ != *made) return false;
    attached = base::RefPtr<base::RefCounted>(this);
    return true;
  });
  if (bound) return {};
  // It has a name already: Linux finds out as late.
  (void)vfs::Unlink(caller.context, caller.at, name.text);
  return base::Errno(EINVAL);
}

base::Result<void> UnixSocket::BindAbstract(const UnixName& name) {
  UnixNames& names = network_->unix_names();
  base::MutexLock lock(mutex_);
  bool unnamed = name_.kind == UnixName::Kind::kUnnamed;
  if (name.kind == UnixName::Kind::kUnnamed) {
    // A socket that chose its own name keeps it.
    if (unnamed) name_ = {UnixName::Kind::kAbstract, TRY(names.BindAny(kind().type, *this))};
    return {};
  }
  if (!unnamed) return base::Errno(EINVAL);
  TRY(names.Bind(kind().type, name.text, *this));
  name_ = name;
  return {};
}

base::Result<void> UnixSocket::NameIfPassing() {
  if (!pass_credentials_.load(std::memory_order_relaxed)) return {};
  return BindAbstract({});
}

bool UnixSocket::IsFullLocked() const {
  return (state_ == State::kListening ? pending_.size() : queue_.size()) > backlog_;
}

base::EventMask UnixSocket::Readiness() {
  base::EventMask events = has_error() ? POLLERR : 0;
  bool writable = IsWritable();
  base::RefPtr<UnixSocket> receiver;
  {
    base::MutexLock lock(mutex_);
    if (shutdown_ == kShutBoth) events |= POLLHUP;
    if ((shutdown_ & kShutRead) != 0) events |= POLLRDHUP | kReadable;
    if (!queue_.empty() || !pending_.empty()) events |= kReadable;
    if (!is_datagram() && state_ == State::kIdle) events |= POLLHUP;
    if (state_ == State::kListening) writable = false;
    if (is_datagram() && peer_.get() != this) receiver = peer_;
  }
  if (writable && receiver) {
    base::Result<void> room = receiver->CheckDelivery(*this);
    writable = room.ok() || room.error().code() != EAGAIN;
  }
  return events | (writable ? kWritable : 0);
}

base::Result<uint64_t> UnixSocket::Ioctl(vfs::Context& context, uint32_t request, uint64_t argument) {
  switch (request) {
    case SIOCOUTQ:
      TRY(vfs::WriteInt(context, argument, static_cast<int32_t>(in_use_.load(std::memory_order_relaxed))));
      return uint64_t{0};
    case SIOCINQ: {
      size_t unread = 0;
      {
        base::MutexLock reading(read_mutex_);
        base::MutexLock lock(mutex_);
        if (state_ == State::kListening) return base::Errno(EINVAL);
        for (UnixMessage* message = queue_.front(); message != nullptr; message = UnixQueue::After(*message)) {
          unread += message->unread().size();
          if (is_datagram()) break;
        }
      }
      TRY(vfs::WriteInt(context, argument, static_cast<int32_t>(unread)));
      return uint64_t{0};
    }
    default:
      return base::Errno(ENOTTY);
  }
}

UnixSocket::Summary UnixSocket::Describe() {
  Summary summary;
  // The caller's own stands for one that Linux has besides.
  summary.references = reference_count();
  summary.type = kind().type;
  summary.inode = inode_number_.load(std::memory_order_relaxed);
  base::MutexLock lock(mutex_);
  summary.listening = state_ == State::kListening;
  summary.connected = state_ == State::kConnected;
  summary.name = name_;
  return summary;
}

}  // namespace sentry
