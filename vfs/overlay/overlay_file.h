// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "base/mutex.h"
#include "base/ref.h"
#include "base/result.h"
#include "vfs/overlay/overlay_inode.h"

namespace vfs {

// Whatever is no directory.
class OverlayFile : public OverlayInode {
 public:
  OverlayFile(base::RefPtr<OverlayFilesystem> filesystem, base::RefPtr<OverlayRecord> record);

  base::Result<std::string> ReadLink(Context& context) override;
  base::Result<base::RefPtr<FileDescription>> Open(Context& context, const Path& path, int flags) override;
  base::Result<void> EnsureUpper(Context& context, uint64_t data_limit) override;

  // A file of the upper layer that may be linked to for another name of this one: the upper file or the token.
  base::Result<base::RefPtr<Inode>> Linkable(Context& context);
  // A name came or went, by a change in the upper layer.
  void ChangeLinks(int by);

 protected:
  ~OverlayFile() override;
  void FillLinks(Attributes& attributes) override;

 private:
  static base::LockClass kCopyLock;
  // Makes the upper file, without a name, and fills it.
  base::Result<base::RefPtr<Inode>> Copy(Context& context, uint64_t data_limit);
  base::Result<base::RefPtr<Inode>> MakeUnnamed(Context& context, const Attributes& attributes);
  base::Result<void> CopyData(Context& context, Inode& to, uint64_t size);

  base::Mutex copy_mutex_;
};

}  // namespace vfs
