// SPDX-License-Identifier: Apache-2.0
#include "vfs/lock/file_lock.h"

#include <poll.h>

#include <algorithm>
#include <atomic>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "vfs/inode.h"

namespace vfs {

// In the table while there are locks or requests.
class InodeLocks : public base::RefCounted {
 public:
  explicit InodeLocks(base::RefPtr<Inode> inode) : inode(std::move(inode)) {}
  // Kept alive by whoever holds a lock or waits; here for /proc/locks.
  const base::RefPtr<Inode> inode;
  // Guarded by the table's lock. In the order of their beginnings.
  std::vector<FileLock> locks;
  int requests = 0;
  base::WaitQueue queue;
};

namespace {

constinit base::LockClass kTableLock{"FileLocks"};
// How long a chain of waiting processes is followed. A circle beyond is not found, as on Linux.
constexpr int kDeepestSearch = 10;

struct Table {
  base::Mutex mutex{kTableLock};
  absl::flat_hash_map<const Inode*, base::RefPtr<InodeLocks>> inodes ABSL_GUARDED_BY(mutex);
  FileLocks::Request* requests ABSL_GUARDED_BY(mutex) = nullptr;
  // Read without the lock by those who only want to know that there is nothing to do.
  std::atomic<size_t> count{0};
};

Table& TheTable() {
  static Table& table = *new Table;
  return table;
}

bool Overlap(const FileLock& one, const FileLock& other) { return one.first <= other.last && other.first <= one.last; }
bool SameOwner(const FileLock& one, const FileLock& other) {
  return one.owner == other.owner && one.kind == other.kind;
}
bool Meet(const FileLock& one, const FileLock& other) {
  return (one.kind == LockKind::kWhole) == (other.kind == LockKind::kWhole);
}

bool Conflict(const FileLock& one, const FileLock& other) {
  return Meet(one, other) && !SameOwner(one, other) && Overlap(one, other) &&
         (one.type == LockType::kWrite || other.type == LockType::kWrite);
}

const FileLock* FindConflictIn(const InodeLocks& locks, const FileLock& lock) {
  for (const FileLock& held : locks.locks) {
    if (Conflict(held, lock)) return &held;
  }
  return nullptr;
}

// What is left of the owner's locks when `lock`'s bytes are taken out; with `merge`, neighbours of the same type grow
// into `lock` instead. Whether anything went or became weaker.
bool TakeOut(InodeLocks& locks, FileLock& lock, bool merge) {
  const FileLock wanted = lock;
  bool weaker = false;
  std::vector<FileLock> left;
  left.reserve(locks.locks.size() + 2);
  for (const FileLock& held : locks.locks) {
    if (!SameOwner(held, wanted)) {
      left.push_back(held);
      continue;
    }
    bool touches = held.first <= wanted.last + 1 && wanted.first <= held.last + 1;
    if (merge && held.type == wanted.type && touches) {
      lock.first = std::min(lock.first, held.first);
      lock.last = std::max(lock.last, held.last);
      continue;
    }
    if (!Overlap(held, wanted)) {
      left.push_back(held);
      continue;
    }
    weaker |= !merge || held.type == LockType::kWrite;
    if (held.first < wanted.first) {
      left.push_back(held);
      left.back().last = wanted.first - 1;
    }
    if (held.last > wanted.last) {
      left.push_back(held);
      left.back().first = wanted.last + 1;
    }
  }
  locks.locks = std::move(left);
  return weaker;
}

void Add(InodeLocks& locks, const FileLock& lock) {
  auto place = std::upper_bound(locks.locks.begin(), locks.locks.end(), lock,
                                [](const FileLock& one, const FileLock& other) { return one.first < other.first; });
  locks.locks.insert(place, lock);
}

// A step on an inode's locks: keeps the table's count, and drops what is empty.
class Step {
 public:
  Step(FileDescription& file, bool create) ABSL_EXCLUSIVE_LOCKS_REQUIRED(TheTable().mutex) {
    Inode& inode = file.inode();
    auto& inodes = TheTable().inodes;
    auto found = inodes.find(&inode);
    if (found == inodes.end()) {
      if (!create) return;
      found = inodes.emplace(&inode, base::MakeRef<InodeLocks>(base::RefPtr<Inode>(&inode))).first;
    }
    locks_ = found->second;
    before_ = locks_->locks.size();
  }
  const base::RefPtr<InodeLocks>& locks() const { return locks_; }
  void End() ABSL_EXCLUSIVE_LOCKS_REQUIRED(TheTable().mutex) {
    if (locks_ == nullptr) return;
    TheTable().count.fetch_add(locks_->locks.size() - before_, std::memory_order_relaxed);
    if (locks_->locks.empty() && locks_->requests == 0) TheTable().inodes.erase(locks_->inode.get());
  }

