// SPDX-License-Identifier: Apache-2.0
#include "vfs/pseudo/anonymous.h"

#include <fcntl.h>

#include "absl/strings/str_cat.h"
#include "vfs/device.h"
#include "vfs/mount.h"
#include "vfs/pseudo/pseudo.h"

namespace vfs {
namespace {

constexpr uint64_t kAnonymousMagic = 0x09041934;  // ANON_INODE_FS_MAGIC

class AnonymousInode : public PseudoInode {
 public:
  AnonymousInode(base::RefPtr<PseudoFilesystem> filesystem, uint32_t mode) : PseudoInode(std::move(filesystem), mode) {}
  // Reopening through /proc/PID/fd.
  base::Result<base::RefPtr<FileDescription>> Open(Context& context, const Path& path, int flags) override {
    return OpenSpecial(context, path, flags);
  }
  base::Result<void> SetAttributes(Context&, const AttributeChange&) override { return {}; }
};

struct Internal {
  base::RefPtr<PseudoFilesystem> filesystem;
  base::RefPtr<Mount> mount;
};

Internal& TheInternal() {
  static Internal& internal = *[] {
    auto filesystem = base::MakeRef<PseudoFilesystem>("anon_inodefs", kAnonymousMagic, NameCache::kTrusted);
    auto root = Dentry::CreateRoot(base::MakeRef<DirectoryInode>(filesystem));
    return new Internal{filesystem, Mount::Create(root, 0, "anon_inodefs")};
  }();
  return internal;
}

Path Make(Context& context, uint32_t mode, std::string name, bool numbered) {
  Internal& internal = TheInternal();
  auto inode = base::MakeRef<AnonymousInode>(internal.filesystem, mode);
  auto owner = std::make_pair(context.credentials().fsuid, context.credentials().fsgid);
  inode->set_owner([owner] { return owner; });
  if (numbered) name = absl::StrCat(name, ":[", inode->number(), "]");
  return Path(internal.mount, Dentry::CreateAnonymous(std::move(inode), std::move(name)));
}

}  // namespace

Path MakeAnonymousPath(Context& context, uint32_t mode, std::string name) {
  return Make(context, mode, std::move(name), false);
}

Path MakeNumberedAnonymousPath(Context& context, uint32_t mode, std::string kind) {
  return Make(context, mode, std::move(kind), true);
}

bool IsAnonymousPath(const Path& path) { return path.mount == TheInternal().mount; }

}  // namespace vfs
