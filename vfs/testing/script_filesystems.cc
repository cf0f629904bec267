// SPDX-License-Identifier: Apache-2.0
#include "vfs/testing/script_filesystems.h"

#include "vfs/overlay/overlay.h"
#include "vfs/testing/gofer_tree.h"
#include "vfs/tmpfs/tmpfs.h"

namespace vfs {
namespace {

class TmpfsFilesystem : public ScriptFilesystem {
 public:
  std::string name() const override { return "tmpfs"; }
  base::RefPtr<Dentry> MakeRoot(Context& context) override { return Tmpfs::Create(context, {.mode = 0755}); }
};

class GoferScriptTree : public ScriptFilesystem {
 public:
  explicit GoferScriptTree(bool shared) : shared_(shared), tree_({.shared = shared}) {}
  std::string name() const override { return shared_ ? "shared gofer" : "gofer"; }
  base::RefPtr<Dentry> MakeRoot(Context&) override { return tree_.root(); }

 private:
  const bool shared_;
  GoferTree tree_;
};

// Nothing in the lower layer, so that all is as on the upper one.
class EmptyOverlay : public ScriptFilesystem {
 public:
  std::string name() const override { return "overlay"; }
  base::RefPtr<Dentry> MakeRoot(Context& context) override {
    return MUST(
        OverlayFilesystem::Create(context, Tmpfs::Create(context, {}), {Tmpfs::Create(context, {.mode = 0755})}));
  }
};

}  // namespace

std::vector<std::unique_ptr<ScriptFilesystem>> MakeScriptFilesystems() {
  std::vector<std::unique_ptr<ScriptFilesystem>> all;
  all.push_back(std::make_unique<TmpfsFilesystem>());
  all.push_back(std::make_unique<GoferScriptTree>(false));
  all.push_back(std::make_unique<GoferScriptTree>(true));
  all.push_back(std::make_unique<EmptyOverlay>());
  return all;
}

}  // namespace vfs
