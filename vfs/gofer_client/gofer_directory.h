// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "vfs/gofer_client/gofer_inode.h"
#include "vfs/name_list.h"

namespace vfs {

class GoferDirectory : public GoferInode {
 public:
  GoferDirectory(base::RefPtr<GoferFilesystem> filesystem, HostIdentity identity, uint64_t node,
                 const Attributes& attributes);

  base::Result<base::RefPtr<Inode>> Lookup(Context& context, std::string_view name) override;
  base::Result<base::RefPtr<Inode>> Create(Context& context, std::string_view name,
                                           const CreateOptions& options) override;
  base::Result<base::RefPtr<Inode>> Symlink(Context& context, std::string_view name, std::string_view target,
                                            const CreateOptions& options) override;
  base::Result<base::RefPtr<Inode>> CreateUnnamed(Context& context, const CreateOptions& options) override;
  base::Result<void> Link(Context& context, std::string_view name, Inode& target) override;
  base::Result<void> Unlink(Context& context, std::string_view name, Inode& child) override;
  base::Result<void> RemoveDirectory(Context& context, std::string_view name, Inode& child) override;
  base::Result<void> Rename(Context& context, std::string_view name, Inode& child, Inode& new_parent,
                            std::string_view new_name, Inode* replaced, unsigned flags) override;
  base::Result<void> ListNames(Context& context, DirectorySink& sink) override;
  base::Result<base::RefPtr<FileDescription>> Open(Context& context, const Path& path, int flags) override;

  // The names now: from the cache, or all from the gofer.
  base::Result<base::RefPtr<NameList>> List();

 protected:
  ~GoferDirectory() override;

 private:
  static base::LockClass kListingLock;
  base::Result<base::RefPtr<GoferInode>> Find(std::string_view name);
  // An empty name: a file without one.
  base::Result<base::RefPtr<Inode>> Make(std::string_view name, std::string_view target, const CreateOptions& options);
  base::Result<void> Remove(std::string_view name, Inode& child, bool directory);
  base::Result<base::RefPtr<NameList>> FetchListing();
  // After names changed and the change was counted.
  void ForgetListing();

  base::Mutex listing_mutex_;
  base::RefPtr<NameList> listing_ ABSL_GUARDED_BY(listing_mutex_);
};

}  // namespace vfs
