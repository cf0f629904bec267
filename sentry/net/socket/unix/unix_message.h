// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>

#include "base/abi/socket.h"
#include "base/ref.h"
#include "sentry/net/socket/unix/unix_rights.h"

namespace sentry {

class UnixSocket;

// Bytes in a receive queue: a datagram, or a piece of a stream. While it lives it counts against its sender's buffer.
class UnixMessage {
 public:
  // What Linux counts for a message besides its bytes, about.
  static constexpr size_t kOverhead = 768;

  // With room for `size` bytes. Null: no memory.
  static std::unique_ptr<UnixMessage> Create(base::RefPtr<UnixSocket> sender, size_t size);
  ~UnixMessage();
  UnixMessage(const UnixMessage&) = delete;
  UnixMessage& operator=(const UnixMessage&) = delete;

  // All bytes, and those not read yet.
  std::span<std::byte> bytes() { return {bytes_.get(), size_}; }
  std::span<const std::byte> unread() const { return {bytes_.get() + read_, size_ - read_}; }
  void Consume(size_t count) { read_ += count; }
  UnixSocket& sender() const { return *sender_; }

  std::optional<base::abi::Ucred> credentials;
  UnixRights rights;

 private:
  friend class UnixQueue;
  UnixMessage(base::RefPtr<UnixSocket> sender, std::unique_ptr<std::byte[]> bytes, size_t size);

  const base::RefPtr<UnixSocket> sender_;
  const std::unique_ptr<std::byte[]> bytes_;
  const size_t size_;
  size_t read_ = 0;
  std::unique_ptr<UnixMessage> next_;
};

// A list of messages. Not thread-safe.
class UnixQueue {
 public:
  UnixQueue() = default;
  UnixQueue(const UnixQueue&) = delete;
  UnixQueue& operator=(const UnixQueue&) = delete;
  // One after the other, not by recursion.
  ~UnixQueue();

  bool empty() const { return head_ == nullptr; }
  size_t size() const { return count_; }
  UnixMessage* front() const { return head_.get(); }
  static UnixMessage* After(const UnixMessage& message) { return message.next_.get(); }
  void Push(std::unique_ptr<UnixMessage> message);
  std::unique_ptr<UnixMessage> Pop();
  void Swap(UnixQueue& other) noexcept;

 private:
  std::unique_ptr<UnixMessage> head_;
  UnixMessage* tail_ = nullptr;
  size_t count_ = 0;
};

}  // namespace sentry
