// SPDX-License-Identifier: Apache-2.0
#include "vfs/name_list.h"

#include <dirent.h>

#include <cerrno>
#include <cstdio>

#include "vfs/dentry.h"
#include "vfs/inode.h"

namespace vfs {

bool NameCollector::Add(std::string_view name, uint64_t inode, uint8_t type, int64_t) {
  if (name != "." && name != "..") entries_.push_back({std::string(name), inode, type});
  return true;
}

base::Result<int64_t> NameListDescription::Seek(Context&, int64_t offset, int whence) {
  if (whence != SEEK_SET && whence != SEEK_CUR) return base::Errno(EINVAL);
  return SeekWithin(offset, whence, 0);
}

base::Result<void> NameListDescription::ReadDirectory(Context& context, DirectorySink& sink) {
  base::MutexLock lock(offset_mutex_);
  if (offset_ == 0 || list_ == nullptr) list_ = TRY(List(context));
  if (offset_ == 0) {
    if (!sink.Add(".", TRY(inode().Stat(context)).inode, DT_DIR, 1)) return {};
    offset_ = 1;
  }
  if (offset_ == 1) {
    uint64_t parent = TRY(path().dentry->parent()->inode()->Stat(context)).inode;
    if (!sink.Add("..", parent, DT_DIR, 2)) return {};
    offset_ = 2;
  }
  const std::vector<NameList::Entry>& entries = list_->entries();
  for (; static_cast<uint64_t>(offset_ - 2) < entries.size(); ++offset_) {
    const NameList::Entry& entry = entries[static_cast<size_t>(offset_ - 2)];
    if (!sink.Add(entry.name, entry.inode, entry.type, offset_ + 1)) return {};
  }
  return {};
}

}  // namespace vfs
