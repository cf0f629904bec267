// SPDX-License-Identifier: Apache-2.0
#include "vfs/tmpfs/tmpfs_directory.h"

#include <dirent.h>
#include <linux/fs.h>
#include <sys/stat.h>

#include <utility>

#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "vfs/dentry.h"
#include "vfs/tmpfs/tmpfs_file.h"

namespace vfs {
namespace {

// What Linux's tmpfs says an entry takes.
constexpr uint64_t kEntrySize = 20;

struct Entry {
  std::string name;
  base::RefPtr<TmpfsInode> inode;
  int64_t place = 0;
};

absl::string_view Key(std::string_view name) { return {name.data(), name.size()}; }

}  // namespace

// Names point into the entries.
struct TmpfsDirectory::Entries {
  absl::btree_map<int64_t, std::unique_ptr<Entry>> by_place;
  absl::flat_hash_map<absl::string_view, Entry*> by_name;
  int64_t next_place = kFirstPlace;
};

TmpfsDirectory::TmpfsDirectory(base::RefPtr<Tmpfs> tmpfs, const CreateOptions& options, int64_t now)
    : TmpfsInode(std::move(tmpfs), options, now), entries_(std::make_unique<Entries>()) {}

// Directories may be nested as deep as a guest likes, so what an unmounted tree leaves is taken down in a loop.
TmpfsDirectory::~TmpfsDirectory() {
  std::vector<TmpfsInode*> pending;
  auto take_children = [&pending](TmpfsDirectory& directory) {
    for (auto& [place, entry] : directory.entries_->by_place) pending.push_back(entry->inode.release());
    directory.entries_->by_name.clear();
    directory.entries_->by_place.clear();
  };
  take_children(*this);
  while (!pending.empty()) {
    TmpfsInode* inode = pending.back();
    pending.pop_back();
    // A directory that is the last of its kind empties itself here before it goes.
    if (inode->is_directory() && inode->reference_count() == 1) take_children(*static_cast<TmpfsDirectory*>(inode));
    inode->Unref();
  }
}

void TmpfsDirectory::FillSize(Attributes& attributes) {
  base::MutexLock lock(mutex_);
  attributes.size = (entries_->by_name.size() + 2) * kEntrySize;
}

bool TmpfsDirectory::empty() const {
  base::MutexLock lock(mutex_);
  return entries_->by_name.empty();
}

int64_t TmpfsDirectory::end_place() const {
  base::MutexLock lock(mutex_);
  return entries_->next_place;
}

base::Result<base::RefPtr<Inode>> TmpfsDirectory::Lookup(Context&, std::string_view name) {
  base::MutexLock lock(mutex_);
  auto it = entries_->by_name.find(Key(name));
  if (it == entries_->by_name.end()) return base::Errno(ENOENT);
  return base::RefPtr<Inode>(it->second->inode);
}

base::Result<void> TmpfsDirectory::Enter(std::string_view name, base::RefPtr<TmpfsInode> inode) {
  base::MutexLock lock(mutex_);
  if (entries_->by_name.contains(Key(name))) return base::Errno(EEXIST);
  auto entry = std::make_unique<Entry>(Entry{std::string(name), std::move(inode), entries_->next_place++});
  entries_->by_name.emplace(Key(entry->name), entry.get());
  int64_t place = entry->place;
  entries_->by_place.emplace(place, std::move(entry));
  return {};
}

TmpfsDirectory::Removed TmpfsDirectory::Take(std::string_view name) {
  base::MutexLock lock(mutex_);
  auto it = entries_->by_name.find(Key(name));
  if (it == entries_->by_name.end()) return nullptr;
  Entry* entry = it->second;
  Removed inode = std::move(entry->inode);
  entries_->by_name.erase(it);
  entries_->by_place.erase(entry->place);
  return inode;
}

TmpfsDirectory::Removed TmpfsDirectory::Replace(std::string_view name, base::RefPtr<TmpfsInode> inode) {
  base::MutexLock lock(mutex_);
  auto it = entries_->by_name.find(Key(name));
  if (it == entries_->by_name.end()) return nullptr;
  return std::exchange(it->second->inode, std::move(inode));
}

base::Result<base::RefPtr<TmpfsInode>> TmpfsDirectory::MakeInode(const CreateOptions& options, int64_t now) {
  TRY(tmpfs().ChargeInode());
  base::RefPtr<Tmpfs> tmpfs(&this->tmpfs());
  switch (options.mode & S_IFMT) {
    case S_IFREG:
      return base::RefPtr<TmpfsInode>(base::MakeRef<TmpfsFile>(std::move(tmpfs), options, now));
    case S_IFDIR:
      return base::RefPtr<TmpfsInode>(base::MakeRef<TmpfsDirectory>(std::move(tmpfs), options, now));
    default:
      return base::RefPtr<TmpfsInode>(base::MakeRef<TmpfsSpecial>(std::move(tmpfs), options, now));
  }
}

base::Result<base::RefPtr<Inode>> TmpfsDirectory::Create(Context& context, std::string_view name,
                                                         const CreateOptions& options) {
  int64_t now = context.RealtimeNow();
  base::RefPtr<TmpfsInode> inode = TRY(MakeInode(options, now));
  TRY(Enter(name, inode));
  if (inode->is_directory()) ChangeLinks(1, now);
  Modified(now);
  return base::RefPtr<Inode>(std::move(inode));
}

base::Result<base::RefPtr<Inode>> TmpfsDirectory::Symlink(Context& context, std::string_view name,
                                                          std::string_view target, const CreateOptions& options) {
  int64_t now = context.RealtimeNow();
  TRY(tmpfs().ChargeInode());
  auto inode = base::MakeRef<TmpfsSymlink>(base::RefPtr<Tmpfs>(&tmpfs()), options, now, target);
  TRY(Enter(name, inode));
  Modified(now);
  return base::RefPtr<Inode>(std::move(inode));
}

base::Result<base::RefPtr<Inode>> TmpfsDirectory::CreateUnnamed(Context& context, const CreateOptions& options) {
  int64_t now = context.RealtimeNow();
  base::RefPtr<TmpfsInode> inode = TRY(MakeInode(options, now));
  inode->ChangeLinks(-1, now);
  return base::RefPtr<Inode>(std::move(inode));
}

base::Result<void> TmpfsDirectory::Link(Context& context, std::string_view name, Inode& target) {
  int64_t now = context.RealtimeNow();
  auto& inode = static_cast<TmpfsInode&>(target);
  TRY(Enter(name, base::RefPtr<TmpfsInode>(&inode)));
  inode.ChangeLinks(1, now);
  Modified(now);
  return {};
}

base::Result<void> TmpfsDirectory::Unlink(Context& context, std::string_view name, Inode&) {
  int64_t now = context.RealtimeNow();
  Removed inode = Take(name);
  if (inode == nullptr) return base::Errno(ENOENT);
  inode->ChangeLinks(-1, now);
  Modified(now);
  return {};
}

base::Result<void> TmpfsDirectory::RemoveDirectory(Context& context, std::string_view name, Inode& child) {
  int64_t now = context.RealtimeNow();
  if (!static_cast<TmpfsDirectory&>(child).empty()) return base::Errno(ENOTEMPTY);
  Removed inode = Take(name);
  if (inode == nullptr) return base::Errno(ENOENT);
  inode->ChangeLinks(-2, now);
  ChangeLinks(-1, now);
  Modified(now);
  return {};
}

base::Result<void> TmpfsDirectory::Exchange(std::string_view name, TmpfsInode& child, TmpfsDirectory& new_parent,
                                            std::string_view new_name, TmpfsInode& other, int64_t now) {
  Replace(name, base::RefPtr<TmpfsInode>(&other));
  new_parent.Replace(new_name, base::RefPtr<TmpfsInode>(&child));
  int difference = (child.is_directory() ? 1 : 0) - (other.is_directory() ? 1 : 0);
  if (this != &new_parent && difference != 0) {
    ChangeLinks(-difference, now);
    new_parent.ChangeLinks(difference, now);
  }
  other.Changed(now);
  return {};
}

base::Result<void> TmpfsDirectory::Rename(Context& context, std::string_view name, Inode& child, Inode& new_parent,
                                          std::string_view new_name, Inode* replaced, unsigned flags) {
  int64_t now = context.RealtimeNow();
  auto& moved = static_cast<TmpfsInode&>(child);
  auto& target = static_cast<TmpfsDirectory&>(new_parent);
  if ((flags & RENAME_EXCHANGE) != 0) {
    TRY(Exchange(name, moved, target, new_name, static_cast<TmpfsInode&>(*replaced), now));
  } else {
    if (replaced != nullptr && replaced->is_directory() && !static_cast<TmpfsDirectory*>(replaced)->empty()) {
      return base::Errno(ENOTEMPTY);
    }
    Removed whiteout;
    if ((flags & RENAME_WHITEOUT) != 0) {
      Ownership owner = moved.ownership();
      whiteout = TRY(MakeInode({.mode = S_IFCHR, .uid = owner.uid, .gid = owner.gid}, now));
    }
    Removed self = Take(name);
    if (self == nullptr) return base::Errno(ENOENT);
    if (Removed old = replaced != nullptr ? target.Take(new_name) : nullptr; old != nullptr) {
      old->ChangeLinks(old->is_directory() ? -2 : -1, now);
      if (old->is_directory()) target.ChangeLinks(-1, now);
    }
    TRY(target.Enter(new_name, std::move(self)));
    if (whiteout != nullptr) TRY(Enter(name, std::move(whiteout)));
    if (moved.is_directory()) {
      ChangeLinks(-1, now);
      target.ChangeLinks(1, now);
    }
  }
  moved.Changed(now);
  Modified(now);
  target.Modified(now);
  return {};
}

int64_t TmpfsDirectory::Read(int64_t first, int64_t end, DirectorySink& sink) {
  base::MutexLock lock(mutex_);
  auto& places = entries_->by_place;
  for (auto it = places.lower_bound(first); it != places.end() && it->first < end; ++it) {
    const Entry& entry = *it->second;
    if (!sink.Add(entry.name, entry.inode->number(), IFTODT(entry.inode->type()), it->first + 1)) return it->first;
    first = it->first + 1;
  }
  return first;
}

base::Result<void> TmpfsDirectory::ListNames(Context&, DirectorySink& sink) {
  Read(kFirstPlace, INT64_MAX, sink);
  return {};
}

namespace {

class TmpfsDirectoryDescription : public FileDescription {
 public:
  TmpfsDirectoryDescription(base::RefPtr<TmpfsDirectory> directory, Path path, int flags)
      : FileDescription(std::move(path), flags), directory_(std::move(directory)) {}

