// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "base/ref.h"
#include "base/result.h"
#include "vfs/dentry.h"
#include "vfs/inode.h"
#include "vfs/overlay/overlay_record.h"
#include "vfs/path.h"

namespace vfs {

class OverlayDirectory;
class OverlayInode;

// A writable tree over read-only ones: one upper layer in memory (a fresh tmpfs), which takes every change, and lower
// layers that show through where nothing was changed. The lower layers must not change otherwise while they are part of
// an overlay, and nothing else may use the upper one.
//
// How it differs from Linux's overlayfs, whose interface it has. What is below is kept in memory (OverlayRecord), not
// in marks on the upper layer, so:
//  - inode numbers never change: a file of the top lower layer keeps the lower one's, before and after it is copied up;
//    st_dev is the overlay's for all;
//  - names of a file that has several in a lower layer stay names of one file when it is changed;
//  - directories of lower layers can be renamed, and neither that nor renaming or linking a file copies anything;
//  - data is copied up by the first change, not by open(2), and only as much as a truncation leaves;
//  - a description opened for reading before the file was copied up sees what is written afterwards;
//  - guests can make character devices 0,0 as on any filesystem.
// As on Linux: a private or read-only mapping made before the file was copied up keeps showing the old contents;
// st_nlink of merged directories is 1; RENAME_WHITEOUT is refused (EINVAL).
//
// A copy-up that fails (ENOSPC) leaves everything as it was: the copy is an upper file without a name until it is
// whole.
//
// Locks of the overlay, outermost first; all below Dentry::directory_mutex_ and above those of the layers:
//   OverlayFilesystem::structure_mutex    (what directory is where; directories being copied up)
//     OverlayFile::copy_mutex_
//       OverlayDirectory::names_mutex_
//         OverlayFilesystem::tables
class OverlayFilesystem : public Filesystem {
 public:
  // The root of an overlay of `upper` (an empty directory) over `lowers`, topmost first; at least one. What the layers
  // say, ENOTDIR.
  static base::Result<base::RefPtr<Dentry>> Create(Context& context, base::RefPtr<Dentry> upper,
                                                   std::vector<base::RefPtr<Dentry>> lowers);

  std::string_view type_name() const override { return "overlay"; }
  base::Result<FilesystemStatus> Status(Context& context) override;
  base::Result<void> Sync(Context& context) override;

  // Where a file or directory was found in the layers: in the upper one, or (null) in lower ones only.
  struct Found {
    base::RefPtr<Inode> upper;
    std::vector<OverlayLower> lowers;
  };
  // The inode of what was found: the one there is, or a new one. Directories are told where they are.
  base::Result<base::RefPtr<OverlayInode>> GetInode(Context& context, Found found, OverlayDirectory* parent,
                                                    std::string_view name);
  void Leave(OverlayInode& inode);

  // The record a number of the upper layer stands for; null for a file that is all upper.
  base::RefPtr<OverlayRecord> FindRecord(uint64_t upper_number);
  // From now on the record is found by its key, and by this number of an upper file.
  void KeepRecord(OverlayRecord& record);
  void KeepRecord(OverlayRecord& record, uint64_t upper_number);
  // The file has no name any more.
  void DropRecord(OverlayRecord& record);

  // Stands for a name that is gone. All whiteouts are one file.
  bool IsWhiteout(const Inode& upper) const { return &upper == whiteout_.get(); }
  Inode& whiteout() const { return *whiteout_; }
  uint64_t whiteout_number() const { return whiteout_number_; }
  // A directory of the upper layer nobody sees, for names on their way.
  Inode& work() const { return *work_; }
  std::string NextWorkName();
  // A path into a layer (0: upper), for opening its files.
  const Path& layer_path(uint32_t layer) const { return layer_paths_[layer]; }
  base::Mutex& structure_mutex() { return structure_mutex_; }

  // What stat(2) shows.
  static uint64_t PublicNumber(const OverlayKey& key);

 protected:
  ~OverlayFilesystem() override;

 private:
  struct Tables;
  OverlayFilesystem();

  static base::LockClass kStructureLock;
  base::Mutex structure_mutex_{kStructureLock};
  const std::unique_ptr<Tables> tables_;
  // Const after Create.
  std::vector<Path> layer_paths_;
  base::RefPtr<Inode> work_;
  base::RefPtr<Inode> whiteout_;
  uint64_t whiteout_number_ = 0;
  std::atomic<uint64_t> next_work_name_{0};
};

}  // namespace vfs
