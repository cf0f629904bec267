// SPDX-License-Identifier: Apache-2.0
#include <poll.h>

#include <algorithm>

#include "sentry/net/socket/unix/unix_socket.h"

namespace sentry {
namespace {

// Who sent a message that does not say (overflowuid, overflowgid).
constexpr base::abi::Ucred kNobody = {0, 65534, 65534};

bool SameCredentials(const base::abi::Ucred& a, const base::abi::Ucred& b) {
  return a.pid == b.pid && a.uid == b.uid && a.gid == b.gid;
}

}  // namespace

base::Result<size_t> UnixSocket::TryReceive(vfs::Context&, IncomingMessage& message) {
  return is_stream() ? ReceiveStream(message) : ReceivePacket(message);
}

UnixMessage* UnixSocket::Next(const UnixMessage* last) {
  base::MutexLock lock(mutex_);
  return last != nullptr ? UnixQueue::After(*last) : queue_.front();
}

size_t UnixSocket::PeekStart(const IncomingMessage& message) const {
  return (message.flags & MSG_PEEK) != 0 && peek_offset_ > 0 ? static_cast<size_t>(peek_offset_) : 0;
}

void UnixSocket::MovePeek(bool peeked, size_t count) {
  if (peek_offset_ < 0) return;
  int moved = static_cast<int>(std::min<size_t>(count, INT32_MAX / 2));
  peek_offset_ = peeked ? peek_offset_ + moved : std::max(0, peek_offset_ - moved);
}

void UnixSocket::FillFrom(const UnixMessage& from, IncomingMessage& message) const {
  message.begun = true;
  base::Result<SocketAddress> name = from.sender().LocalAddress();
  if (name.ok() && name->size() > base::abi::kUnixPathOffset) message.from = std::move(*name);
  if (pass_credentials_.load(std::memory_order_relaxed)) {
    message.control.credentials = from.credentials.value_or(kNobody);
  }
}

base::Result<size_t> UnixSocket::NothingToRead(const IncomingMessage& message, const UnixMessage* last) {
  base::MutexLock lock(mutex_);
  bool more = (last != nullptr ? UnixQueue::After(*last) : queue_.front()) != nullptr;
  if (more) return base::Errno(EAGAIN);
  if (int error = TakeError(); error != 0) return base::Errno(error);
  // A datagram socket whose reading was shut down says so only to those who would wait.
  bool silent = is_datagram() && (message.flags & MSG_DONTWAIT) != 0;
  if ((shutdown_ & kShutRead) != 0 && !silent) return size_t{0};
  return base::Errno(EAGAIN);
}

base::Result<size_t> UnixSocket::ReceiveStream(IncomingMessage& message) {
  if ((message.flags & MSG_OOB) != 0) return base::Errno(EINVAL);
  bool peek = (message.flags & MSG_PEEK) != 0;
  // What was read to its end goes when no lock is held.
  UnixQueue done;
  base::MutexLock reading(read_mutex_);
  {
    base::MutexLock lock(mutex_);
    if (state_ != State::kConnected) return base::Errno(EINVAL);
  }
  size_t total = 0;
  size_t skip = PeekStart(message);
  UnixMessage* last = nullptr;  // Behind the cursor, when peeking.
  // Waits for bytes even when it wants none.
  if (message.data.remaining() == 0 && Next(nullptr) != nullptr) return size_t{0};
  while (message.data.remaining() > 0 && !message.complete) {
    UnixMessage* piece = Next(last);
    if (piece == nullptr) break;
    std::span<const std::byte> bytes = piece->unread();
    if (skip >= bytes.size()) {
      skip -= bytes.size();
      last = piece;
      continue;
    }
    // Bytes of different writers are not mixed when the reader wants to know them.
    if (message.begun && message.control.credentials &&
        !SameCredentials(*message.control.credentials, piece->credentials.value_or(kNobody))) {
      message.complete = true;
      break;
    }
    bytes = bytes.subspan(skip);
    bytes = bytes.first(std::min(bytes.size(), message.data.remaining()));
    skip = 0;
    base::Result<size_t> copied = message.data.CopyOut(bytes);
    if (!copied.ok() || *copied < bytes.size()) {
      if (total == 0) return base::Errno(EFAULT);
      message.complete = true;
      break;
    }
    if (!message.begun) FillFrom(*piece, message);
    total += *copied;
    message.complete = !piece->rights.empty();
    if (peek) {
      message.control.files = piece->rights.files();
      last = piece;
      continue;
    }
    message.control.files = piece->rights.Receive();
    piece->Consume(*copied);
    if (!piece->unread().empty()) break;
    base::MutexLock lock(mutex_);
    done.Push(queue_.Pop());
  }
  if (total == 0 && !message.complete) return NothingToRead(message, last);
  MovePeek(peek, total);
  return total;
}

base::Result<size_t> UnixSocket::ReceivePacket(IncomingMessage& message) {
  if ((message.flags & MSG_OOB) != 0) return base::Errno(EOPNOTSUPP);
  bool peek = (message.flags & MSG_PEEK) != 0;
  UnixQueue done;
  bool was_full = false;
  size_t length = 0, count = 0;
  {
    base::MutexLock reading(read_mutex_);
    {
      base::MutexLock lock(mutex_);
      if (!is_datagram() && state_ != State::kConnected) return base::Errno(ENOTCONN);
    }
    if (int error = TakeError(); error != 0) return base::Errno(error);
    size_t skip = PeekStart(message);
    UnixMessage* last = nullptr;
    UnixMessage* packet = Next(last);
    while (packet != nullptr && skip > 0 && skip >= packet->bytes().size()) {
      skip -= packet->bytes().size();
      last = packet;
      packet = Next(last);
    }
    if (packet == nullptr) return NothingToRead(message, last);
    std::span<const std::byte> bytes = packet->unread().subspan(skip);
    length = bytes.size();
    count = std::min(length, message.data.remaining());
    FillFrom(*packet, message);
    message.complete = true;
    base::Result<size_t> copied = count != 0 ? message.data.CopyOut(bytes.first(count)) : base::Result<size_t>(0);
    if (!copied.ok() || *copied < count) {
      count = SIZE_MAX;
    } else {
      MovePeek(peek, count);
    }
    if (peek) {
      message.control.files = packet->rights.files();
    } else {
      message.control.files = packet->rights.Receive();
      base::MutexLock lock(mutex_);
      was_full = IsFullLocked();
      done.Push(queue_.Pop());
    }
  }
  if (was_full) room_queue_.Notify(POLLOUT | POLLWRNORM | POLLWRBAND);
  // As on Linux it is gone even if the buffer turned out bad.
  if (count == SIZE_MAX) return base::Errno(EFAULT);
  if (count < length) message.received_flags |= MSG_TRUNC;
  return (message.flags & MSG_TRUNC) != 0 ? length : count;
}

}  // namespace sentry
