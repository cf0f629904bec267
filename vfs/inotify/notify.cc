// SPDX-License-Identifier: Apache-2.0
#include "vfs/inotify/notify.h"

#include <sys/inotify.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "vfs/dentry.h"
#include "vfs/file_description.h"
#include "vfs/inode.h"
#include "vfs/inotify/inotify_table.h"

namespace vfs {
namespace {

constinit base::LockClass kTableLock{"InotifyTable"};

using Watches = std::vector<Inotify*>;

// The instances that watch an inode.
absl::flat_hash_map<const Inode*, Watches>& ByInode() ABSL_EXCLUSIVE_LOCKS_REQUIRED(InotifyTable::mutex()) {
  static auto& map = *new absl::flat_hash_map<const Inode*, Watches>;
  return map;
}

uint32_t DirectoryBit(const Inode& inode) { return inode.is_directory() ? IN_ISDIR : 0; }

// IN_DELETE_SELF once nobody uses the last name any more: now, if that is only the caller.
void TellGone(Context& context, Dentry& dentry) {
  base::Result<Attributes> attributes = dentry.inode()->Stat(context);
  bool last = dentry.is_directory() || (attributes.ok() && attributes->links == 0);
  if (!last) return;
  if (dentry.reference_count() == 1) {
    InotifyTable::Gone(*dentry.inode());
  } else {
    dentry.set_last_link(true);
  }
}

}  // namespace

std::atomic<uint64_t> inotify_watches{0};

base::Mutex& InotifyTable::mutex() {
  static base::Mutex& mutex = *new base::Mutex(kTableLock);
  return mutex;
}

Inotify::Watch* InotifyTable::Find(const Inode& inode, const Inotify& owner) {
  auto found = ByInode().find(&inode);
  if (found == ByInode().end()) return nullptr;
  if (std::find(found->second.begin(), found->second.end(), &owner) == found->second.end()) return nullptr;
  for (const auto& [descriptor, watch] : owner.watches_) {
    if (watch->inode.get() == &inode) return watch.get();
  }
  return nullptr;
}

void InotifyTable::Enter(Inotify::Watch& watch) {
  ByInode()[watch.inode.get()].push_back(watch.owner);
  inotify_watches.fetch_add(1, std::memory_order_relaxed);
}

base::RefPtr<Inode> InotifyTable::Remove(Inotify::Watch& watch, bool tell) {
  base::RefPtr<Inode> inode = std::move(watch.inode);
  Inotify& owner = *watch.owner;
  int32_t descriptor = watch.descriptor;
  auto found = ByInode().find(inode.get());
  std::erase(found->second, &owner);
  if (found->second.empty()) ByInode().erase(found);
  inotify_watches.fetch_sub(1, std::memory_order_relaxed);
  owner.watches_.erase(descriptor);
  if (tell) owner.Queue({.descriptor = descriptor, .mask = IN_IGNORED});
  return inode;
}

void InotifyTable::Tell(const Inode& inode, uint32_t event, std::string_view name, uint32_t cookie, bool excluded) {
  std::vector<base::RefPtr<Inode>> ended;
  base::MutexLock lock(mutex());
  auto found = ByInode().find(&inode);
  if (found == ByInode().end()) return;
  Watches owners = found->second;
  for (Inotify* owner : owners) {
    Inotify::Watch* watch = Find(inode, *owner);
    if (watch == nullptr || (watch->mask & event & IN_ALL_EVENTS) == 0) continue;
    if (excluded && (watch->mask & IN_EXCL_UNLINK) != 0) continue;
    owner->Queue({watch->descriptor, event, cookie, std::string(name)});
    if ((watch->mask & IN_ONESHOT) != 0) ended.push_back(Remove(*watch, true));
  }
}

void InotifyTable::Gone(const Inode& inode) {
  std::vector<base::RefPtr<Inode>> ended;
  base::MutexLock lock(mutex());
  while (true) {
    auto found = ByInode().find(&inode);
    if (found == ByInode().end()) return;
    Inotify& owner = *found->second.front();
    Inotify::Watch& watch = *Find(inode, owner);
    if ((watch.mask & IN_DELETE_SELF) != 0) owner.Queue({.descriptor = watch.descriptor, .mask = IN_DELETE_SELF});
    ended.push_back(Remove(watch, true));
  }
}

void TellInode(Inode& inode, uint32_t event) { InotifyTable::Tell(inode, event | DirectoryBit(inode)); }

void TellName(Dentry& directory, Dentry& child, uint32_t event) {
  InotifyTable::Tell(*directory.inode(), event | DirectoryBit(*child.inode()), child.name());
}

void TellPath(const Path& path, uint32_t event) {
  Dentry& dentry = *path.dentry;
  event |= DirectoryBit(*dentry.inode());
  base::RefPtr<Dentry> parent = dentry.parent();
  if (parent.get() != &dentry) {
    InotifyTable::Tell(*parent->inode(), event, dentry.name(), 0, dentry.is_deleted());
  }
  InotifyTable::Tell(*dentry.inode(), event);
}

void NotifyRemoved(Context& context, Dentry& directory, Dentry& child) {
  if (!AnyWatches()) return;
  if (!child.is_directory()) TellInode(*child.inode(), IN_ATTRIB);
  TellGone(context, child);
  TellName(directory, child, IN_DELETE);
}

void NotifyMoved(Context& context, const MoveNames& names, Dentry& moved, Dentry* replaced) {
  static std::atomic<uint32_t> last_cookie{0};
  if (!AnyWatches()) return;
  uint32_t cookie = last_cookie.fetch_add(1, std::memory_order_relaxed) + 1;
  uint32_t directory = DirectoryBit(*moved.inode());
  InotifyTable::Tell(*names.old_directory.inode(), IN_MOVED_FROM | directory, names.old_name, cookie);
  InotifyTable::Tell(*names.new_directory.inode(), IN_MOVED_TO | directory, names.new_name, cookie);
  if (replaced != nullptr) {
    if (!replaced->is_directory()) TellInode(*replaced->inode(), IN_ATTRIB);
    TellGone(context, *replaced);
  }
  InotifyTable::Tell(*moved.inode(), IN_MOVE_SELF);
}

void NotifyInodeGone(Inode& inode) {
  if (AnyWatches()) InotifyTable::Gone(inode);
}

void NotifyClose(FileDescription& description) {
  if (AnyWatches()) TellPath(description.path(), description.writable() ? IN_CLOSE_WRITE : IN_CLOSE_NOWRITE);
}

}  // namespace vfs