  base::Result<size_t> TryRead(Context&, IoSequence&) override { return base::Errno(EISDIR); }
  base::Result<size_t> TryReadAt(Context&, IoSequence&, int64_t) override { return base::Errno(EISDIR); }
  base::Result<void> Sync(Context&, bool) override { return {}; }

  base::Result<int64_t> Seek(Context&, int64_t offset, int whence) override {
    if (whence != SEEK_SET && whence != SEEK_CUR) return base::Errno(EINVAL);
    int64_t place = TRY(SeekWithin(offset, whence, 0));
    if (place == 0) {
      base::MutexLock lock(offset_mutex_);
      end_ = 0;
    }
    return place;
  }

  base::Result<void> ReadDirectory(Context& context, DirectorySink& sink) override {
    base::MutexLock lock(offset_mutex_);
    // Who makes names while reading them must come to an end: what is made after the start is not seen.
    if (offset_ == 0 || end_ == 0) end_ = directory_->end_place();
    if (offset_ == 0) {
      if (!sink.Add(".", directory_->number(), DT_DIR, 1)) return {};
      offset_ = 1;
    }
    if (offset_ == 1) {
      uint64_t parent = TRY(path().dentry->parent()->inode()->Stat(context)).inode;
      if (!sink.Add("..", parent, DT_DIR, TmpfsDirectory::kFirstPlace)) return {};
      offset_ = TmpfsDirectory::kFirstPlace;
    }
    offset_ = directory_->Read(offset_, end_, sink);
    directory_->Accessed(context, *this);
    return {};
  }

 private:
  const base::RefPtr<TmpfsDirectory> directory_;
  int64_t end_ ABSL_GUARDED_BY(offset_mutex_) = 0;
};

}  // namespace

base::Result<base::RefPtr<FileDescription>> TmpfsDirectory::Open(Context&, const Path& path, int flags) {
  return base::RefPtr<FileDescription>(
      base::MakeRef<TmpfsDirectoryDescription>(base::RefPtr<TmpfsDirectory>(this), path, flags));
}

}  // namespace vfs
