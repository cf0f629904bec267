// SPDX-License-Identifier: Apache-2.0
#include "vfs/overlay/overlay.h"

#include <sys/stat.h>

#include <cerrno>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "vfs/mount.h"
#include "vfs/overlay/layer_context.h"
#include "vfs/overlay/overlay_directory.h"
#include "vfs/overlay/overlay_file.h"
#include "vfs/overlay/overlay_inode.h"

namespace vfs {
namespace {

constexpr uint64_t kOverlayMagic = 0x794c7630;
// Numbers of the layers must not meet, and small ones should look like themselves: the top lower layer's are shown as
// they are, others beyond what filesystems usually reach.
constexpr int kLayerShift = 48;
constexpr uint64_t kUpperNumbers = uint64_t{1} << 40;

constinit base::LockClass kTablesLock{"OverlayFilesystem::tables"};

struct KeyHash {
  size_t operator()(const OverlayKey& key) const { return absl::HashOf(key.layer, key.number); }
};

}  // namespace

struct OverlayFilesystem::Tables {
  base::Mutex mutex{kTablesLock};
  // Plain pointers: an inode leaves before it goes.
  absl::flat_hash_map<OverlayKey, OverlayInode*, KeyHash> inodes ABSL_GUARDED_BY(mutex);
  absl::flat_hash_map<OverlayKey, base::RefPtr<OverlayRecord>, KeyHash> records ABSL_GUARDED_BY(mutex);
  absl::flat_hash_map<uint64_t, OverlayRecord*> by_upper_number ABSL_GUARDED_BY(mutex);
};

constinit base::LockClass OverlayFilesystem::kStructureLock{"OverlayFilesystem::structure_mutex"};

OverlayFilesystem::OverlayFilesystem() : tables_(std::make_unique<Tables>()) {}
OverlayFilesystem::~OverlayFilesystem() = default;

uint64_t OverlayFilesystem::PublicNumber(const OverlayKey& key) {
  if (key.layer == 0) return key.number ^ kUpperNumbers;
  return key.number ^ uint64_t { key.layer - 1 } << kLayerShift;
}

base::Result<base::RefPtr<Dentry>> OverlayFilesystem::Create(Context& caller, base::RefPtr<Dentry> upper,
                                                             std::vector<base::RefPtr<Dentry>> lowers) {
  LayerContext context(caller);
  if (lowers.empty()) return base::Errno(EINVAL);
  if (!upper->is_directory()) return base::Errno(ENOTDIR);
  auto overlay = base::AdoptRef(new OverlayFilesystem);
  Inode& home = *upper->inode();
  Attributes attributes = TRY(lowers[0]->inode()->Stat(context));
  CreateOptions like_lower{.mode = attributes.mode, .uid = attributes.uid, .gid = attributes.gid};
  Found root;
  root.upper = TRY(home.Create(context, "upper", like_lower));
  overlay->work_ = TRY(home.Create(context, "work", {.mode = S_IFDIR | 0700}));
  overlay->whiteout_ = TRY(overlay->work_->CreateUnnamed(context, {.mode = S_IFREG}));
  overlay->whiteout_number_ = TRY(overlay->whiteout_->Stat(context)).inode;
  overlay->layer_paths_.emplace_back(Mount::Create(upper, kMountNoAtime, "upper"), upper);
  for (base::RefPtr<Dentry>& lower : lowers) {
    if (!lower->is_directory()) return base::Errno(ENOTDIR);
    auto layer = static_cast<uint32_t>(overlay->layer_paths_.size());
    root.lowers.push_back({lower->inode(), layer});
    overlay->layer_paths_.emplace_back(Mount::Create(lower, kMountNoAtime, "lower"), lower);
  }
  // The root is a directory that was copied up.
  OverlayKey key{1, attributes.inode};
  uint64_t upper_number = TRY(root.upper->Stat(context)).inode;
  auto record = base::MakeRef<OverlayRecord>(key, root.upper, root.lowers, attributes.links);
  overlay->KeepRecord(*record, upper_number);
  AttributeChange times;
  times.access_time = attributes.access_time;
  times.modify_time = attributes.modify_time;
  TRY(root.upper->SetAttributes(context, times));
  return Dentry::CreateRoot(TRY(overlay->GetInode(context, std::move(root), nullptr, "")));
}

base::Result<FilesystemStatus> OverlayFilesystem::Status(Context& context) {
  FilesystemStatus status = TRY(whiteout_->filesystem().Status(context));
  status.type = kOverlayMagic;
  return status;
}

base::Result<void> OverlayFilesystem::Sync(Context& context) { return whiteout_->filesystem().Sync(context); }

std::string OverlayFilesystem::NextWorkName() {
  return "#" + std::to_string(next_work_name_.fetch_add(1, std::memory_order_relaxed));
}

base::RefPtr<OverlayRecord> OverlayFilesystem::FindRecord(uint64_t upper_number) {
  base::MutexLock lock(tables_->mutex);
  auto found = tables_->by_upper_number.find(upper_number);
  return found != tables_->by_upper_number.end() ? base::RefPtr<OverlayRecord>(found->second) : nullptr;
}

void OverlayFilesystem::KeepRecord(OverlayRecord& record) {
  base::MutexLock lock(tables_->mutex);
  tables_->records.try_emplace(record.key(), base::RefPtr<OverlayRecord>(&record));
}

void OverlayFilesystem::KeepRecord(OverlayRecord& record, uint64_t upper_number) {
  base::MutexLock lock(tables_->mutex);
  tables_->records.try_emplace(record.key(), base::RefPtr<OverlayRecord>(&record));
  if (tables_->by_upper_number.try_emplace(upper_number, &record).second) {
    record.upper_numbers().push_back(upper_number);
  }
}

void OverlayFilesystem::DropRecord(OverlayRecord& record) {
  // The reference goes behind the lock: with it go inodes of the layers.
  base::RefPtr<OverlayRecord> dropped;
  base::MutexLock lock(tables_->mutex);
  auto found = tables_->records.find(record.key());
  if (found == tables_->records.end()) return;
  dropped = std::move(found->second);
  tables_->records.erase(found);
  for (uint64_t number : record.upper_numbers()) tables_->by_upper_number.erase(number);
  record.upper_numbers().clear();
}

base::Result<base::RefPtr<OverlayInode>> OverlayFilesystem::GetInode(Context& context, Found found,
                                                                     OverlayDirectory* parent, std::string_view name) {
  Inode& real = found.upper != nullptr ? *found.upper : *found.lowers[0].inode;
  Attributes attributes = TRY(real.Stat(context));
  OverlayKey key{found.upper != nullptr ? 0 : found.lowers[0].layer, attributes.inode};
  base::RefPtr<OverlayRecord> record;
  if (found.upper != nullptr) record = FindRecord(key.number);
  if (record != nullptr) key = record->key();
  base::MutexLock lock(tables_->mutex);
  if (record == nullptr) {
    auto kept = tables_->records.find(key);
    if (kept != tables_->records.end()) record = kept->second;
  }
  OverlayInode*& place = tables_->inodes[key];
  if (place != nullptr && place->TryRef()) return base::RefPtr<OverlayInode>::Adopt(place);
  if (record == nullptr) {
    record = base::MakeRef<OverlayRecord>(key, std::move(found.upper), std::move(found.lowers), attributes.links);
  }
  base::RefPtr<OverlayFilesystem> self(this);
  base::RefPtr<OverlayInode> made;
  if (record->real().is_directory()) {
    made = base::MakeRef<OverlayDirectory>(std::move(self), std::move(record), base::RefPtr<OverlayDirectory>(parent),
                                           std::string(name));
  } else {
    made = base::MakeRef<OverlayFile>(std::move(self), std::move(record));
  }
  place = made.get();
  return made;
}

void OverlayFilesystem::Leave(OverlayInode& inode) {
  base::MutexLock lock(tables_->mutex);
  auto found = tables_->inodes.find(inode.record().key());
  if (found != tables_->inodes.end() && found->second == &inode) tables_->inodes.erase(found);
}

}  // namespace vfs
