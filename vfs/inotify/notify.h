// SPDX-License-Identifier: Apache-2.0
// How the vfs tells watchers (inotify(7)) what happens to files. As long as nobody watches anything these cost one
// load. `event` is one of inotify's IN_* events; IN_ISDIR is added here. Whoever changed the file calls them, after the
// change, perhaps with directory locks held: watchers' locks are leaves. Host changes of shared files tell nobody.
#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>

#include "base/ref.h"
#include "vfs/context.h"
#include "vfs/path.h"

namespace vfs {

class Dentry;
class FileDescription;
class Inode;

// How many watches there are.
extern std::atomic<uint64_t> inotify_watches;
inline bool AnyWatches() { return inotify_watches.load(std::memory_order_relaxed) != 0; }

void TellName(Dentry& directory, Dentry& child, uint32_t event);
void TellPath(const Path& path, uint32_t event);
void TellInode(Inode& inode, uint32_t event);

// `child` appeared in or vanished from `directory`: told to who watches the directory.
inline void NotifyName(Dentry& directory, Dentry& child, uint32_t event) {
  if (AnyWatches()) TellName(directory, child, event);
}
// Something happened to a file: told to who watches it, and, with its name, to who watches the directory it is in.
inline void NotifyPath(const Path& path, uint32_t event) {
  if (AnyWatches()) TellPath(path, event);
}
// The same, to who watches the inode only.
inline void NotifyInode(Inode& inode, uint32_t event) {
  if (AnyWatches()) TellInode(inode, event);
}
// After unlink or rmdir: IN_ATTRIB, IN_DELETE, and IN_DELETE_SELF now or when `child` is no longer used.
void NotifyRemoved(Context& context, Dentry& directory, Dentry& child);
// After a rename, with what it replaced (may be null).
struct MoveNames {
  Dentry& old_directory;
  std::string_view old_name;
  Dentry& new_directory;
  std::string_view new_name;
};
void NotifyMoved(Context& context, const MoveNames& names, Dentry& moved, Dentry* replaced);
// The dentry of the last name is gone: IN_DELETE_SELF, and the inode's watches end.
void NotifyInodeGone(Inode& inode);
// An open description ends.
void NotifyClose(FileDescription& description);

}  // namespace vfs
