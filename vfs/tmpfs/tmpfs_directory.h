// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "vfs/tmpfs/tmpfs_inode.h"

namespace vfs {

class TmpfsDirectory : public TmpfsInode {
 public:
  TmpfsDirectory(base::RefPtr<Tmpfs> tmpfs, const CreateOptions& options, int64_t now);

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

  // Gives the entries whose places are in [first, end) to the sink, in the order they were made. The place of a name
  // never changes, whatever comes and goes around it. Returns the place to go on from.
  int64_t Read(int64_t first, int64_t end, DirectorySink& sink);
  // The place the next new entry will get.
  int64_t end_place() const;

  static constexpr int64_t kFirstPlace = 2;  // Behind "." and "..".

 protected:
  ~TmpfsDirectory() override;
  void FillSize(Attributes& attributes) override;

 private:
  struct Entries;
  using Removed = base::RefPtr<TmpfsInode>;

  base::Result<void> Enter(std::string_view name, base::RefPtr<TmpfsInode> inode);
  Removed Take(std::string_view name);
  // Another inode under a name that stays at its place.
  Removed Replace(std::string_view name, base::RefPtr<TmpfsInode> inode);
  base::Result<base::RefPtr<TmpfsInode>> MakeInode(const CreateOptions& options, int64_t now);
  base::Result<void> Exchange(std::string_view name, TmpfsInode& child, TmpfsDirectory& new_parent,
                              std::string_view new_name, TmpfsInode& other, int64_t now);
  bool empty() const;

  const std::unique_ptr<Entries> entries_;  // Guarded by mutex_.
};

}  // namespace vfs
