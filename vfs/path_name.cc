// SPDX-License-Identifier: Apache-2.0
#include <vector>

#include "vfs/dentry.h"
#include "vfs/mount.h"
#include "vfs/operations.h"

namespace vfs {

PathText PathName(const Path& path, const Path& root) {
  PathText text;
  text.deleted = path.dentry->is_deleted();
  if (path.dentry->is_anonymous()) {
    text.name = path.dentry->name();
    text.deleted = false;
    return text;
  }
  base::MutexLock mount_lock(MountTree::mutex());
  base::MutexLock tree_lock(Dentry::TreeMutex());
  std::vector<const std::string*> components;
  const Mount* mount = path.mount.get();
  const Dentry* dentry = path.dentry.get();
  while (mount != root.mount.get() || dentry != root.dentry.get()) {
    if (dentry == mount->root().get()) {
      const Dentry* mountpoint = MountTree::MountpointOf(*mount);
      if (mountpoint == nullptr) {
        text.reachable = false;
        break;
      }
      dentry = mountpoint;
      mount = MountTree::ParentOf(*mount);
      continue;
    }
    const Dentry* parent = dentry->parent_locked();
    if (parent == nullptr) {
      // Moved out of the part of its filesystem that is mounted here.
      components.clear();
      text.reachable = false;
      break;
    }
    components.push_back(&dentry->name_locked());
    dentry = parent;
  }
  for (auto it = components.rbegin(); it != components.rend(); ++it) {
    text.name += '/';
    text.name += **it;
  }
  if (text.name.empty()) text.name = "/";
  return text;
}

}  // namespace vfs