 private:
  base::RefPtr<InodeLocks> locks_;
  size_t before_ = 0;
};

base::Result<bool> SetIn(InodeLocks& locks, const FileLock& lock) {
  bool weaker = false;
  if (lock.kind == LockKind::kWhole) {
    for (const FileLock& held : locks.locks) {
      if (SameOwner(held, lock) && held.type == lock.type) return false;
    }
    // A change of the kind of lock is not one step (flock(2)): the old one goes first.
    FileLock whole = lock;
    weaker = TakeOut(locks, whole, false);
  }
  if (FindConflictIn(locks, lock) != nullptr) {
    if (weaker) locks.queue.Notify(POLLIN);
    return base::Errno(EAGAIN);
  }
  if (TheTable().count.load(std::memory_order_relaxed) >= FileLocks::kMost) return base::Errno(ENOLCK);
  FileLock merged = lock;
  weaker |= TakeOut(locks, merged, true);
  Add(locks, merged);
  return weaker;
}

}  // namespace

base::Result<void> FileLocks::TrySet(FileDescription& file, const FileLock& lock) {
  base::RefPtr<InodeLocks> locks;
  if (lock.kind != LockKind::kProcess) file.set_may_hold_locks();
  base::Result<bool> weaker = false;
  {
    base::MutexLock guard(TheTable().mutex);
    Step step(file, true);
    locks = step.locks();
    weaker = SetIn(*locks, lock);
    step.End();
  }
  if (!weaker.ok()) return weaker.error();
  if (*weaker) locks->queue.Notify(POLLIN);
  return {};
}

void FileLocks::Clear(FileDescription& file, const FileLock& lock) {
  if (TheTable().count.load(std::memory_order_relaxed) == 0) return;
  base::RefPtr<InodeLocks> locks;
  bool weaker = false;
  {
    base::MutexLock guard(TheTable().mutex);
    Step step(file, false);
    locks = step.locks();
    if (locks == nullptr) return;
    FileLock range = lock;
    weaker = TakeOut(*locks, range, false);
    step.End();
  }
  if (weaker) locks->queue.Notify(POLLIN);
}

std::optional<FileLock> FileLocks::FindConflict(FileDescription& file, const FileLock& lock) {
  base::RefPtr<InodeLocks> locks;
  base::MutexLock guard(TheTable().mutex);
  Step step(file, false);
  locks = step.locks();
  const FileLock* found = locks != nullptr ? FindConflictIn(*locks, lock) : nullptr;
  if (found == nullptr) return std::nullopt;
  return *found;
}

void FileLocks::ReleaseProcess(FileDescription& file, const void* owner) {
  Clear(file, {.kind = LockKind::kProcess, .owner = owner});
}

void FileLocks::ReleaseDescription(FileDescription& file) {
  Clear(file, {.kind = LockKind::kDescription, .owner = &file});
  Clear(file, {.kind = LockKind::kWhole, .owner = &file});
}

std::vector<LockInfo> FileLocks::List(Context& context) {
  std::vector<LockInfo> list;
  std::vector<base::RefPtr<InodeLocks>> known;
  {
    base::MutexLock guard(TheTable().mutex);
    auto add = [&](const InodeLocks& locks, const FileLock& lock, bool waiting) {
      list.push_back({lock, locks.inode->filesystem().device_minor(), 0, waiting});
      known.push_back(base::RefPtr<InodeLocks>(const_cast<InodeLocks*>(&locks)));
    };
    for (const auto& [inode, locks] : TheTable().inodes) {
      for (const FileLock& lock : locks->locks) {
        add(*locks, lock, false);
        for (const Request* request = TheTable().requests; request != nullptr; request = request->next_) {
          if (request->locks_ == locks && Conflict(lock, request->lock_)) add(*locks, request->lock_, true);
        }
      }
    }
  }
  for (size_t i = 0; i < list.size(); ++i) {
    base::Result<Attributes> attributes = known[i]->inode->Stat(context);
    if (attributes.ok()) list[i].inode = attributes->inode;
  }
  return list;
}

namespace {

base::RefPtr<InodeLocks> Join(FileDescription& file) {
  base::MutexLock guard(TheTable().mutex);
  Step step(file, true);
  ++step.locks()->requests;
  return step.locks();
}

}  // namespace

FileLocks::Request::Request(FileDescription& file, const FileLock& lock)
    : file_(file), lock_(lock), locks_(Join(file)) {
  base::MutexLock guard(TheTable().mutex);
  next_ = std::exchange(TheTable().requests, this);
}

FileLocks::Request::~Request() {
  base::MutexLock guard(TheTable().mutex);
  Request** place = &TheTable().requests;
  while (*place != this) place = &(*place)->next_;
  *place = next_;
  Step step(file_, true);
  --locks_->requests;
  step.End();
}

base::WaitQueue& FileLocks::Request::queue() { return locks_->queue; }

bool FileLocks::LeadsBackLocked(const void* owner, const Request& request, int depth) {
  TheTable().mutex.AssertHeld();
  if (depth == 0) return false;
  for (const FileLock& held : request.locks_->locks) {
    if (!Conflict(held, request.lock_) || held.kind != LockKind::kProcess) continue;
    if (held.owner == owner) return true;
    for (const Request* next = TheTable().requests; next != nullptr; next = next->next_) {
      if (next->lock_.kind == LockKind::kProcess && next->lock_.owner == held.owner &&
          LeadsBackLocked(owner, *next, depth - 1)) {
        return true;
      }
    }
  }
  return false;
}

base::Result<void> FileLocks::Request::Try() {
  base::Result<void> set = TrySet(file_, lock_);
  if (set.ok() || set.error().code() != EAGAIN || lock_.kind != LockKind::kProcess) return set;
  base::MutexLock guard(TheTable().mutex);
  if (LeadsBackLocked(lock_.owner, *this, kDeepestSearch)) return base::Errno(EDEADLK);
  return set;
}

}  // namespace vfs
