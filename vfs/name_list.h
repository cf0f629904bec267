// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/ref.h"
#include "base/result.h"
#include "vfs/file_description.h"

namespace vfs {

// All names of a directory as of one moment, without "." and "..". Immutable.
class NameList : public base::RefCounted {
 public:
  struct Entry {
    std::string name;
    uint64_t inode = 0;
    uint8_t type = 0;  // DT_*
  };
  // Lists of more entries are not worth keeping for the next reader.
  static constexpr size_t kMostKept = 16384;

  explicit NameList(std::vector<Entry> entries) : entries_(std::move(entries)) {}
  const std::vector<Entry>& entries() const { return entries_; }

 private:
  const std::vector<Entry> entries_;
};

// Takes every entry but "." and "..".
class NameCollector : public DirectorySink {
 public:
  bool Add(std::string_view name, uint64_t inode, uint8_t type, int64_t next_offset) override;
  std::vector<NameList::Entry>& entries() { return entries_; }

 private:
  std::vector<NameList::Entry> entries_;
};

// An open directory of a filesystem whose directories are listed as a whole. Offsets are positions in the list, behind
// "." and "..". A description keeps the list it began with until it is rewound: what comes and goes meanwhile is not
// seen, and nothing is seen twice.
class NameListDescription : public FileDescription {
 public:
  base::Result<size_t> TryRead(Context&, IoSequence&) override { return base::Errno(EISDIR); }
  base::Result<size_t> TryReadAt(Context&, IoSequence&, int64_t) override { return base::Errno(EISDIR); }
  base::Result<int64_t> Seek(Context& context, int64_t offset, int whence) override;
  base::Result<void> ReadDirectory(Context& context, DirectorySink& sink) override;

 protected:
  NameListDescription(Path path, int flags) : FileDescription(std::move(path), flags) {}
  // The names now.
  virtual base::Result<base::RefPtr<NameList>> List(Context& context) = 0;

 private:
  base::RefPtr<NameList> list_ ABSL_GUARDED_BY(offset_mutex_);
};

}  // namespace vfs
