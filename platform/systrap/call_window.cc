// SPDX-License-Identifier: Apache-2.0
#include "platform/systrap/call_window.h"

#include <algorithm>
#include <cstring>

namespace platform::systrap {

constinit base::LockClass CallWindow::kLock{"systrap::CallWindow::mutex_"};

size_t CallWindow::Part::From(base::GuestAddr from) const {
  return from < address || from - address >= length ? 0 : length - (from - address);
}

bool CallWindow::Part::Overlaps(base::GuestAddr other, size_t size) const {
  return other < address ? address - other < size : other - address < length;
}

void CallWindow::Open(std::span<std::byte> data, base::GuestAddr in_address, size_t in_length,
                      base::GuestAddr out_address, size_t room) {
  base::MutexLock lock(mutex_);
  data_ = data;
  in_ = {in_address, std::min(in_length, data.size())};
  out_ = {out_address, 0};
  room_ = std::min(room, data.size());
  open_.store(in_.length != 0 || room_ != 0, std::memory_order_release);
}

CallWindow::Written CallWindow::Close() {
  if (!open_.load(std::memory_order_acquire)) return {};
  base::MutexLock lock(mutex_);
  Written written{out_.address, data_.first(out_.length)};
  in_.length = out_.length = room_ = 0;
  open_.store(false, std::memory_order_release);
  return written;
}

bool CallWindow::Covers(base::GuestAddr address, size_t size) {
  if (!open_.load(std::memory_order_acquire)) return false;
  base::MutexLock lock(mutex_);
  return out_.length != 0 && out_.Overlaps(address, size);
}

bool CallWindow::Read(base::GuestAddr from, std::span<std::byte> to) {
  if (!open_.load(std::memory_order_acquire)) return false;
  base::MutexLock lock(mutex_);
  for (const Part* part : {&in_, &out_}) {
    if (to.size() > part->From(from)) continue;
    memcpy(to.data(), data_.data() + (from - part->address), to.size());
    return true;
  }
  return false;
}

size_t CallWindow::ReadString(base::GuestAddr from, std::span<char> to) {
  if (!open_.load(std::memory_order_acquire)) return 0;
  base::MutexLock lock(mutex_);
  size_t length = std::min(in_.From(from), to.size());
  if (length == 0) return 0;
  const auto* end = static_cast<const char*>(memccpy(to.data(), data_.data() + (from - in_.address), 0, length));
  return end == nullptr ? 0 : static_cast<size_t>(end - to.data());
}

bool CallWindow::Write(base::GuestAddr to, std::span<const std::byte> from) {
  if (!open_.load(std::memory_order_acquire)) return false;
  base::MutexLock lock(mutex_);
  // What came along may no longer be what is there.
  in_.length = 0;
  if (to < out_.address || to - out_.address != out_.length || from.size() > room_ - out_.length) return false;
  memcpy(data_.data() + out_.length, from.data(), from.size());
  out_.length += from.size();
  return true;
}

}  // namespace platform::systrap
