// SPDX-License-Identifier: Apache-2.0
#include <poll.h>

#include <algorithm>

#include "sentry/net/socket/unix/unix_socket.h"

namespace sentry {
namespace {

// What Linux keeps of the send buffer for itself when it says how long a packet may be.
constexpr size_t kPacketReserve = 32;

}  // namespace

base::Result<size_t> UnixSocket::TrySend(const SocketCaller& caller, OutgoingMessage& message, WaitPoint& wait) {
  if ((message.flags & MSG_OOB) != 0) return base::Errno(EOPNOTSUPP);
  return is_stream() ? SendStream(caller, message) : TrySendPacket(caller, message, wait);
}

base::Result<std::unique_ptr<UnixMessage>> UnixSocket::MakeMessage(const SocketCaller& caller, vfs::IoSequence& data,
                                                                   size_t size, const OutgoingMessage& message,
                                                                   const UnixSocket& receiver) {
  std::unique_ptr<UnixMessage> made = UnixMessage::Create(base::RefPtr<UnixSocket>(this), size);
  if (made == nullptr) return base::Errno(ENOMEM);
  size_t copied = TRY(data.CopyIn(made->bytes()));
  if (copied < size) return base::Errno(EFAULT);
  made->credentials = message.control.credentials;
  bool asked_for = pass_credentials_.load(std::memory_order_relaxed) || receiver.listener() != nullptr ||
                   receiver.pass_credentials_.load(std::memory_order_relaxed);
  if (!made->credentials && asked_for) {
    const vfs::Credentials& who = caller.context.credentials();
    made->credentials = {caller.context.process_id(), who.ruid.value(), who.rgid.value()};
  }
  return made;
}

base::Result<void> UnixSocket::CheckDeliveryLocked(const UnixSocket& from) const {
  if (is_datagram() && peer_ && peer_.get() != &from) return base::Errno(EPERM);
  if (dead_) return base::Errno(is_datagram() ? ECONNREFUSED : EPIPE);
  if ((shutdown_ & kShutRead) != 0) return base::Errno(EPIPE);
  // A queue that is full stops only those who are not talked to.
  if (is_datagram() && &from != this && peer_.get() != &from && IsFullLocked()) return base::Errno(EAGAIN);
  return {};
}

base::Result<void> UnixSocket::CheckDelivery(const UnixSocket& from) const {
  base::MutexLock lock(mutex_);
  return CheckDeliveryLocked(from);
}

base::Result<void> UnixSocket::Deliver(const UnixSocket& from, std::unique_ptr<UnixMessage>& message) {
  {
    base::MutexLock lock(mutex_);
    TRY(CheckDeliveryLocked(from));
    queue_.Push(std::move(message));
  }
  // Every time, not only into an empty queue: edge-triggered readers count on it.
  wait_queue_.Notify(POLLIN | POLLRDNORM);
  return {};
}

base::Result<base::RefPtr<UnixSocket>> UnixSocket::StreamPeer(const OutgoingMessage& message) {
  base::MutexLock lock(mutex_);
  if (!message.to.empty()) return base::Errno(state_ == State::kConnected ? EISCONN : EOPNOTSUPP);
  if (!peer_) return base::Errno(ENOTCONN);
  if ((shutdown_ & kShutWrite) != 0) return base::Errno(EPIPE);
  return peer_;
}

base::Result<size_t> UnixSocket::SendStream(const SocketCaller& caller, OutgoingMessage& message) {
  base::RefPtr<UnixSocket> peer = TRY(StreamPeer(message));
  size_t total = 0;
  base::Result<void> outcome;
  while (message.data.remaining() > 0) {
    if (!HasSendRoom()) {
      outcome = base::Errno(EAGAIN);
      break;
    }
    size_t size = std::min({message.data.remaining(), kMaxPiece, static_cast<size_t>(send_buffer()) / 2});
    outcome = [&]() -> base::Result<void> {
      TRY(peer->CheckDelivery(*this));
      std::unique_ptr<UnixMessage> piece = TRY(MakeMessage(caller, message.data, size, message, *peer));
      piece->rights = TRY(UnixRights::Send(caller, std::move(message.control.files), *peer));
      message.control.files.clear();
      return peer->Deliver(*this, piece);
    }();
    if (!outcome.ok()) break;
    total += size;
  }
  if (total == 0 && !outcome.ok()) return outcome.error();
  return total;
}

base::Result<UnixSocket::Receiver> UnixSocket::PacketReceiver(const SocketCaller& caller,
                                                              const OutgoingMessage& message) {
  Receiver receiver;
  if (!is_datagram()) {
    if (int error = TakeError(); error != 0) return base::Errno(error);
  }
  receiver.named = is_datagram() && !message.to.empty();
  if (receiver.named) TRY(ParseUnixAddress(message.to));
  TRY(NameIfPassing());
  {
    base::MutexLock lock(mutex_);
    if (!receiver.named && (!peer_ || state_ != State::kConnected)) return base::Errno(ENOTCONN);
    if (!receiver.named) receiver.socket = peer_;
  }
  if (message.data.remaining() + kPacketReserve > static_cast<size_t>(send_buffer())) return base::Errno(EMSGSIZE);
  if (int error = TakeError(); error != 0) return base::Errno(error);
  {
    base::MutexLock lock(mutex_);
    if ((shutdown_ & kShutWrite) != 0) return base::Errno(EPIPE);
  }
  if (receiver.named) receiver.socket = TRY(Find(caller, message.to));
  return receiver;
}

base::Result<size_t> UnixSocket::TrySendPacket(const SocketCaller& caller, OutgoingMessage& message, WaitPoint& wait) {
  Receiver receiver = TRY(PacketReceiver(caller, message));
  if (!HasSendRoom()) return base::Errno(EAGAIN);
  UnixSocket& to = *receiver.socket;
  // Its peer's queue is passed on to this socket's own.
  if (receiver.named) wait = {receiver.socket, &to.room_queue_};
  size_t size = message.data.remaining();
  base::Result<void> sent = to.CheckDelivery(*this);
  if (sent.ok()) {
    std::unique_ptr<UnixMessage> packet = TRY(MakeMessage(caller, message.data, size, message, to));
    packet->rights = TRY(UnixRights::Send(caller, message.control.files, to));
    sent = to.Deliver(*this, packet);
    if (sent.ok()) {
      message.control.files.clear();
    } else {
      // They are the message's still.
      packet->rights.Receive();
      message.data.Revert(size);
    }
  }
  if (sent.ok()) return size;
  if (sent.error().code() == ECONNREFUSED && !receiver.named) SetDatagramPeer(nullptr);
  return sent.error();
}

}  // namespace sentry
