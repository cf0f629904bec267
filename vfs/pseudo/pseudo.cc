// SPDX-License-Identifier: Apache-2.0
#include "vfs/pseudo/pseudo.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <tuple>

#include "base/clock.h"

namespace vfs {
namespace {

constexpr int64_t kFirstPlace = 2;                // Behind "." and "..".
constexpr int64_t kFirstNumberedPlace = 1 << 20;  // Of entries whose names are numbers.

// An open generated file: its text as of the open, or of the last read from the start.
class TextFile : public FileDescription {
 public:
  TextFile(Path path, int flags, base::RefPtr<TextInode> inode)
      : FileDescription(std::move(path), flags), inode_(std::move(inode)) {}

  // Without the offset's lock: the text may be about this very file, or another one (/proc/PID/fdinfo).
  base::Result<size_t> TryRead(Context& context, IoSequence& to) override {
    int64_t at = offset();
    size_t count = TRY(TryReadAt(context, to, at));
    base::MutexLock lock(offset_mutex_);
    offset_ = at + static_cast<int64_t>(count);
    return count;
  }

  base::Result<size_t> TryReadAt(Context& context, IoSequence& to, int64_t offset) override {
    std::string text;
    bool fresh = offset == 0;
    if (!fresh) {
      text_.With([&](std::optional<std::string>& kept) {
        if (kept) {
          text = *kept;
        } else {
          fresh = true;
        }
      });
    }
    if (fresh) {
      text = TRY(inode_->read()(context));
      text_.With([&](std::optional<std::string>& kept) { kept = text; });
    }
    if (static_cast<uint64_t>(offset) >= text.size()) return size_t{0};
    return to.CopyOut(std::as_bytes(std::span(text)).subspan(static_cast<size_t>(offset)));
  }

  base::Result<size_t> TryWriteAt(Context& context, IoSequence& from, int64_t) override {
    constexpr size_t kMaxWrite = 64 * 1024;
    if (!inode_->write()) return base::Errno(EINVAL);
    std::string text(std::min(from.remaining(), kMaxWrite), '\0');
    text.resize(TRY(from.CopyIn(std::as_writable_bytes(std::span(text)))));
    TRY(inode_->write()(context, text));
    return text.size();
  }

  base::Result<int64_t> Seek(Context&, int64_t offset, int whence) override {
    base::MutexLock lock(offset_mutex_);
    if (whence == SEEK_CUR) {
      offset += offset_;
    } else if (whence != SEEK_SET) {
      return base::Errno(EINVAL);
    }
    if (offset < 0) return base::Errno(EINVAL);
    return offset_ = offset;
  }

 private:
  static inline constinit base::LockClass kLock{"TextFile::text_"};
  const base::RefPtr<TextInode> inode_;
  base::Guarded<std::optional<std::string>> text_{kLock};
};

class DirectoryFile : public FileDescription {
 public:
  DirectoryFile(Path path, int flags, base::RefPtr<DirectoryInode> inode)
      : FileDescription(std::move(path), flags), inode_(std::move(inode)) {}

  base::Result<void> ReadDirectory(Context& context, DirectorySink& sink) override {
    std::vector<PseudoEntry> entries = inode_->Entries(context);
    base::MutexLock lock(offset_mutex_);
    if (offset_ == 0) {
      if (!sink.Add(".", inode_->number(), DT_DIR, 1)) return {};
      offset_ = 1;
    }
    if (offset_ == 1) {
      if (!sink.Add("..", inode_->number(), DT_DIR, kFirstPlace)) return {};
      offset_ = kFirstPlace;
    }
    for (const PseudoEntry& entry : entries) {
      if (entry.place < offset_) continue;
      if (!sink.Add(entry.name, entry.inode, entry.type, entry.place + 1)) return {};
      offset_ = entry.place + 1;
    }
    return {};
  }

  base::Result<int64_t> Seek(Context&, int64_t offset, int whence) override {
    base::MutexLock lock(offset_mutex_);
    if (whence == SEEK_CUR) {
      offset += offset_;
    } else if (whence != SEEK_SET) {
      return base::Errno(EINVAL);
    }
    if (offset < 0) return base::Errno(EINVAL);
    return offset_ = offset;
  }

