// SPDX-License-Identifier: Apache-2.0
// Copying files up. overlay_description.cc has open files.
#include "vfs/overlay/overlay_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <new>
#include <span>
#include <utility>

#include "vfs/overlay/layer_context.h"

namespace vfs {
namespace {

// Data is copied in pieces of this size.
constexpr size_t kCopyBytes = 128 * 1024;

// Copies [offset, end) from one description to the other. EIO: the source is shorter.
base::Result<void> CopyRange(Context& context, FileDescription& from, FileDescription& to, int64_t offset, int64_t end,
                             std::span<std::byte> buffer) {
  while (offset < end) {
    std::span<std::byte> piece = buffer.first(std::min<uint64_t>(buffer.size(), static_cast<uint64_t>(end - offset)));
    BufferSequence room(piece);
    size_t count = TRY(from.TryReadAt(context, room, offset));
    if (count == 0) return base::Errno(EIO);
    BufferSequence bytes(piece.first(count));
    while (bytes.remaining() > 0) {
      size_t before = bytes.remaining();
      size_t written = TRY(to.TryWriteAt(context, bytes, offset));
      // Nothing goes when there is no room.
      if (written == 0 || bytes.remaining() != before - written) return base::Errno(ENOSPC);
      offset += static_cast<int64_t>(written);
    }
  }
  return {};
}

}  // namespace

constinit base::LockClass OverlayFile::kCopyLock{"OverlayFile::copy_mutex_"};

OverlayFile::OverlayFile(base::RefPtr<OverlayFilesystem> filesystem, base::RefPtr<OverlayRecord> record)
    : OverlayInode(std::move(filesystem), std::move(record)), copy_mutex_(kCopyLock) {}

OverlayFile::~OverlayFile() = default;

base::Result<std::string> OverlayFile::ReadLink(Context& context) { return record().real().ReadLink(context); }

void OverlayFile::FillLinks(Attributes& attributes) {
  if (has_lower()) attributes.links = static_cast<uint64_t>(std::max<int64_t>(record().links(), 0));
}

base::Result<void> OverlayFile::EnsureUpper(Context& caller, uint64_t data_limit) {
  if (record().upper() != nullptr) return {};
  LayerContext context(caller);
  base::MutexLock lock(copy_mutex_);
  if (record().upper() != nullptr) return {};
  base::RefPtr<Inode> upper = TRY(Copy(context, data_limit));
  uint64_t number = TRY(upper->Stat(context)).inode;
  record().SetUpper(std::move(upper));
  // Nobody can ask for a file without names again.
  if (record().links() > 0) overlay().KeepRecord(record(), number);
  return {};
}

base::Result<base::RefPtr<Inode>> OverlayFile::Copy(Context& context, uint64_t data_limit) {
  Inode& lower = *record().lowers()[0].inode;
  Attributes attributes = TRY(lower.Stat(context));
  base::RefPtr<Inode> upper = TRY(MakeUnnamed(context, attributes));
  if (is_regular()) TRY(CopyData(context, *upper, std::min(attributes.size, data_limit)));
  TRY(CopyMetadata(context, lower, *upper, attributes));
  return upper;
}

base::Result<base::RefPtr<Inode>> OverlayFile::MakeUnnamed(Context& context, const Attributes& attributes) {
  CreateOptions options{.mode = attributes.mode,
                        .uid = attributes.uid,
                        .gid = attributes.gid,
                        .rdevice_major = attributes.rdevice_major,
                        .rdevice_minor = attributes.rdevice_minor};
  Inode& work = overlay().work();
  if (is_regular()) return work.CreateUnnamed(context, options);
  // Only regular files can be made without a name; others lose theirs at once.
  std::string name = overlay().NextWorkName();
  base::RefPtr<Inode> made;
  if (is_symlink()) {
    std::string target = TRY(record().lowers()[0].inode->ReadLink(context));
    made = TRY(work.Symlink(context, name, target, options));
  } else {
    made = TRY(work.Create(context, name, options));
  }
  TRY(work.Unlink(context, name, *made));
  return made;
}

base::Result<void> OverlayFile::CopyData(Context& context, Inode& to, uint64_t size) {
  if (size == 0) return {};
  const OverlayLower& lower = record().lowers()[0];
  auto source = TRY(lower.inode->Open(context, overlay().layer_path(lower.layer), O_RDONLY | O_LARGEFILE));
  auto target = TRY(to.Open(context, overlay().layer_path(0), O_WRONLY | O_LARGEFILE));
  std::unique_ptr<std::byte[]> memory(new (std::nothrow) std::byte[kCopyBytes]);
  if (memory == nullptr) return base::Errno(ENOMEM);
  std::span<std::byte> buffer(memory.get(), kCopyBytes);
  auto end = static_cast<int64_t>(size);
  // Holes stay holes.
  for (int64_t offset = 0; offset < end;) {
    base::Result<int64_t> data = source->Seek(context, offset, SEEK_DATA);
    if (!data.ok() && data.error().code() == ENXIO) break;
    if (data.ok()) offset = *data;
    base::Result<int64_t> hole = data.ok() ? source->Seek(context, offset, SEEK_HOLE) : data;
    int64_t stop = hole.ok() ? std::min(*hole, end) : end;
    if (offset >= end || stop <= offset) break;
    TRY(CopyRange(context, *source, *target, offset, stop, buffer));
    offset = stop;
  }
  AttributeChange change;
  change.size = size;
  return to.SetAttributes(context, change);
}

base::Result<base::RefPtr<Inode>> OverlayFile::Linkable(Context& caller) {
  LayerContext context(caller);
  base::MutexLock lock(copy_mutex_);
  if (Inode* upper = record().upper(); upper != nullptr) return base::RefPtr<Inode>(upper);
  if (record().token() == nullptr) {
    base::RefPtr<Inode> token = TRY(overlay().work().CreateUnnamed(context, {.mode = S_IFREG}));
    overlay().KeepRecord(record(), TRY(token->Stat(context)).inode);
    record().token() = std::move(token);
  }
  return record().token();
}

void OverlayFile::ChangeLinks(int by) {
  if (!has_lower()) return;
  base::MutexLock lock(copy_mutex_);
  record().ChangeLinks(by);
  if (record().links() > 0) {
    overlay().KeepRecord(record());
  } else {
    overlay().DropRecord(record());
  }
}

}  // namespace vfs
