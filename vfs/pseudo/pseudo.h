// SPDX-License-Identifier: Apache-2.0
// Filesystems made up by the kernel: files whose text is generated when they are opened, directories whose entries are
// fixed or looked up on the fly, links. /proc and /sys are put together from these.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "vfs/file_description.h"
#include "vfs/inode.h"

namespace vfs {

class PseudoFilesystem : public Filesystem {
 public:
  PseudoFilesystem(std::string_view type_name, uint64_t magic, NameCache name_cache)
      : type_name_(type_name), magic_(magic), name_cache_(name_cache) {}

  std::string_view type_name() const override { return type_name_; }
  base::Result<FilesystemStatus> Status(Context& context) override;
  NameCache name_cache() const override { return name_cache_; }
  // Names are asked for anew, so that one that went away and one that came back with another meaning are both seen.
  bool Revalidate(Context& context, Inode& directory, std::string_view name, Inode& inode) override;

  uint64_t NextInodeNumber() { return next_inode_.fetch_add(1, std::memory_order_relaxed); }

 private:
  const std::string type_name_;
  const uint64_t magic_;
  const NameCache name_cache_;
  std::atomic<uint64_t> next_inode_{1};
};

// What the inodes of pseudo filesystems share. `owner` tells uid and gid; null: root.
class PseudoInode : public Inode {
 public:
  using Owner = std::function<std::pair<base::KUid, base::KGid>()>;

  base::Result<Attributes> Stat(Context& context) override;
  // EPERM: nothing about them can be changed.
  base::Result<void> SetAttributes(Context& context, const AttributeChange& change) override;
  uint64_t number() const { return number_; }
  // Whether it still stands for what it was made for; a stale one is looked up again.
  virtual bool Valid() const { return true; }
  void set_owner(Owner owner) { owner_ = std::move(owner); }

 protected:
  PseudoInode(base::RefPtr<PseudoFilesystem> filesystem, uint32_t mode);

 private:
  const uint32_t mode_;
  const uint64_t number_;
  const Timestamp time_;
  Owner owner_;
};

// A regular file whose text `read` makes at each open (and again when it is read from the start), and whose writes go
// to `write` in one piece each. Null `write`: EACCES... of the mode, EINVAL for root.
class TextInode : public PseudoInode {
 public:
  using Read = std::function<base::Result<std::string>(Context&)>;
  using Write = std::function<base::Result<void>(Context&, std::string_view)>;

  TextInode(base::RefPtr<PseudoFilesystem> filesystem, uint32_t permissions, Read read, Write write = nullptr);
  base::Result<base::RefPtr<FileDescription>> Open(Context& context, const Path& path, int flags) override;
  // O_TRUNC and the like are accepted and mean nothing.
  base::Result<void> SetAttributes(Context& context, const AttributeChange& change) override;

  const Read& read() const { return read_; }
  const Write& write() const { return write_; }

 private:
  const Read read_;
  const Write write_;
};

// A symbolic link. `magic`, if given, leads straight to a place; `text` is what readlink(2) shows.
class LinkInode : public PseudoInode {
 public:
  using Text = std::function<base::Result<std::string>(Context&)>;
  using Magic = std::function<base::Result<Path>(Context&)>;

  LinkInode(base::RefPtr<PseudoFilesystem> filesystem, Text text, Magic magic = nullptr);
  base::Result<std::string> ReadLink(Context& context) override;
  base::Result<Path> FollowMagicLink(Context& context) override;
  base::Result<base::RefPtr<FileDescription>> Open(Context& context, const Path& path, int flags) override;

 private:
  const Text text_;
  const Magic magic_;
};

struct PseudoEntry {
  std::string name;
  uint64_t inode = 0;
  uint8_t type = 0;   // DT_*
  int64_t place = 0;  // Its directory offset, which stays whatever comes and goes around it. Set by DirectoryInode.
};

// A directory: fixed entries, then those of `lookup` and `list`. Entries cannot be made or removed (EPERM).
class DirectoryInode : public PseudoInode {
 public:
  // ENOENT for a name that is not there.
  using LookupName = std::function<base::Result<base::RefPtr<Inode>>(Context&, std::string_view)>;
  using List = std::function<std::vector<PseudoEntry>(Context&)>;

  DirectoryInode(base::RefPtr<PseudoFilesystem> filesystem, uint32_t permissions = 0555);
  // Before the directory is in use.
  void Add(std::string name, base::RefPtr<Inode> inode);
  void SetDynamic(LookupName lookup, List list);
  void set_valid(std::function<bool()> valid) { valid_ = std::move(valid); }

  base::Result<Attributes> Stat(Context& context) override;
  base::Result<base::RefPtr<Inode>> Lookup(Context& context, std::string_view name) override;
  base::Result<base::RefPtr<Inode>> Create(Context& context, std::string_view name,
                                           const CreateOptions& options) override;
  base::Result<base::RefPtr<FileDescription>> Open(Context& context, const Path& path, int flags) override;
  bool Valid() const override { return !valid_ || valid_(); }
  // All entries but "." and "..", by their places.
  std::vector<PseudoEntry> Entries(Context& context) const;

 private:
  std::vector<std::pair<std::string, base::RefPtr<Inode>>> fixed_;
  LookupName lookup_;
  List list_;
  std::function<bool()> valid_;
};

}  // namespace vfs
