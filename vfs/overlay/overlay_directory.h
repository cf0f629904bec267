// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/mutex.h"
#include "base/ref.h"
#include "base/result.h"
#include "vfs/name_list.h"
#include "vfs/overlay/overlay_inode.h"

namespace vfs {

class OverlayFile;

// A directory: what the upper layer's one has, then, for names it does not have, what each lower one has. A directory
// made in the upper layer hides all below its name; one copied up shows its own lower ones, wherever it is renamed to.
class OverlayDirectory : public OverlayInode {
 public:
  OverlayDirectory(base::RefPtr<OverlayFilesystem> filesystem, base::RefPtr<OverlayRecord> record,
                   base::RefPtr<OverlayDirectory> parent, std::string name);

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

  base::Result<void> EnsureUpper(Context& context, uint64_t data_limit) override;
  // The names now.
  base::Result<base::RefPtr<NameList>> List(Context& context);

 protected:
  ~OverlayDirectory() override;
  void LastReferenceGone() override;
  void FillLinks(Attributes& attributes) override;

 private:
  static base::LockClass kNamesLock;
  struct LowerNames;
  using InodeRef = base::RefPtr<Inode>;

  // Everything below takes the kernel's context.
  base::Result<void> EnsureUpperLocked(Context& context);
  // REQUIRES: the parent is in the upper layer, this is not.
  base::Result<void> CopyUp(Context& context);
  // REQUIRES: EnsureUpper.
  Inode& upper() const { return *record().upper(); }

  base::Result<OverlayFilesystem::Found> FindInLayers(Context& context, std::string_view name);
  base::Result<OverlayFilesystem::Found> FindInLowers(Context& context, std::string_view name);
  // Whether a lower layer would show the name. Reads all their names the first time, if they are not too many.
  base::Result<bool> LowerHas(Context& context, std::string_view name);
  // What of LowerHas is known without asking.
  std::optional<bool> KnownLowerHas(std::string_view name);
  base::Result<void> ReadLowerNames(Context& context);

  // What the upper directory has under the name, whiteout or not; null for nothing.
  base::Result<InodeRef> UpperEntry(Context& context, std::string_view name);
  // Takes a whiteout off the name while `make` makes something there; puts it back if that fails.
  template <typename Make>
  auto MakeName(Context& context, std::string_view name, Make make) -> decltype(make());
  // A link in the work directory, to be moved where it belongs; its name.
  base::Result<std::string> PrepareLink(Context& context, Inode& inode);
  void DiscardLink(Context& context, const std::string& work_name, Inode& inode);
  // Puts a whiteout in the place of what the upper directory has under the name, if anything.
  base::Result<void> PlaceWhiteout(Context& context, std::string_view name, Inode* entry);
  // For an exchange: makes the child an entry of the upper directory.
  base::Result<InodeRef> EnsureEntry(Context& context, std::string_view name, OverlayInode& child);
  base::Result<void> RenameIn(Context& context, std::string_view name, OverlayInode& child,
                              OverlayDirectory& new_parent, std::string_view new_name, OverlayInode* replaced);
  base::Result<void> ExchangeIn(Context& context, std::string_view name, OverlayInode& child,
                                OverlayDirectory& new_parent, std::string_view new_name, OverlayInode& other);
  // Makes an empty directory's upper one as empty: only whiteouts are in it.
  base::Result<void> ClearWhiteouts(Context& context);
  base::Result<void> CheckEmpty(Context& context);
  static void NameGone(OverlayInode& child);
  void MoveTo(OverlayDirectory& parent, std::string_view name);
  void NamesChanged();
  base::Result<base::RefPtr<NameList>> ReadNames(Context& context);

  // Where it is; null for the root. Guarded by structure_mutex.
  base::RefPtr<OverlayDirectory> parent_;
  std::string name_;
  bool dead_ = false;  // It was removed. Guarded by structure_mutex.

  std::atomic<int> misses_{0};
  base::Mutex names_mutex_;
  uint64_t names_version_ ABSL_GUARDED_BY(names_mutex_) = 0;
  base::RefPtr<NameList> list_ ABSL_GUARDED_BY(names_mutex_);
  std::unique_ptr<LowerNames> lower_names_ ABSL_GUARDED_BY(names_mutex_);
};

}  // namespace vfs
