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

class GoferDirectoryDescription : public NameListDescription {
 public:
  GoferDirectoryDescription(base::RefPtr<GoferDirectory> directory, Path path, int flags)
      : NameListDescription(std::move(path), flags), directory_(std::move(directory)) {}

  base::Result<void> Sync(Context&, bool data_only) override {
    GoferClient::Exchange exchange(directory_->client());
    wire::Sync& sync = *exchange.Add().mutable_sync();
    sync.set_node(directory_->node());
    sync.set_data_only(data_only);
    TRY(exchange.Run());
    return {};
  }

 protected:
  base::Result<base::RefPtr<NameList>> List(Context&) override { return directory_->List(); }

 private:
  const base::RefPtr<GoferDirectory> directory_;
};

}  // namespace

base::Result<base::RefPtr<FileDescription>> GoferDirectory::Open(Context&, const Path& path, int flags) {
  return base::RefPtr<FileDescription>(
      base::MakeRef<GoferDirectoryDescription>(base::RefPtr<GoferDirectory>(this), path, flags));
}

base::Result<void> GoferDirectory::ListNames(Context&, DirectorySink& sink) {
  base::RefPtr<NameList> list = TRY(List());
  for (const NameList::Entry& entry : list->entries()) (void)sink.Add(entry.name, entry.inode, entry.type, 0);
  return {};
}

void GoferDirectory::ForgetListing() {
  base::RefPtr<NameList> old;
  base::MutexLock lock(listing_mutex_);
  std::swap(old, listing_);
}

base::Result<base::RefPtr<NameList>> GoferDirectory::List() {
  if (gofer().shared()) return FetchListing();
  {
    base::MutexLock lock(listing_mutex_);
    if (listing_ != nullptr) return listing_;
  }
  uint64_t count = change_count();
  base::RefPtr<NameList> listing = TRY(FetchListing());
  if (listing->entries().size() > NameList::kMostKept) return listing;
  base::RefPtr<NameList> old;
  base::MutexLock lock(listing_mutex_);
  // Names that changed meanwhile were counted before the listing was forgotten: nothing stale is kept.
  if (change_count() == count) {
    old = std::move(listing_);
    listing_ = listing;
  }
  return listing;
}

base::Result<base::RefPtr<NameList>> GoferDirectory::FetchListing() {
  std::vector<NameList::Entry> entries;
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
    if (directory.end()) return base::MakeRef<NameList>(std::move(entries));
    if (directory.entries_size() == 0 || entries.size() > kMostEntries) return base::Errno(EIO);
    cookie = directory.cookie();
  }
}

}  // namespace vfs
