// SPDX-License-Identifier: Apache-2.0
#include "vfs/testing/script_filesystems.h"

#include <sys/stat.h>

#include "gofer/server/testing/client.h"
#include "vfs/gofer_client/gofer_filesystem.h"
#include "vfs/tmpfs/tmpfs.h"

namespace vfs {
namespace {

class TmpfsFilesystem : public ScriptFilesystem {
 public:
  std::string name() const override { return "tmpfs"; }
  base::RefPtr<Dentry> MakeRoot(Context& context) override { return Tmpfs::Create(context, {.mode = 0755}); }
};

class GoferTree : public ScriptFilesystem {
 public:
  explicit GoferTree(bool shared) : shared_(shared) { chmod(tree_.path().c_str(), 0755); }
  std::string name() const override { return shared_ ? "shared gofer" : "gofer"; }
  base::RefPtr<Dentry> MakeRoot(Context&) override {
    auto client = MUST(GoferClient::Connect(std::move(server_.socket())));
    return MUST(GoferFilesystem::Create(std::move(client), 0, {.shared = shared_}));
  }

 private:
  const bool shared_;
  gofer::testing::TempDirectory tree_;
  gofer::testing::ServerThread server_{tree_.path()};
};

}  // namespace

std::vector<std::unique_ptr<ScriptFilesystem>> MakeScriptFilesystems() {
  std::vector<std::unique_ptr<ScriptFilesystem>> all;
  all.push_back(std::make_unique<TmpfsFilesystem>());
  all.push_back(std::make_unique<GoferTree>(false));
  all.push_back(std::make_unique<GoferTree>(true));
  return all;
}

}  // namespace vfs
