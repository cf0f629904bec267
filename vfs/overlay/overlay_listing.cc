// SPDX-License-Identifier: Apache-2.0
// Reading merged directories: a list of all names, kept until one changes.
#include <dirent.h>
#include <sys/stat.h>

#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "vfs/overlay/layer_context.h"
#include "vfs/overlay/overlay_directory.h"
#include "vfs/overlay/overlay_lower_names.h"

namespace vfs {
namespace {

class OverlayDirectoryDescription : public NameListDescription {
 public:
  OverlayDirectoryDescription(base::RefPtr<OverlayDirectory> directory, Path path, int flags)
      : NameListDescription(std::move(path), flags), directory_(std::move(directory)) {}

  // Upper directories are in memory; lower ones do not change.
  base::Result<void> Sync(Context&, bool) override { return {}; }

 protected:
  base::Result<base::RefPtr<NameList>> List(Context& context) override { return directory_->List(context); }

 private:
  const base::RefPtr<OverlayDirectory> directory_;
};

}  // namespace

base::Result<base::RefPtr<FileDescription>> OverlayDirectory::Open(Context&, const Path& path, int flags) {
  return base::RefPtr<FileDescription>(
      base::MakeRef<OverlayDirectoryDescription>(base::RefPtr<OverlayDirectory>(this), path, flags));
}

void OverlayDirectory::NamesChanged() {
  base::RefPtr<NameList> old;
  base::MutexLock lock(names_mutex_);
  ++names_version_;
  std::swap(old, list_);
}

base::Result<base::RefPtr<NameList>> OverlayDirectory::List(Context& caller) {
  uint64_t version = 0;
  {
    base::MutexLock lock(names_mutex_);
    if (list_ != nullptr) return list_;
    version = names_version_;
  }
  LayerContext context(caller);
  base::RefPtr<NameList> list = TRY(ReadNames(context));
  if (list->entries().size() > NameList::kMostKept) return list;
  base::RefPtr<NameList> old;
  base::MutexLock lock(names_mutex_);
  if (names_version_ == version) {
    old = std::move(list_);
    list_ = list;
  }
  return list;
}

base::Result<void> OverlayDirectory::ListNames(Context& context, DirectorySink& sink) {
  base::RefPtr<NameList> list = TRY(List(context));
  for (const NameList::Entry& entry : list->entries()) (void)sink.Add(entry.name, entry.inode, entry.type, 0);
  return {};
}

base::Result<base::RefPtr<NameList>> OverlayDirectory::ReadNames(Context& context) {
  std::vector<NameList::Entry> all;
  std::unordered_set<std::string> seen;
  size_t layers_left = record().lowers().size();
  if (record().upper() != nullptr) {
    NameCollector names;
    TRY(upper().ListNames(context, names));
    for (NameList::Entry& entry : names.entries()) {
      if (layers_left > 0) seen.insert(entry.name);
      if (entry.inode == overlay().whiteout_number()) continue;
      base::RefPtr<OverlayRecord> record = overlay().FindRecord(entry.inode);
      if (record != nullptr) entry.type = IFTODT(record->real().type());
      entry.inode = OverlayFilesystem::PublicNumber(record != nullptr ? record->key() : OverlayKey{0, entry.inode});
      all.push_back(std::move(entry));
    }
  }
  for (const OverlayLower& lower : record().lowers()) {
    NameCollector names;
    TRY(lower.inode->ListNames(context, names));
    --layers_left;
    for (NameList::Entry& entry : names.entries()) {
      if (seen.contains(entry.name)) continue;
      if (layers_left > 0) seen.insert(entry.name);
      entry.inode = OverlayFilesystem::PublicNumber({lower.layer, entry.inode});
      all.push_back(std::move(entry));
    }
  }
  return base::MakeRef<NameList>(std::move(all));
}

}  // namespace vfs
