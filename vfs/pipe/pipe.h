// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "base/mutex.h"
#include "base/ref.h"
#include "base/result.h"
#include "base/wait_queue.h"
#include "vfs/context.h"
#include "vfs/file_description.h"
#include "vfs/io_sequence.h"

namespace vfs {

// The bytes between writers and readers (pipe(7)), for pipes and FIFOs. Thread-safe.
class Pipe : public base::RefCounted {
 public:
  static constexpr size_t kDefaultCapacity = 64 * 1024;
  static constexpr size_t kAtomic = 4096;               // PIPE_BUF
  static constexpr size_t kMaxCapacity = 1024 * 1024;   // fs.pipe-max-size, without CAP_SYS_RESOURCE.
  static constexpr size_t kHardMaxCapacity = 1u << 31;  // F_SETPIPE_SZ's own.

  Pipe();

  // At the end, 0; EAGAIN: empty, with writers.
  base::Result<size_t> TryRead(IoSequence& to);
  // EPIPE: no readers. EAGAIN: no room; up to kAtomic bytes are written at once or not at all, of more as much as fits.
  base::Result<size_t> TryWrite(IoSequence& from);
  // Bytes moved by splice(2) and tee(2), through a buffer. Peek copies the first bytes and leaves them. PutBack returns
  // the last bytes read to where they were, and Append adds bytes, both beyond the capacity if need be: room was
  // looked for before. EPIPE, ENOMEM.
  size_t Peek(std::span<std::byte> to);
  base::Result<void> PutBack(std::span<const std::byte> bytes);
  base::Result<void> Append(std::span<const std::byte> bytes);
  // Room for writers now.
  size_t writable_bytes() const;
  size_t readable_bytes() const;
  size_t capacity() const;
  // F_SETPIPE_SZ: the new capacity. EINVAL, EPERM, EBUSY as fcntl(2).
  base::Result<size_t> SetCapacity(Context& context, size_t wanted);

  struct Ends {
    bool reads = false;
    bool writes = false;
  };
  void Open(Ends ends);
  // True when nobody has it open any more.
  bool Close(Ends ends);
  bool has_readers() const;
  bool has_writers() const;
  // How often either end was opened so far: an opener that waits for the other side looks for a change.
  uint64_t reader_opens() const;
  uint64_t writer_opens() const;
  // Events of poll(2) for who has these ends. No POLLHUP as long as writer_opens() is `unseen_writers`.
  base::EventMask Readiness(Ends ends, uint64_t unseen_writers) const;
  base::WaitQueue& wait_queue() { return wait_queue_; }

 private:
  static base::LockClass kLock;

  size_t free_bytes() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return capacity_ > used_ ? capacity_ - used_ : 0; }
  void StoreLocked(size_t offset, std::span<const std::byte> bytes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Makes the buffer at least `size` bytes large, a power of two. ENOMEM.
  base::Result<void> Grow(size_t size) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The bytes from `offset` behind the head on that lie in one piece.
  std::span<std::byte> Piece(size_t offset, size_t count) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable base::Mutex mutex_;
  base::WaitQueue wait_queue_;
  std::unique_ptr<std::byte[]> buffer_ ABSL_GUARDED_BY(mutex_);  // A ring; made when first needed.
  size_t allocated_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t head_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t used_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t capacity_ ABSL_GUARDED_BY(mutex_) = kDefaultCapacity;
  uint32_t readers_ ABSL_GUARDED_BY(mutex_) = 0;
  uint32_t writers_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t reader_opens_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t writer_opens_ ABSL_GUARDED_BY(mutex_) = 0;
};

struct PipePair {
  base::RefPtr<FileDescription> reader, writer;
};
// pipe2(2). `flags`: O_NONBLOCK; O_DIRECT (packets) is not there yet: EINVAL.
base::Result<PipePair> CreatePipe(Context& context, int flags);

// Opens a FIFO by its inode, as open(2): ENXIO for O_WRONLY | O_NONBLOCK without readers; see
// FileDescription::TryFinishOpen for the waiting.
base::Result<base::RefPtr<FileDescription>> OpenFifo(const Path& path, int flags);

}  // namespace vfs
