// SPDX-License-Identifier: Apache-2.0
// Reading directories.
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <string_view>

#include "gofer/protocol/gofer.pb.h"
#include "gofer/protocol/limits.h"
#include "gofer/server/connection.h"
#include "gofer/server/resolve.h"

namespace gofer {
namespace {

// An entry costs at most its name and 40 bytes of the message; the kernel's takes 19 and the name. So a buffer of this
// size never gives more than the rest of the message holds, and what was read need never be read again.
constexpr size_t kReadBytes = kDirectoryBytes / 4;

}  // namespace

Connection::Outcome Connection::Do(const wire::ReadDirectory& request, wire::Result& result) {
  NodeRef node = TRY(Find(request.node()));
  if (!S_ISDIR(node->type())) return base::Errno(ENOTDIR);
  if (request.cookie() > uint64_t{INT64_MAX}) return base::Errno(EINVAL);
  OpenDirectory open = std::exchange(directory_, {});
  bool going_on = request.node() != 0 && open.node == request.node() && open.cookie == request.cookie() && open.fd;
  if (!going_on || request.cookie() == 0) {
    open = {.node = request.node(), .cookie = request.cookie(), .fd = TRY(Reopen(*node, O_RDONLY | O_DIRECTORY))};
    if (request.cookie() != 0 && lseek(open.fd.get(), static_cast<off_t>(request.cookie()), SEEK_SET) < 0) {
      return base::Errno(errno);
    }
  }

  wire::Directory& directory = *result.mutable_directory();
  alignas(dirent64) std::array<char, kReadBytes> buffer;
  size_t used = 0;
  // A cookie may be 0 only at the beginning (some filesystems end with INT64_MAX, none with 0).
  while (used + 2 * kReadBytes <= kDirectoryBytes) {
    ssize_t length = getdents64(open.fd.get(), buffer.data(), buffer.size());
    if (length < 0) return base::Errno(errno);
    if (length == 0) {
      directory.set_end(true);
      return {};
    }
    for (ssize_t at = 0; at < length;) {
      dirent64 head{};
      memcpy(&head, buffer.data() + at, offsetof(dirent64, d_name));
      std::string_view name(buffer.data() + at + offsetof(dirent64, d_name));
      at += head.d_reclen;
      open.cookie = static_cast<uint64_t>(head.d_off);
      if (name == "." || name == "..") continue;
      wire::Entry& entry = *directory.add_entries();
      entry.set_name(name.data(), name.size());
      entry.set_inode(head.d_ino);
      entry.set_type(head.d_type);
      used += name.size() + 40;
    }
  }
  directory.set_cookie(open.cookie);
  directory_ = std::move(open);
  return {};
}

}  // namespace gofer
