// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "base/ref.h"
#include "gofer/server/testing/client.h"
#include "vfs/dentry.h"
#include "vfs/gofer_client/gofer_client.h"
#include "vfs/gofer_client/gofer_filesystem.h"
#include "vfs/mount.h"
#include "vfs/path.h"

namespace vfs {

// A temporary directory of the host, a gofer that serves it, and the filesystem made of it.
class GoferTree {
 public:
  explicit GoferTree(const GoferOptions& options);
  ~GoferTree();

  gofer::testing::TempDirectory& directory() { return directory_; }
  std::string host(const std::string& name) const { return directory_.Join(name); }
  GoferClient& client() { return *client_; }
  const base::RefPtr<Dentry>& root() { return root_; }
  Path root_path() { return Path(mount_, root_); }
  // Ends the gofer as a crash would: the client's connections are cut.
  void Kill();

 private:
  gofer::testing::TempDirectory directory_;
  std::optional<gofer::testing::ServerThread> server_;
  int socket_copy_ = -1;
  base::RefPtr<GoferClient> client_;
  base::RefPtr<Dentry> root_;
  base::RefPtr<Mount> mount_;
};

}  // namespace vfs
