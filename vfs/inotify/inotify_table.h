// SPDX-License-Identifier: Apache-2.0
// All watches of the sandbox, by inode; private to vfs/inotify.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "base/ref.h"
#include "vfs/inotify/inotify.h"

namespace vfs {

class InotifyTable {
 public:
  static base::Mutex& mutex();

  // Queues `event` for who watches `inode`. `excluded`: not for watches with IN_EXCL_UNLINK.
  static void Tell(const Inode& inode, uint32_t event, std::string_view name = {}, uint32_t cookie = 0,
                   bool excluded = false);
  // Queues IN_DELETE_SELF and ends the watches of the inode.
  static void Gone(const Inode& inode);

  static Inotify::Watch* Find(const Inode& inode, const Inotify& owner) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());
  static void Enter(Inotify::Watch& watch) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());
  // Ends a watch; its inode is handed out, to be let go without the lock. `tell`: IN_IGNORED is queued.
  static base::RefPtr<Inode> Remove(Inotify::Watch& watch, bool tell) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex());
};

}  // namespace vfs
