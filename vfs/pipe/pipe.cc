// SPDX-License-Identifier: Apache-2.0
#include "vfs/pipe/pipe.h"

#include <poll.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <new>
#include <utility>

#include "vfs/permission.h"

namespace vfs {
namespace {

constexpr size_t kFirstAllocation = 4096;
constexpr base::EventMask kReadable = POLLIN | POLLRDNORM;
constexpr base::EventMask kWritable = POLLOUT | POLLWRNORM;

}  // namespace

constinit base::LockClass Pipe::kLock{"Pipe::mutex_"};

Pipe::Pipe() : mutex_(kLock) {}

base::Result<void> Pipe::Grow(size_t size) {
  if (size <= allocated_) return {};
  size_t wanted = std::max(std::bit_ceil(size), kFirstAllocation);
  std::unique_ptr<std::byte[]> larger(new (std::nothrow) std::byte[wanted]);
  if (larger == nullptr) return base::Errno(ENOMEM);
  for (size_t done = 0; done < used_;) {
    std::span<std::byte> piece = Piece(done, used_ - done);
    std::copy(piece.begin(), piece.end(), larger.get() + done);
    done += piece.size();
  }
  buffer_ = std::move(larger);
  allocated_ = wanted;
  head_ = 0;
  return {};
}

std::span<std::byte> Pipe::Piece(size_t offset, size_t count) {
  size_t begin = (head_ + offset) & (allocated_ - 1);
  return {buffer_.get() + begin, std::min(count, allocated_ - begin)};
}

base::Result<size_t> Pipe::TryRead(IoSequence& to) {
  size_t total = 0;
  bool room_again = false;
  {
    base::MutexLock lock(mutex_);
    if (to.remaining() == 0) return size_t{0};
    if (used_ == 0) return writers_ == 0 ? base::Result<size_t>(size_t{0}) : base::Errno(EAGAIN);
    bool had_room = free_bytes() >= kAtomic;
    while (used_ > 0 && to.remaining() > 0) {
      std::span<std::byte> piece = Piece(0, std::min(used_, to.remaining()));
      base::Result<size_t> copied = to.CopyOut(piece);
      if (!copied.ok() && total == 0) return copied.error();
      if (!copied.ok()) break;
      head_ = (head_ + *copied) & (allocated_ - 1);
      used_ -= *copied;
      total += *copied;
      if (*copied < piece.size()) break;
    }
    room_again = !had_room && free_bytes() >= kAtomic;
  }
  if (room_again) wait_queue_.Notify(kWritable);
  return total;
}

base::Result<size_t> Pipe::TryWrite(IoSequence& from) {
  size_t total = 0;
  {
    base::MutexLock lock(mutex_);
    size_t wanted = from.remaining();
    if (wanted == 0) return size_t{0};
    if (readers_ == 0) return base::Errno(EPIPE);
    if (free_bytes() < (wanted <= kAtomic ? wanted : 1)) return base::Errno(EAGAIN);
    size_t count = std::min(wanted, free_bytes());
    TRY(Grow(used_ + count));
    while (count > 0) {
      std::span<std::byte> piece = Piece(used_, count);
      base::Result<size_t> copied = from.CopyIn(piece);
      if (!copied.ok() && total == 0) return copied.error();
      if (!copied.ok()) break;
      used_ += *copied;
      total += *copied;
      count -= *copied;
      if (*copied < piece.size()) break;
    }
  }
  // Every write, not only one into an empty pipe: edge-triggered readers count on it.
  if (total > 0) wait_queue_.Notify(kReadable);
  return total;
}

size_t Pipe::Peek(std::span<std::byte> to) {
  base::MutexLock lock(mutex_);
  size_t wanted = std::min(to.size(), used_);
  for (size_t done = 0; done < wanted;) {
    std::span<std::byte> piece = Piece(done, wanted - done);
    std::copy(piece.begin(), piece.end(), to.data() + done);
    done += piece.size();
  }
  return wanted;
}

void Pipe::StoreLocked(size_t offset, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    std::span<std::byte> piece = Piece(offset, bytes.size());
    std::copy_n(bytes.begin(), piece.size(), piece.begin());
    bytes = bytes.subspan(piece.size());
    offset += piece.size();
  }
}

