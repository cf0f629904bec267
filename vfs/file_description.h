// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/mutex.h"
#include "base/ref.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "base/wait_queue.h"
#include "vfs/attributes.h"
#include "vfs/context.h"
#include "vfs/io_sequence.h"
#include "vfs/path.h"

namespace vfs {

class EpollItem;
class Inode;
class Pipe;

// Host memory behind a file, for mmap(2). One per inode and access mode; shared by all its mappings.
class Mappable : public base::RefCounted {
 public:
  // A host descriptor to map; owned by this object. `writable` tells whether it may back MAP_SHARED + PROT_WRITE.
  virtual int host_fd() const = 0;
  virtual bool writable() const = 0;
  // A slot for the memory manager: what it made of the descriptor (a platform::DonatedFile).
  base::Guarded<base::RefPtr<base::RefCounted>>& donated() { return donated_; }

 protected:
  Mappable() : donated_(kLock) {}

 private:
  static inline constinit base::LockClass kLock{"Mappable::donated_"};
  base::Guarded<base::RefPtr<base::RefCounted>> donated_;
};

// Receives directory entries. Returns false when it has no room: the entry is not consumed.
class DirectorySink {
 public:
  virtual ~DirectorySink() = default;
  // `next_offset` is the directory offset behind this entry; `type` a DT_* value.
  virtual bool Add(std::string_view name, uint64_t inode, uint8_t type, int64_t next_offset) = 0;
};

// What a description is, for the calls that only some kinds answer.
// Those behind kInotify are the sentry's.
enum class FileKind : uint8_t { kOther, kPipe, kEpoll, kInotify, kSocket, kTimer, kSignal, kProcess, kTerminal };

// An open file description (open(2)): what file descriptors refer to.
// Nothing here ever sleeps. Try* operations that cannot proceed now return EAGAIN, whatever O_NONBLOCK says; the caller
// (sentry's BlockingOp) registers a waiter, tries again, and blocks. Thread-safe.
class FileDescription : public base::RefCounted {
 public:
  // The path it was opened by; for /proc/PID/fd and *at calls. Anonymous files (pipes, eventfds) have a path on an
  // internal mount whose name is e.g. "pipe:[7]".
  const Path& path() const { return path_; }
  Inode& inode() const;
  // kEpoll: an Epoll. kInotify: an Inotify.
  virtual FileKind kind() const { return FileKind::kOther; }
  // kPipe: the bytes behind it; else null.
  virtual Pipe* pipe() { return nullptr; }
  // Open flags as fcntl(F_GETFL) shows them (without O_CREAT, O_EXCL, O_NOCTTY, O_TRUNC, O_CLOEXEC).
  int flags() const { return flags_.load(std::memory_order_relaxed); }
  // The file offset now.
  int64_t offset() const;
  bool readable() const;
  bool writable() const;
  bool is_path_only() const;  // O_PATH
  // Opening a FIFO waits for the other side (fifo(7)): EAGAIN until it may be handed to the guest; the opener waits on
  // wait_queue() and asks again, whatever O_NONBLOCK says (Open has honoured it). Default: at once.
  virtual base::Result<void> TryFinishOpen(Context& context);
  // F_SETFL: changes O_APPEND, O_NONBLOCK, O_ASYNC, O_DIRECT, O_NOATIME. EPERM, EINVAL as fcntl(2).
  virtual base::Result<void> SetStatusFlags(Context& context, int flags);

  // read(2) and write(2) at the file offset, which moves. EAGAIN: would block. Streams override these; the default
  // locks the offset and calls the *At form (O_APPEND goes to the end).
  // The caller has checked readable()/writable(). A write that returns fewer bytes than asked is a partial write.
  virtual base::Result<size_t> TryRead(Context& context, IoSequence& to);
  virtual base::Result<size_t> TryWrite(Context& context, IoSequence& from);
  // pread(2), pwrite(2). Default: ESPIPE.
  virtual base::Result<size_t> TryReadAt(Context& context, IoSequence& to, int64_t offset);
  virtual base::Result<size_t> TryWriteAt(Context& context, IoSequence& from, int64_t offset);
  // A write at the end, and where it ended. Default: Stat, then TryWriteAt; files that several descriptions may append
  // to make it one step.
  virtual base::Result<size_t> TryAppend(Context& context, IoSequence& from, int64_t& end);
  // lseek(2). Default: ESPIPE.
  virtual base::Result<int64_t> Seek(Context& context, int64_t offset, int whence);
  // getdents64(2) from the directory offset. Default: ENOTDIR. The entry that did not fit is delivered next time.
  virtual base::Result<void> ReadDirectory(Context& context, DirectorySink& sink);

