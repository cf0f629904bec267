// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/ref.h"
#include "base/result.h"
#include "vfs/dentry.h"
#include "vfs/inode.h"

namespace vfs {

// What can be said at mounting (tmpfs(5)).
struct TmpfsOptions {
  uint64_t pages = 0;   // The most pages files may take; 0: no limit.
  uint64_t inodes = 0;  // The most inodes; 0: no limit.
  uint32_t mode = 01777;
  base::KUid uid;
  base::KGid gid;

  // Reads mount(2)'s data string ("size=64m,mode=755"). Without size or nr_inodes, and for "size=50%", `memory` bytes
  // of RAM are what shares are taken of. Unknown options and bad values: EINVAL. uid, gid are taken as they are.
  static base::Result<TmpfsOptions> Parse(std::string_view data, uint64_t memory);
};

// Files in memory. Small files lie in the sentry's heap, larger ones in a host memfd each, which is what guests map.
// Pages a guest fills through a shared mapping are counted when somebody asks for the file's attributes, so a mapping
// may go beyond the limit: the container's memory limit is what stops it then. Thread-safe.
class Tmpfs : public Filesystem {
 public:
  // The root of a new tmpfs. Its times are the context's now.
  static base::RefPtr<Dentry> Create(Context& context, const TmpfsOptions& options,
                                     std::string_view type_name = "tmpfs");

  std::string_view type_name() const override { return type_name_; }
  base::Result<FilesystemStatus> Status(Context& context) override;
  // A look into a directory is as cheap as a look into the cache of missing names.
  bool CachesMissingNames() const override { return false; }
  std::string Options() const override;

  // MS_REMOUNT: new limits. EINVAL when more is in use.
  base::Result<void> Reconfigure(const TmpfsOptions& options);

  // ENOSPC.
  base::Result<void> ChargePages(uint64_t count) { return Charge(pages_used_, pages_limit_, count); }
  void UnchargePages(uint64_t count) { pages_used_.fetch_sub(count, std::memory_order_relaxed); }
  // Pages that are there already, whatever the limit.
  void CountPages(uint64_t count) { pages_used_.fetch_add(count, std::memory_order_relaxed); }
  base::Result<void> ChargeInode() { return Charge(inodes_used_, inodes_limit_, 1); }
  void UnchargeInode() { inodes_used_.fetch_sub(1, std::memory_order_relaxed); }
  uint64_t NextInodeNumber() { return next_inode_.fetch_add(1, std::memory_order_relaxed); }

 private:
  using Counter = std::atomic<uint64_t>;
  Tmpfs(const TmpfsOptions& options, std::string_view type_name);
  static base::Result<void> Charge(Counter& used, const Counter& limit, uint64_t count);

  const std::string type_name_;
  const TmpfsOptions options_;
  Counter pages_limit_, inodes_limit_;
  Counter pages_used_{0}, inodes_used_{0};
  Counter next_inode_{1};
};

}  // namespace vfs
