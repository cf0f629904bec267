// SPDX-License-Identifier: Apache-2.0
// Link, unlink, rename, readlink.
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "gofer/protocol/gofer.pb.h"
#include "gofer/protocol/limits.h"
#include "gofer/server/connection.h"
#include "gofer/server/resolve.h"

namespace gofer {

Connection::Outcome Connection::Do(const wire::Link& request, wire::Result& result) {
  if (!IsValidName(request.name())) return base::Errno(EINVAL);
  NodeRef node = TRY(FindWritable(request.node()));
  NodeRef parent = TRY(FindWritableDirectory(request.parent()));
  if (&node->mount() != &parent->mount()) return base::Errno(EXDEV);
  if (S_ISDIR(node->type())) return base::Errno(EPERM);
  if (linkat(AT_FDCWD, DescriptorName(node->fd()).c_str(), parent->fd(), request.name().c_str(), AT_SYMLINK_FOLLOW) !=
      0) {
    return base::Errno(errno);
  }
  (void)ReadAttributes(node->fd(), *result.mutable_attributes());
  (void)ReadAttributes(parent->fd(), *result.mutable_parent());
  return {};
}

Connection::Outcome Connection::Do(const wire::Unlink& request, wire::Result& result) {
  if (!IsValidName(request.name())) return base::Errno(EINVAL);
  NodeRef parent = TRY(FindWritableDirectory(request.parent()));
  if (unlinkat(parent->fd(), request.name().c_str(), request.directory() ? AT_REMOVEDIR : 0) != 0) {
    return base::Errno(errno);
  }
  Refresh(request.node(), result.mutable_attributes());
  (void)ReadAttributes(parent->fd(), *result.mutable_parent());
  return {};
}

Connection::Outcome Connection::Do(const wire::Rename& request, wire::Result& result) {
  if (!IsValidName(request.name()) || !IsValidName(request.new_name())) return base::Errno(EINVAL);
  constexpr uint32_t kKnownFlags = RENAME_NOREPLACE | RENAME_EXCHANGE | RENAME_WHITEOUT;
  if ((request.flags() & ~kKnownFlags) != 0) return base::Errno(EINVAL);
  NodeRef parent = TRY(FindWritableDirectory(request.parent()));
  NodeRef new_parent = TRY(FindWritableDirectory(request.new_parent()));
  if (&parent->mount() != &new_parent->mount()) return base::Errno(EXDEV);
  if (renameat2(parent->fd(), request.name().c_str(), new_parent->fd(), request.new_name().c_str(), request.flags()) !=
      0) {
    return base::Errno(errno);
  }
  Refresh(request.node(), result.mutable_attributes());
  Refresh(request.replaced(), result.mutable_replaced());
  (void)ReadAttributes(parent->fd(), *result.mutable_parent());
  (void)ReadAttributes(new_parent->fd(), *result.mutable_new_parent());
  return {};
}

Connection::Outcome Connection::Do(const wire::ReadLink& request, wire::Result& result) {
  NodeRef node = TRY(Find(request.node()));
  if (!S_ISLNK(node->type())) return base::Errno(EINVAL);
  std::array<char, kMaxLinkTarget + 1> target;
  ssize_t length = readlinkat(node->fd(), "", target.data(), target.size());
  if (length < 0) return base::Errno(errno);
  result.set_data(target.data(), static_cast<size_t>(length));
  return {};
}

}  // namespace gofer
