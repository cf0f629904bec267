// SPDX-License-Identifier: Apache-2.0
#include "vfs/testing/gofer_tree.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <utility>

namespace vfs {

GoferTree::GoferTree(const GoferOptions& options) {
  chmod(directory_.path().c_str(), 0755);
  server_.emplace(directory_.path());
  socket_copy_ = fcntl(server_->socket().get(), F_DUPFD_CLOEXEC, 0);
  client_ = MUST(GoferClient::Connect(std::move(server_->socket())));
  root_ = MUST(GoferFilesystem::Create(client_, 0, options));
  mount_ = Mount::Create(root_, 0, "gofer");
}

GoferTree::~GoferTree() { Kill(); }

void GoferTree::Kill() {
  if (socket_copy_ < 0) return;
  shutdown(socket_copy_, SHUT_RDWR);
  base::UniqueFd closed(std::exchange(socket_copy_, -1));
}

}  // namespace vfs