  // Current events of poll(2). Default (regular files, directories): POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM.
  virtual base::EventMask Readiness();
  // Whether epoll_ctl(2) accepts it (EPERM for regular files and directories).
  virtual bool SupportsPoll() const { return wait_queue() != nullptr; }
  // The queue that is notified when Readiness gains events; null when it never changes.
  virtual base::WaitQueue* wait_queue() const { return nullptr; }

  virtual base::Result<Attributes> Stat(Context& context);                                    // fstat
  virtual base::Result<void> SetAttributes(Context& context, const AttributeChange& change);  // fchmod, ftruncate...
  virtual base::Result<FilesystemStatus> StatFilesystem(Context& context);
  virtual base::Result<void> Sync(Context& context, bool data_only);                                // fsync, fdatasync
  virtual base::Result<void> Allocate(Context& context, int mode, int64_t offset, int64_t length);  // fallocate
  // Default: ENOTTY.
  virtual base::Result<uint64_t> Ioctl(Context& context, uint32_t request, uint64_t argument);
  // Commands of fcntl(2) beyond descriptors and status flags (F_SETPIPE_SZ, seals, locks). Default: EINVAL.
  virtual base::Result<uint64_t> Control(Context& context, int command, uint64_t argument);
  // The lines of /proc/PID/fdinfo behind the common ones ("eventfd-count: ..."). Default: none.
  virtual std::string Details() { return {}; }
  // For mmap. Default: ENODEV. EACCES is decided by the caller from readable()/writable().
  virtual base::Result<base::RefPtr<Mappable>> Map(Context& context, bool shared, bool writable);
  // Whether mapping it is mapping anonymous memory (/dev/zero, zero(4)).
  virtual bool MapsAsAnonymous() const { return false; }
  // Whether O_DIRECT may be set.
  virtual bool SupportsDirect() const { return false; }
  // The description took one of the inode's and the mount's writer places (AddWriter), to be given back at its end.
  void set_holds_writer() { holds_writer_ = true; }
  // It was opened by open(2): watchers are told of its end (vfs/inotify).
  void set_tells_close() { tells_close_ = true; }
  // Locks may be owned by this description, to be released at its end.
  void set_may_hold_locks() { may_hold_locks_.store(true, std::memory_order_relaxed); }
  // Called for every close(2) of a descriptor that refers to this, by whoever closes. Errors are close's.
  virtual base::Result<void> Flush(Context& context);

 protected:
  FileDescription(Path path, int flags);
  ~FileDescription() override;
  // Epoll instances that watch it let go while it is still whole.
  void LastReferenceGone() override;

  // Replaces the flags F_SETFL may change, after the checks.
  void ReplaceStatusFlags(int flags);
  // lseek(2) for a file of `size` bytes that may grow to `limit`.
  base::Result<int64_t> SeekWithin(int64_t offset, int whence, int64_t size, int64_t limit = INT64_MAX);

  static base::LockClass kOffsetLock;
  mutable base::Mutex offset_mutex_;
  int64_t offset_ ABSL_GUARDED_BY(offset_mutex_) = 0;

 private:
  friend class Epoll;

  const Path path_;
  std::atomic<int> flags_;
  std::atomic<bool> watched_{false};
  std::atomic<bool> may_hold_locks_{false};
  EpollItem* watchers_ = nullptr;  // Epoll's items for this description; guarded by its lock.
  bool tells_close_ = false;       // As the next.
  bool holds_writer_ = false;      // Const once the description is shared.
};

}  // namespace vfs