base::Result<void> Pipe::PutBack(std::span<const std::byte> bytes) {
  {
    base::MutexLock lock(mutex_);
    TRY(Grow(used_ + bytes.size()));
    head_ = (head_ + allocated_ - bytes.size()) & (allocated_ - 1);
    used_ += bytes.size();
    StoreLocked(0, bytes);
  }
  wait_queue_.Notify(kReadable);
  return {};
}

base::Result<void> Pipe::Append(std::span<const std::byte> bytes) {
  {
    base::MutexLock lock(mutex_);
    if (readers_ == 0) return base::Errno(EPIPE);
    TRY(Grow(used_ + bytes.size()));
    StoreLocked(used_, bytes);
    used_ += bytes.size();
  }
  wait_queue_.Notify(kReadable);
  return {};
}

size_t Pipe::writable_bytes() const {
  base::MutexLock lock(mutex_);
  return free_bytes();
}

size_t Pipe::readable_bytes() const {
  base::MutexLock lock(mutex_);
  return used_;
}

size_t Pipe::capacity() const {
  base::MutexLock lock(mutex_);
  return capacity_;
}

base::Result<size_t> Pipe::SetCapacity(Context& context, size_t wanted) {
  if (wanted > kHardMaxCapacity) return base::Errno(EINVAL);
  size_t capacity = std::bit_ceil(std::max(wanted, kAtomic));
  {
    base::MutexLock lock(mutex_);
    if (capacity > capacity_ && capacity > kMaxCapacity && !context.credentials().HasCapability(kCapSysResource)) {
      return base::Errno(EPERM);
    }
    if (capacity < used_) return base::Errno(EBUSY);
    capacity_ = capacity;
  }
  wait_queue_.Notify(kWritable);
  return capacity;
}

void Pipe::Open(Ends ends) {
  {
    base::MutexLock lock(mutex_);
    if (ends.reads) ++readers_, ++reader_opens_;
    if (ends.writes) ++writers_, ++writer_opens_;
  }
  // Openers of the other end wait for either.
  wait_queue_.Notify(kReadable | kWritable);
}

bool Pipe::Close(Ends ends) {
  base::EventMask gone = 0;
  bool unused = false;
  {
    base::MutexLock lock(mutex_);
    if (ends.reads && --readers_ == 0) gone |= POLLERR | kWritable;
    if (ends.writes && --writers_ == 0) gone |= POLLHUP | kReadable;
    unused = readers_ == 0 && writers_ == 0;
    // What nobody read is lost with the last end.
    if (unused) {
      buffer_.reset();
      allocated_ = head_ = used_ = 0;
    }
  }
  if (gone != 0) wait_queue_.Notify(gone);
  return unused;
}

bool Pipe::has_readers() const {
  base::MutexLock lock(mutex_);
  return readers_ > 0;
}

bool Pipe::has_writers() const {
  base::MutexLock lock(mutex_);
  return writers_ > 0;
}

uint64_t Pipe::reader_opens() const {
  base::MutexLock lock(mutex_);
  return reader_opens_;
}

uint64_t Pipe::writer_opens() const {
  base::MutexLock lock(mutex_);
  return writer_opens_;
}

base::EventMask Pipe::Readiness(Ends ends, uint64_t unseen_writers) const {
  base::MutexLock lock(mutex_);
  base::EventMask events = 0;
  if (ends.reads) {
    if (used_ > 0) events |= kReadable;
    if (writers_ == 0 && writer_opens_ != unseen_writers) events |= POLLHUP;
  }
  if (ends.writes) {
    if (free_bytes() >= kAtomic) events |= kWritable;
    if (readers_ == 0) events |= POLLERR;
  }
  return events;
}

}  // namespace vfs