 private:
  const base::RefPtr<DirectoryInode> inode_;
};

}  // namespace

base::Result<FilesystemStatus> PseudoFilesystem::Status(Context&) {
  FilesystemStatus status;
  status.type = magic_;
  return status;
}

bool PseudoFilesystem::Revalidate(Context&, Inode&, std::string_view, Inode& inode) {
  return static_cast<PseudoInode&>(inode).Valid();
}

PseudoInode::PseudoInode(base::RefPtr<PseudoFilesystem> filesystem, uint32_t mode)
    : Inode(filesystem, mode & S_IFMT),
      mode_(mode),
      number_(filesystem->NextInodeNumber()),
      time_(Timestamp::FromNanoseconds(base::RealtimeNow())) {}

base::Result<Attributes> PseudoInode::Stat(Context&) {
  Attributes attributes;
  attributes.inode = number_;
  attributes.device_minor = filesystem().device_minor();
  attributes.mode = mode_;
  attributes.links = 1;
  attributes.block_size = 1024;
  attributes.access_time = attributes.modify_time = attributes.change_time = attributes.birth_time = time_;
  if (owner_) std::tie(attributes.uid, attributes.gid) = owner_();
  return attributes;
}

base::Result<void> PseudoInode::SetAttributes(Context&, const AttributeChange&) { return base::Errno(EPERM); }

TextInode::TextInode(base::RefPtr<PseudoFilesystem> filesystem, uint32_t permissions, Read read, Write write)
    : PseudoInode(std::move(filesystem), S_IFREG | permissions), read_(std::move(read)), write_(std::move(write)) {}

base::Result<base::RefPtr<FileDescription>> TextInode::Open(Context&, const Path& path, int flags) {
  return base::RefPtr<FileDescription>(base::MakeRef<TextFile>(path, flags, base::RefPtr<TextInode>(this)));
}

base::Result<void> TextInode::SetAttributes(Context& context, const AttributeChange& change) {
  if (change.size && !change.permissions && !change.uid && !change.gid) return {};
  return PseudoInode::SetAttributes(context, change);
}

LinkInode::LinkInode(base::RefPtr<PseudoFilesystem> filesystem, Text text, Magic magic)
    : PseudoInode(std::move(filesystem), S_IFLNK | 0777), text_(std::move(text)), magic_(std::move(magic)) {}

base::Result<std::string> LinkInode::ReadLink(Context& context) { return text_(context); }

base::Result<Path> LinkInode::FollowMagicLink(Context& context) {
  if (!magic_) return Path();
  return magic_(context);
}

base::Result<base::RefPtr<FileDescription>> LinkInode::Open(Context&, const Path&, int) { return base::Errno(ELOOP); }

DirectoryInode::DirectoryInode(base::RefPtr<PseudoFilesystem> filesystem, uint32_t permissions)
    : PseudoInode(std::move(filesystem), S_IFDIR | permissions) {}

void DirectoryInode::Add(std::string name, base::RefPtr<Inode> inode) {
  fixed_.emplace_back(std::move(name), std::move(inode));
}

void DirectoryInode::SetDynamic(LookupName lookup, List list) {
  lookup_ = std::move(lookup);
  list_ = std::move(list);
}

base::Result<Attributes> DirectoryInode::Stat(Context& context) {
  Attributes attributes = TRY(PseudoInode::Stat(context));
  attributes.links = 2 + static_cast<uint64_t>(std::count_if(fixed_.begin(), fixed_.end(), [](const auto& entry) {
                       return entry.second->is_directory();
                     }));
  return attributes;
}

base::Result<base::RefPtr<Inode>> DirectoryInode::Lookup(Context& context, std::string_view name) {
  for (const auto& [fixed_name, inode] : fixed_) {
    if (fixed_name == name) return inode;
  }
  if (lookup_) return lookup_(context, name);
  return base::Errno(ENOENT);
}

base::Result<base::RefPtr<Inode>> DirectoryInode::Create(Context&, std::string_view, const CreateOptions&) {
  return base::Errno(EPERM);
}

base::Result<base::RefPtr<FileDescription>> DirectoryInode::Open(Context&, const Path& path, int flags) {
  return base::RefPtr<FileDescription>(base::MakeRef<DirectoryFile>(path, flags, base::RefPtr<DirectoryInode>(this)));
}

std::vector<PseudoEntry> DirectoryInode::Entries(Context& context) const {
  std::vector<PseudoEntry> entries;
  int64_t place = kFirstPlace;
  for (const auto& [name, inode] : fixed_) {
    entries.push_back(
        {name, static_cast<PseudoInode&>(*inode).number(), static_cast<uint8_t>(IFTODT(inode->type())), place++});
  }
  if (list_) {
    for (PseudoEntry& entry : list_(context)) {
      // Processes, threads, descriptors: who closes what he reads of skips none.
      int32_t number = 0;
      const char* end = entry.name.data() + entry.name.size();
      auto [parsed, error] = std::from_chars(entry.name.data(), end, number);
      entry.place = error == std::errc() && parsed == end && number >= 0 ? kFirstNumberedPlace + number : place++;
      entries.push_back(std::move(entry));
    }
    std::stable_sort(entries.begin(), entries.end(),
                     [](const PseudoEntry& a, const PseudoEntry& b) { return a.place < b.place; });
  }
  return entries;
}

}  // namespace vfs
