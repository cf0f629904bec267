// SPDX-License-Identifier: Apache-2.0
#include "sentry/net/socket/unix/unix_message.h"

#include <new>
#include <utility>

#include "sentry/net/socket/unix/unix_socket.h"

namespace sentry {

UnixMessage::UnixMessage(base::RefPtr<UnixSocket> sender, std::unique_ptr<std::byte[]> bytes, size_t size)
    : sender_(std::move(sender)), bytes_(std::move(bytes)), size_(size) {
  sender_->Charge(size_ + kOverhead);
}

UnixMessage::~UnixMessage() { sender_->Uncharge(size_ + kOverhead); }

std::unique_ptr<UnixMessage> UnixMessage::Create(base::RefPtr<UnixSocket> sender, size_t size) {
  std::unique_ptr<std::byte[]> bytes(size != 0 ? new (std::nothrow) std::byte[size] : nullptr);
  if (size != 0 && bytes == nullptr) return nullptr;
  return std::unique_ptr<UnixMessage>(new (std::nothrow) UnixMessage(std::move(sender), std::move(bytes), size));
}

void UnixQueue::Swap(UnixQueue& other) noexcept {
  std::swap(head_, other.head_);
  std::swap(tail_, other.tail_);
  std::swap(count_, other.count_);
}

UnixQueue::~UnixQueue() {
  while (!empty()) Pop();
}

void UnixQueue::Push(std::unique_ptr<UnixMessage> message) {
  UnixMessage* last = message.get();
  (tail_ != nullptr ? tail_->next_ : head_) = std::move(message);
  tail_ = last;
  ++count_;
}

std::unique_ptr<UnixMessage> UnixQueue::Pop() {
  std::unique_ptr<UnixMessage> first = std::move(head_);
  head_ = std::move(first->next_);
  if (head_ == nullptr) tail_ = nullptr;
  --count_;
  return first;
}

}  // namespace sentry
