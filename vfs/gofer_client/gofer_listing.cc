// SPDX-License-Identifier: Apache-2.0
// Reading directories: all names at once, kept (of exclusive mounts) until a name changes here.
#include <dirent.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <utility>

#include "gofer/protocol/gofer.pb.h"
#include "gofer/protocol/limits.h"
#include "vfs/gofer_client/gofer_directory.h"

namespace vfs {
namespace {

namespace wire = gofer::wire;

// A directory that does not end: more names than any filesystem of the host holds in one (the bulk of ext4's limit).
constexpr size_t kMostEntries = 16'000'000;

bool IsEntryName(std::string_view name) {
  return !name.empty() && name.size() <= gofer::kMaxName && name != "." && name != ".." &&
         name.find('/') == std::string_view::npos && name.find('\0') == std::string_view::npos;
}

// Offsets are positions in a listing, behind "." and "..". Each description keeps the listing it began with until it
// is rewound: what comes and goes meanwhile is not seen, and nothing is seen twice.
class GoferDirectoryDescription : public FileDescription {
 public:
  GoferDirectoryDescription(base::RefPtr<GoferDirectory> directory, Path path, int flags)
      : FileDescription(std::move(path), flags), directory_(std::move(directory)) {}

  base::Result<int64_t> Seek(Context&, int64_t offset, int whence) override {
    return SeekWithin(offset, whence, INT64_MAX);
  }

  base::Result<void> ReadDirectory(Context& context, DirectorySink& sink) override {
    base::MutexLock lock(offset_mutex_);
    if (offset_ == 0 || listing_ == nullptr) listing_ = TRY(directory_->List());
    if (offset_ == 0) {
      if (!sink.Add(".", TRY(directory_->Stat(context)).inode, DT_DIR, 1)) return {};
      offset_ = 1;
    }
    if (offset_ == 1) {
      if (!sink.Add("..", TRY(ParentNumber(context)), DT_DIR, 2)) return {};
      offset_ = 2;
    }
    const std::vector<GoferListing::Entry>& entries = listing_->entries();
    for (; static_cast<uint64_t>(offset_ - 2) < entries.size(); ++offset_) {
      const GoferListing::Entry& entry = entries[static_cast<size_t>(offset_ - 2)];
      if (!sink.Add(entry.name, entry.inode, entry.type, offset_ + 1)) return {};
    }
    return {};
  }

  base::Result<void> Sync(Context&, bool data_only) override {
    GoferClient::Exchange exchange(directory_->client());
    wire::Sync& sync = *exchange.Add().mutable_sync();
    sync.set_node(directory_->node());
    sync.set_data_only(data_only);
    TRY(exchange.Run());
    return {};
  }

 private:
  base::Result<uint64_t> ParentNumber(Context& context) {
    base::RefPtr<Dentry> parent = path().dentry->parent();
    return TRY(parent->inode()->Stat(context)).inode;
  }

  const base::RefPtr<GoferDirectory> directory_;
  base::RefPtr<GoferListing> listing_ ABSL_GUARDED_BY(offset_mutex_);
};

}  // namespace

base::Result<base::RefPtr<FileDescription>> GoferDirectory::Open(Context&, const Path& path, int flags) {
  return base::RefPtr<FileDescription>(
      base::MakeRef<GoferDirectoryDescription>(base::RefPtr<GoferDirectory>(this), path, flags));
}

void GoferDirectory::ForgetListing() {
  base::RefPtr<GoferListing> old;
  base::MutexLock lock(listing_mutex_);
  std::swap(old, listing_);
}

base::Result<base::RefPtr<GoferListing>> GoferDirectory::List() {
  if (gofer().shared()) return FetchListing();
  {
    base::MutexLock lock(listing_mutex_);
    if (listing_ != nullptr) return listing_;
  }
  uint64_t count = change_count();
  base::RefPtr<GoferListing> listing = TRY(FetchListing());
  if (listing->entries().size() > kMostKeptEntries) return listing;
  base::RefPtr<GoferListing> old;
  base::MutexLock lock(listing_mutex_);
  // Names that changed meanwhile were counted before the listing was forgotten: nothing stale is kept.
  if (change_count() == count) {
    old = std::move(listing_);
    listing_ = listing;
  }
  return listing;
}

base::Result<base::RefPtr<GoferListing>> GoferDirectory::FetchListing() {
  std::vector<GoferListing::Entry> entries;
  uint64_t cookie = 0;
  // On one connection, on which the gofer keeps its place.
  GoferClient::Exchange exchange(client());
  for (;;) {
    exchange.Restart();
    wire::ReadDirectory& request = *exchange.Add().mutable_read_directory();
    request.set_node(node());
    request.set_cookie(cookie);
    const wire::Directory& directory = TRY(exchange.Run())->directory();
    for (const wire::Entry& entry : directory.entries()) {
      if (!IsEntryName(entry.name()) || entry.type() > DT_WHT) return base::Errno(EIO);
      entries.push_back({entry.name(), entry.inode(), static_cast<uint8_t>(entry.type())});
    }
    if (directory.end()) return base::MakeRef<GoferListing>(std::move(entries));
    if (directory.entries_size() == 0 || entries.size() > kMostEntries) return base::Errno(EIO);
    cookie = directory.cookie();
  }
}

}  // namespace vfs
