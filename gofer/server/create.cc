// SPDX-License-Identifier: Apache-2.0
// Making files of every type.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>

#include "gofer/protocol/gofer.pb.h"
#include "gofer/protocol/limits.h"
#include "gofer/server/connection.h"
#include "gofer/server/resolve.h"
#include "gofer/server/server.h"

namespace gofer {
namespace {

constexpr uint32_t kNoChange = UINT32_MAX;  // What chown(2) takes for "leave it".

base::Result<void> CheckCreate(const wire::Create& request, const Config& config) {
  if (request.unnamed() ? !request.name().empty() : !IsValidName(request.name())) return base::Errno(EINVAL);
  if ((request.mode() & ~(uint32_t{S_IFMT} | 07777u)) != 0) return base::Errno(EINVAL);
  if (request.uid() == kNoChange || request.gid() == kNoChange) return base::Errno(EINVAL);
  uint32_t type = request.mode() & S_IFMT;
  if ((request.open() || request.unnamed()) && type != S_IFREG) return base::Errno(EINVAL);
  bool device = type == S_IFCHR || type == S_IFBLK;
  // Overlay whiteouts (character device 0,0) are no devices.
  if (device && !config.host_devices && !(type == S_IFCHR && request.rdevice() == 0)) return base::Errno(EPERM);
  if (!device && request.rdevice() != 0) return base::Errno(EINVAL);
  if (type == S_IFLNK) {
    if (request.target().empty() || request.target().size() > kMaxLinkTarget) return base::Errno(EINVAL);
    if (request.target().find('\0') != std::string::npos) return base::Errno(EINVAL);
  } else if (!request.target().empty()) {
    return base::Errno(EINVAL);
  }
  return {};
}

// Makes the name. For a regular file returns its descriptor, O_RDWR; else none.
base::Result<base::UniqueFd> MakeName(int directory, const wire::Create& request) {
  const char* name = request.name().c_str();
  mode_t permissions = request.mode() & 07777;
  int made = -1;
  switch (request.mode() & S_IFMT) {
    case S_IFREG: {
      int fd = request.unnamed()
                   ? openat(directory, ".", O_RDWR | O_TMPFILE | O_CLOEXEC, permissions)
                   : openat(directory, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, permissions);
      if (fd < 0) return base::Errno(errno);
      return base::UniqueFd(fd);
    }
    case S_IFDIR:
      made = mkdirat(directory, name, permissions);
      break;
    case S_IFLNK:
      made = symlinkat(request.target().c_str(), directory, name);
      break;
    case S_IFIFO:
    case S_IFSOCK:
    case S_IFCHR:
    case S_IFBLK: {
      dev_t device = makedev(static_cast<uint32_t>(request.rdevice() >> 32), static_cast<uint32_t>(request.rdevice()));
      made = mknodat(directory, name, request.mode(), device);
      break;
    }
    default:
      return base::Errno(EINVAL);
  }
  if (made != 0) return base::Errno(errno);
  return base::UniqueFd();
}

// Gives the new file the owner and the mode that were asked for: it began as the gofer's, and a change of owner drops
// set-id bits, as may a set-group-id or default-ACL directory the kernel's idea of them.
base::Result<void> Adjust(const Node& node, const wire::Create& request, wire::Attributes& attributes) {
  bool changed = false;
  if (attributes.uid() != request.uid() || attributes.gid() != request.gid()) {
    if (fchownat(node.fd(), "", request.uid(), request.gid(), AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) != 0) {
      return base::Errno(errno);
    }
    changed = true;
  }
  constexpr uint32_t kSetIds = S_ISUID | S_ISGID | S_ISVTX;
  uint32_t permissions = request.mode() & 07777;
  bool fix_mode = (permissions & kSetIds) != 0 || (attributes.mode() & kSetIds) != (permissions & kSetIds);
  if (fix_mode && node.type() != S_IFLNK) {
    if (chmod(DescriptorName(node.fd()).c_str(), permissions) != 0) return base::Errno(errno);
    changed = true;
  }
  return changed ? ReadAttributes(node.fd(), attributes) : base::Result<void>();
}

}  // namespace

Connection::Outcome Connection::Do(const wire::Create& request, wire::Result& result) {
  TRY(CheckCreate(request, server_.config()));
  NodeRef parent = TRY(FindWritableDirectory(request.parent()));
  base::UniqueFd file = TRY(MakeName(parent->fd(), request));

  wire::Attributes attributes;
  NodeRef node;
  auto finish = [&]() -> Outcome {
    if (file) {
      base::UniqueFd path(open(DescriptorName(file.get()).c_str(), O_PATH | O_CLOEXEC));
      if (!path) return base::Errno(errno);
      TRY(ReadAttributes(path.get(), attributes));
      node = base::MakeRef<Node>(std::move(path), &parent->mount(), S_IFREG);
    } else {
      node = TRY(Resolve(*parent, request.name(), attributes));
      // Somebody on the host may have put another file in its place. A directory cannot be a second name of an old one;
      // what can be must still look newly made before it is given to anybody.
      if (node->type() != (request.mode() & S_IFMT)) return base::Errno(ESTALE);
      if (!S_ISDIR(node->type()) && attributes.links() != 1) return base::Errno(ESTALE);
    }
    TRY(Adjust(*node, request, attributes));
    if (request.open()) TRY(Donate(std::move(file), result));
    return Publish(node, attributes, result);
  };
  Outcome finished = finish();
  if (!finished.ok()) {
    if (finished.error().code() != ESTALE && !request.unnamed()) {
      (void)unlinkat(parent->fd(), request.name().c_str(), S_ISDIR(request.mode()) ? AT_REMOVEDIR : 0);
    }
    if (result.descriptor()) {
      donated_.pop_back();
      result.set_descriptor(false);
    }
    return finished;
  }
  (void)ReadAttributes(parent->fd(), *result.mutable_parent());
  return {};
}

}  // namespace gofer
