// SPDX-License-Identifier: Apache-2.0
// Advisory locks on files: record locks of processes and of open file descriptions (fcntl(2)), and flock(2)'s. They
// live in one table of the sandbox, by inode, as long as there are any; inodes know nothing of them. Locks on files
// that the host shares with others are not the host's.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/mutex.h"
#include "base/ref.h"
#include "base/result.h"
#include "base/wait_queue.h"
#include "vfs/file_description.h"

namespace vfs {

enum class LockKind : uint8_t {
  kProcess,      // Owned by a table of descriptors: F_SETLK.
  kDescription,  // Owned by an open file description: F_OFD_SETLK. Meets kProcess.
  kWhole,        // flock(2), of the whole file, owned by an open file description. Meets only its own kind.
};

enum class LockType : uint8_t { kRead, kWrite };

// A lock held, or asked for, on the bytes [first, last].
struct FileLock {
  LockKind kind = LockKind::kProcess;
  LockType type = LockType::kRead;
  uint64_t first = 0, last = INT64_MAX;
  const void* owner = nullptr;  // Compared, never followed.
  int32_t process = 0;          // Who F_GETLK names: the process for kProcess, else -1.
};

// What /proc/locks shows of a lock.
struct LockInfo {
  FileLock lock;
  uint32_t device_minor = 0;
  uint64_t inode = 0;
  bool waiting = false;
};

// The locks of one inode, and who waits for them.
class InodeLocks;

// Thread-safe; nothing here sleeps.
class FileLocks {
 public:
  // The most locks of the sandbox: ENOLCK.
  static constexpr size_t kMost = 1u << 20;

  // Gives the owner the lock, in place of what it holds on these bytes. EAGAIN: somebody else's is in the way; ENOLCK.
  static base::Result<void> TrySet(FileDescription& file, const FileLock& lock);
  // Takes away what the owner of `lock` holds on its bytes.
  static void Clear(FileDescription& file, const FileLock& lock);
  // A lock that is in the way of `lock`, the first one in the file.
  static std::optional<FileLock> FindConflict(FileDescription& file, const FileLock& lock);

  // A descriptor of `owner` for the file was closed: all its kProcess locks on it go (fcntl(2)).
  static void ReleaseProcess(FileDescription& file, const void* owner);
  // The description ends.
  static void ReleaseDescription(FileDescription& file);

  static std::vector<LockInfo> List(Context& context);

  // A request that waits: known to the search for circles while it lives.
  class Request {
   public:
    Request(FileDescription& file, const FileLock& lock);
    ~Request();
    Request(const Request&) = delete;
    Request& operator=(const Request&) = delete;
    // As TrySet. EDEADLK: kProcess only, the owner in the way waits, perhaps through others, for this one.
    base::Result<void> Try();
    // Notified (POLLIN) when a lock of the file went or became weaker.
    base::WaitQueue& queue();

   private:
    friend class FileLocks;
    FileDescription& file_;
    const FileLock lock_;
    const base::RefPtr<InodeLocks> locks_;
    Request* next_ = nullptr;  // Guarded by the table's lock.
  };

 private:
  static bool LeadsBackLocked(const void* owner, const Request& request, int depth);
};

}  // namespace vfs
