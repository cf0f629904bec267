// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/ref.h"
#include "base/result.h"
#include "vfs/file_description.h"
#include "vfs/inode.h"
#include "vfs/overlay/overlay.h"
#include "vfs/overlay/overlay_record.h"

namespace vfs {

// What all inodes of an overlay have: they show what the real file of a layer has, and change only the upper one's.
class OverlayInode : public Inode {
 public:
  base::Result<Attributes> Stat(Context& context) override;
  base::Result<Ownership> GetOwnership(Context& context) override;
  base::Result<void> SetAttributes(Context& context, const AttributeChange& change) override;
  base::Result<std::string> GetXattr(Context& context, std::string_view name) override;
  base::Result<void> SetXattr(Context& context, std::string_view name, std::string_view value, int flags) override;
  base::Result<std::vector<std::string>> ListXattr(Context& context) override;
  base::Result<void> RemoveXattr(Context& context, std::string_view name) override;

  OverlayRecord& record() const { return *record_; }
  OverlayFilesystem& overlay() const { return *static_cast<OverlayFilesystem*>(&filesystem()); }
  // Whether it began in a lower layer.
  bool has_lower() const { return !record_->lowers().empty(); }

  // Copies it up if it is not yet; of a regular file's data at most `data_limit` bytes. Then record().upper() is set.
  // ENOSPC, EIO, and what the layers say.
  virtual base::Result<void> EnsureUpper(Context& context, uint64_t data_limit) = 0;
  static constexpr uint64_t kAllData = UINT64_MAX;

 protected:
  OverlayInode(base::RefPtr<OverlayFilesystem> filesystem, base::RefPtr<OverlayRecord> record);
  ~OverlayInode() override;
  void LastReferenceGone() override;
  virtual void FillLinks(Attributes& attributes) = 0;
  // Extended attributes, then times: the last steps of a copy-up.
  static base::Result<void> CopyMetadata(Context& context, Inode& from, Inode& to, const Attributes& attributes);

 private:
  const base::RefPtr<OverlayRecord> record_;
};

}  // namespace vfs
