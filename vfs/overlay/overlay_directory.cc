// SPDX-License-Identifier: Apache-2.0
// Looking names up, and copying directories up.
#include "vfs/overlay/overlay_directory.h"

#include <cerrno>
#include <utility>
#include <vector>

#include "vfs/overlay/layer_context.h"
#include "vfs/overlay/overlay_lower_names.h"

namespace vfs {
namespace {

// After so many names a lower layer did not have, all names it has are read, to know of the next without asking.
constexpr int kMissesBeforeReading = 4;

}  // namespace

constinit base::LockClass OverlayDirectory::kNamesLock{"OverlayDirectory::names_mutex_"};

OverlayDirectory::OverlayDirectory(base::RefPtr<OverlayFilesystem> filesystem, base::RefPtr<OverlayRecord> record,
                                   base::RefPtr<OverlayDirectory> parent, std::string name)
    : OverlayInode(std::move(filesystem), std::move(record)),
      parent_(std::move(parent)),
      name_(std::move(name)),
      names_mutex_(kNamesLock) {}

OverlayDirectory::~OverlayDirectory() = default;

// A chain of parents may be as deep as a guest likes, so it is taken down in a loop.
void OverlayDirectory::LastReferenceGone() {
  OverlayDirectory* directory = this;
  while (directory != nullptr) {
    OverlayDirectory* parent = directory->parent_.release();
    directory->OverlayInode::LastReferenceGone();
    directory = parent != nullptr && parent->DropReference() ? parent : nullptr;
  }
}

void OverlayDirectory::FillLinks(Attributes& attributes) {
  // How many subdirectories a merged one has nobody knows; 1 tells so (as btrfs and overlayfs do).
  bool merged = record().lowers().size() + (record().upper() != nullptr ? 1 : 0) > 1;
  if (merged) attributes.links = 1;
}

base::Result<OverlayFilesystem::Found> OverlayDirectory::FindInLowers(Context& context, std::string_view name) {
  OverlayFilesystem::Found found;
  for (const OverlayLower& lower : record().lowers()) {
    base::Result<InodeRef> inode = lower.inode->Lookup(context, name);
    if (!inode.ok() && inode.error().code() == ENOENT) continue;
    if (!inode.ok()) return inode.error();
    bool directory = (*inode)->is_directory();
    // A file ends what is merged: it is all, or it is hidden.
    if (!directory && !found.lowers.empty()) break;
    found.lowers.push_back({std::move(inode).value(), lower.layer});
    if (!directory) break;
  }
  if (found.lowers.empty()) return base::Errno(ENOENT);
  return found;
}

base::Result<OverlayFilesystem::Found> OverlayDirectory::FindInLayers(Context& context, std::string_view name) {
  InodeRef entry = TRY(UpperEntry(context, name));
  if (entry != nullptr && overlay().IsWhiteout(*entry)) return base::Errno(ENOENT);
  if (entry != nullptr) return OverlayFilesystem::Found{std::move(entry), {}};
  if (!has_lower()) return base::Errno(ENOENT);
  if (KnownLowerHas(name) == false) return base::Errno(ENOENT);
  base::Result<OverlayFilesystem::Found> found = FindInLowers(context, name);
  if (!found.ok() && found.error().code() == ENOENT &&
      misses_.fetch_add(1, std::memory_order_relaxed) == kMissesBeforeReading) {
    TRY(ReadLowerNames(context));
  }
  return found;
}

base::Result<base::RefPtr<Inode>> OverlayDirectory::Lookup(Context& caller, std::string_view name) {
  LayerContext context(caller);
  OverlayFilesystem::Found found = TRY(FindInLayers(context, name));
  return base::RefPtr<Inode>(TRY(overlay().GetInode(context, std::move(found), this, name)));
}

base::Result<OverlayDirectory::InodeRef> OverlayDirectory::UpperEntry(Context& context, std::string_view name) {
  if (record().upper() == nullptr) return InodeRef();
  base::Result<InodeRef> entry = upper().Lookup(context, name);
  if (!entry.ok() && entry.error().code() == ENOENT) return InodeRef();
  return entry;
}

std::optional<bool> OverlayDirectory::KnownLowerHas(std::string_view name) {
  base::MutexLock lock(names_mutex_);
  if (lower_names_ == nullptr || !lower_names_->complete) return std::nullopt;
  return lower_names_->Has(name);
}

base::Result<void> OverlayDirectory::ReadLowerNames(Context& context) {
  {
    base::MutexLock lock(names_mutex_);
    if (lower_names_ != nullptr) return {};
  }
  auto names = std::make_unique<LowerNames>();
  for (const OverlayLower& lower : record().lowers()) {
    NameCollector collector;
    TRY(lower.inode->ListNames(context, collector));
    if (!names->Add(collector.entries())) break;
  }
  base::MutexLock lock(names_mutex_);
  lower_names_ = std::move(names);
  return {};
}

base::Result<bool> OverlayDirectory::LowerHas(Context& context, std::string_view name) {
  if (!has_lower()) return false;
  TRY(ReadLowerNames(context));
  if (std::optional<bool> known = KnownLowerHas(name); known.has_value()) return *known;
  base::Result<OverlayFilesystem::Found> found = FindInLowers(context, name);
  if (!found.ok() && found.error().code() == ENOENT) return false;
  if (!found.ok()) return found.error();
  return true;
}

base::Result<void> OverlayDirectory::EnsureUpper(Context& caller, uint64_t) {
  if (record().upper() != nullptr) return {};
  LayerContext context(caller);
  base::MutexLock lock(overlay().structure_mutex());
  return EnsureUpperLocked(context);
}

base::Result<void> OverlayDirectory::EnsureUpperLocked(Context& context) {
  std::vector<OverlayDirectory*> missing;
  for (OverlayDirectory* directory = this; directory->record().upper() == nullptr;
       directory = directory->parent_.get()) {
    if (directory->dead_) return base::Errno(ENOENT);
    missing.push_back(directory);
  }
  for (; !missing.empty(); missing.pop_back()) TRY(missing.back()->CopyUp(context));
  return {};
}

base::Result<void> OverlayDirectory::CopyUp(Context& context) {
  Inode& lower = *record().lowers()[0].inode;
  Inode& home = parent_->upper();
  Attributes attributes = TRY(lower.Stat(context));
  Attributes home_before = TRY(home.Stat(context));
  InodeRef made =
      TRY(home.Create(context, name_, {.mode = attributes.mode, .uid = attributes.uid, .gid = attributes.gid}));
  base::Result<void> filled = CopyMetadata(context, lower, *made, attributes);
  base::Result<Attributes> seen = made->Stat(context);
  bool done = filled.ok() && seen.ok();
  if (!done) (void)home.RemoveDirectory(context, name_, *made);
  // No name of the parent has changed.
  AttributeChange times;
  times.access_time = home_before.access_time;
  times.modify_time = home_before.modify_time;
  (void)home.SetAttributes(context, times);
  if (!filled.ok()) return filled.error();
  if (!seen.ok()) return seen.error();
  record().SetUpper(std::move(made));
  overlay().KeepRecord(record(), seen->inode);
  return {};
}

}  // namespace vfs
