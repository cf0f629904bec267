// SPDX-License-Identifier: Apache-2.0
// Making and removing names. What may fail comes before what cannot be undone; the core holds the directory's lock.
#include <linux/fs.h>
#include <sys/stat.h>

#include <cerrno>
#include <utility>

#include "vfs/overlay/layer_context.h"
#include "vfs/overlay/overlay_directory.h"
#include "vfs/overlay/overlay_file.h"

namespace vfs {

base::Result<std::string> OverlayDirectory::PrepareLink(Context& context, Inode& inode) {
  std::string name = overlay().NextWorkName();
  TRY(overlay().work().Link(context, name, inode));
  return name;
}

void OverlayDirectory::DiscardLink(Context& context, const std::string& work_name, Inode& inode) {
  (void)overlay().work().Unlink(context, work_name, inode);
}

base::Result<void> OverlayDirectory::PlaceWhiteout(Context& context, std::string_view name, Inode* entry) {
  Inode& whiteout = overlay().whiteout();
  if (entry == nullptr) return upper().Link(context, name, whiteout);
  std::string prepared = TRY(PrepareLink(context, whiteout));
  base::Result<void> placed = overlay().work().Rename(context, prepared, whiteout, upper(), name, entry, 0);
  if (!placed.ok()) DiscardLink(context, prepared, whiteout);
  return placed;
}

template <typename Make>
auto OverlayDirectory::MakeName(Context& context, std::string_view name, Make make) -> decltype(make()) {
  TRY(EnsureUpper(context, kAllData));
  InodeRef entry = TRY(UpperEntry(context, name));
  if (entry != nullptr && !overlay().IsWhiteout(*entry)) return base::Errno(EEXIST);
  if (entry != nullptr) TRY(upper().Unlink(context, name, *entry));
  auto made = make();
  if (!made.ok() && entry != nullptr) (void)upper().Link(context, name, *entry);
  NamesChanged();
  return made;
}

base::Result<base::RefPtr<Inode>> OverlayDirectory::Create(Context& caller, std::string_view name,
                                                           const CreateOptions& options) {
  LayerContext context(caller);
  InodeRef made = TRY(MakeName(context, name, [&] { return upper().Create(context, name, options); }));
  return InodeRef(TRY(overlay().GetInode(context, {std::move(made), {}}, this, name)));
}

base::Result<base::RefPtr<Inode>> OverlayDirectory::Symlink(Context& caller, std::string_view name,
                                                            std::string_view target, const CreateOptions& options) {
  LayerContext context(caller);
  InodeRef made = TRY(MakeName(context, name, [&] { return upper().Symlink(context, name, target, options); }));
  return InodeRef(TRY(overlay().GetInode(context, {std::move(made), {}}, this, name)));
}

base::Result<base::RefPtr<Inode>> OverlayDirectory::CreateUnnamed(Context& caller, const CreateOptions& options) {
  LayerContext context(caller);
  InodeRef made = TRY(overlay().work().CreateUnnamed(context, options));
  return InodeRef(TRY(overlay().GetInode(context, {std::move(made), {}}, this, "")));
}

base::Result<void> OverlayDirectory::Link(Context& caller, std::string_view name, Inode& target) {
  LayerContext context(caller);
  auto& file = static_cast<OverlayFile&>(target);
  InodeRef linkable = TRY(file.Linkable(context));
  TRY(MakeName(context, name, [&] { return upper().Link(context, name, *linkable); }));
  file.ChangeLinks(1);
  return {};
}

void OverlayDirectory::NameGone(OverlayInode& child) {
  if (!child.is_directory()) {
    static_cast<OverlayFile&>(child).ChangeLinks(-1);
    return;
  }
  static_cast<OverlayDirectory&>(child).dead_ = true;
  child.overlay().DropRecord(child.record());
}

base::Result<void> OverlayDirectory::Unlink(Context& caller, std::string_view name, Inode& child) {
  LayerContext context(caller);
  if (TRY(LowerHas(context, name))) {
    TRY(EnsureUpper(context, kAllData));
    InodeRef entry = TRY(UpperEntry(context, name));
    TRY(PlaceWhiteout(context, name, entry.get()));
  } else {
    InodeRef entry = TRY(UpperEntry(context, name));
    if (entry == nullptr) return base::Errno(ENOENT);
    TRY(upper().Unlink(context, name, *entry));
  }
  NameGone(static_cast<OverlayInode&>(child));
  NamesChanged();
  return {};
}

base::Result<void> OverlayDirectory::CheckEmpty(Context& context) {
  if (!TRY(List(context))->entries().empty()) return base::Errno(ENOTEMPTY);
  return {};
}

base::Result<void> OverlayDirectory::ClearWhiteouts(Context& context) {
  if (record().upper() == nullptr) return {};
  NameCollector all;
  TRY(upper().ListNames(context, all));
  for (const NameList::Entry& entry : all.entries()) {
    if (entry.inode != overlay().whiteout_number()) return base::Errno(ENOTEMPTY);
    TRY(upper().Unlink(context, entry.name, overlay().whiteout()));
  }
  return {};
}

base::Result<void> OverlayDirectory::RemoveDirectory(Context& caller, std::string_view name, Inode& child) {
  LayerContext context(caller);
  auto& directory = static_cast<OverlayDirectory&>(child);
  TRY(directory.CheckEmpty(context));
  bool lower_has = TRY(LowerHas(context, name));
  base::MutexLock lock(overlay().structure_mutex());
  if (lower_has) TRY(EnsureUpperLocked(context));
  InodeRef entry = TRY(UpperEntry(context, name));
  std::string prepared;
  if (lower_has) prepared = TRY(PrepareLink(context, overlay().whiteout()));
  if (entry != nullptr) {
    base::Result<void> removed = directory.ClearWhiteouts(context);
    if (removed.ok()) removed = upper().RemoveDirectory(context, name, *entry);
    if (!removed.ok()) {
      if (lower_has) DiscardLink(context, prepared, overlay().whiteout());
      return removed;
    }
  }
  if (lower_has) {
    TRY(overlay().work().Rename(context, prepared, overlay().whiteout(), upper(), name, nullptr, 0));
  }
  NameGone(directory);
  NamesChanged();
  return {};
}

void OverlayDirectory::MoveTo(OverlayDirectory& parent, std::string_view name) {
  parent_ = base::RefPtr<OverlayDirectory>(&parent);
  name_ = std::string(name);
}

base::Result<OverlayDirectory::InodeRef> OverlayDirectory::EnsureEntry(Context& context, std::string_view name,
                                                                       OverlayInode& child) {
  InodeRef entry = TRY(UpperEntry(context, name));
  if (entry != nullptr) return entry;
  if (child.is_directory()) {
    TRY(static_cast<OverlayDirectory&>(child).EnsureUpperLocked(context));
    return InodeRef(child.record().upper());
  }
  InodeRef linkable = TRY(static_cast<OverlayFile&>(child).Linkable(context));
  TRY(upper().Link(context, name, *linkable));
  return linkable;
}

base::Result<void> OverlayDirectory::ExchangeIn(Context& context, std::string_view name, OverlayInode& child,
                                                OverlayDirectory& new_parent, std::string_view new_name,
                                                OverlayInode& other) {
  InodeRef one = TRY(EnsureEntry(context, name, child));
  InodeRef two = TRY(new_parent.EnsureEntry(context, new_name, other));
  TRY(upper().Rename(context, name, *one, new_parent.upper(), new_name, two.get(), RENAME_EXCHANGE));
  if (other.is_directory()) static_cast<OverlayDirectory&>(other).MoveTo(*this, name);
  return {};
}

base::Result<void> OverlayDirectory::RenameIn(Context& context, std::string_view name, OverlayInode& child,
                                              OverlayDirectory& new_parent, std::string_view new_name,
                                              OverlayInode* replaced) {
  bool leaves_whiteout = TRY(LowerHas(context, name));
  if (replaced != nullptr && replaced->is_directory()) {
    TRY(static_cast<OverlayDirectory*>(replaced)->CheckEmpty(context));
  }
  InodeRef source = TRY(EnsureEntry(context, name, child));
  InodeRef target = TRY(new_parent.UpperEntry(context, new_name));
  Inode& whiteout = overlay().whiteout();
  std::string prepared;
  if (leaves_whiteout) prepared = TRY(PrepareLink(context, whiteout));
  base::Result<void> moved;
  if (replaced != nullptr && replaced->is_directory()) {
    moved = static_cast<OverlayDirectory*>(replaced)->ClearWhiteouts(context);
  }
  if (moved.ok()) moved = upper().Rename(context, name, *source, new_parent.upper(), new_name, target.get(), 0);
  if (!moved.ok()) {
    if (leaves_whiteout) DiscardLink(context, prepared, whiteout);
    return moved;
  }
  if (leaves_whiteout) TRY(overlay().work().Rename(context, prepared, whiteout, upper(), name, nullptr, 0));
  if (replaced != nullptr) NameGone(*replaced);
  return {};
}

base::Result<void> OverlayDirectory::Rename(Context& caller, std::string_view name, Inode& child, Inode& new_parent,
                                            std::string_view new_name, Inode* replaced, unsigned flags) {
  if ((flags & RENAME_WHITEOUT) != 0) return base::Errno(EINVAL);
  LayerContext context(caller);
  auto& inode = static_cast<OverlayInode&>(child);
  auto& directory = static_cast<OverlayDirectory&>(new_parent);
  auto* other = static_cast<OverlayInode*>(replaced);
  base::MutexLock lock(overlay().structure_mutex());
  TRY(EnsureUpperLocked(context));
  TRY(directory.EnsureUpperLocked(context));
  if ((flags & RENAME_EXCHANGE) != 0) {
    TRY(ExchangeIn(context, name, inode, directory, new_name, *other));
  } else {
    TRY(RenameIn(context, name, inode, directory, new_name, other));
  }
  if (inode.is_directory()) static_cast<OverlayDirectory&>(inode).MoveTo(directory, new_name);
  NamesChanged();
  directory.NamesChanged();
  return {};
}

}  // namespace vfs
