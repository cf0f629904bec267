// SPDX-License-Identifier: Apache-2.0
#include "platform/systrap/call_window.h"

#include <algorithm>
#include <cstring>

namespace platform::systrap {

constinit base::LockClass CallWindow::kLock{"systrap::CallWindow::mutex_"};

void CallWindow::OpenIn(base::GuestAddr address, std::span<const std::byte> bytes) {
  base::MutexLock lock(mutex_);
  address_ = address;
  length_ = std::min(bytes.size(), kSize);
  memcpy(static_cast<void*>(bytes_), bytes.data(), length_);
  kind_.store(Kind::kIn, std::memory_order_release);
}

void CallWindow::OpenOut(base::GuestAddr address, size_t room) {
  base::MutexLock lock(mutex_);
  address_ = address;
  room_ = std::min(room, kSize);
  length_ = 0;
  kind_.store(Kind::kOut, std::memory_order_release);
}

CallWindow::Written CallWindow::Close(std::span<std::byte, kSize> to) {
  if (kind_.load(std::memory_order_acquire) == Kind::kNone) return {};
  base::MutexLock lock(mutex_);
  Written written{address_, kind_.load(std::memory_order_relaxed) == Kind::kOut ? length_ : 0};
  memcpy(to.data(), static_cast<const void*>(bytes_), written.length);
  kind_.store(Kind::kNone, std::memory_order_release);
  return written;
}

bool CallWindow::Covers(base::GuestAddr address, size_t size) {
  if (kind_.load(std::memory_order_acquire) != Kind::kOut) return false;
  base::MutexLock lock(mutex_);
  if (kind_.load(std::memory_order_relaxed) != Kind::kOut || length_ == 0) return false;
  return address < address_ ? address_ - address < size : address - address_ < length_;
}

bool CallWindow::Read(base::GuestAddr from, std::span<std::byte> to) {
  if (kind_.load(std::memory_order_acquire) == Kind::kNone) return false;
  base::MutexLock lock(mutex_);
  if (kind_.load(std::memory_order_relaxed) == Kind::kNone) return false;
  if (from < address_ || from - address_ > length_ || to.size() > length_ - (from - address_)) return false;
  memcpy(to.data(), bytes_ + (from - address_), to.size());
  return true;
}

bool CallWindow::Write(base::GuestAddr to, std::span<const std::byte> from) {
  if (kind_.load(std::memory_order_acquire) != Kind::kOut) return false;
  base::MutexLock lock(mutex_);
  if (kind_.load(std::memory_order_relaxed) != Kind::kOut) return false;
  if (to < address_ || to - address_ != length_ || from.size() > room_ - length_) return false;
  memcpy(bytes_ + length_, from.data(), from.size());
  length_ += from.size();
  return true;
}

}  // namespace platform::systrap
