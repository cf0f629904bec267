// SPDX-License-Identifier: Apache-2.0
#include "gofer/server/resolve.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "gofer/protocol/gofer.pb.h"
#include "gofer/protocol/limits.h"

namespace gofer {
namespace {

// RESOLVE_BENEATH may fail with EAGAIN when something is renamed at the same time; without ".." in the path the kernel
// has no reason to, but a few more tries cost nothing.
constexpr int kResolveTries = 8;

uint64_t Device(uint32_t major, uint32_t minor) { return uint64_t{major} << 32 | minor; }

}  // namespace

bool IsValidName(std::string_view name) {
  return !name.empty() && name.size() <= kMaxName && name != "." && name != ".." &&
         name.find('/') == std::string_view::npos && name.find('\0') == std::string_view::npos;
}

base::Result<base::RefPtr<Node>> Resolve(const Node& directory, const std::string& name, wire::Attributes& attributes) {
  open_how how{};
  how.flags = O_PATH | O_NOFOLLOW | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS;
  if (!directory.mount().cross_mounts) how.resolve |= RESOLVE_NO_XDEV;
  long fd = -1;
  for (int tries = 0; fd < 0; ++tries) {
    fd = syscall(SYS_openat2, directory.fd(), name.c_str(), &how, sizeof(how));
    if (fd >= 0) break;
    if (errno == EINTR || (errno == EAGAIN && tries < kResolveTries)) continue;
    return base::Errno(errno);
  }
  base::UniqueFd owned(static_cast<int>(fd));
  TRY(ReadAttributes(owned.get(), attributes));
  return base::MakeRef<Node>(std::move(owned), &directory.mount(), attributes.mode() & S_IFMT);
}

base::Result<void> ReadAttributes(int fd, wire::Attributes& attributes) {
  struct statx status {};
  if (statx(fd, "", AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS | STATX_BTIME, &status) != 0) {
    return base::Errno(errno);
  }
  attributes.set_inode(status.stx_ino);
  attributes.set_device(Device(status.stx_dev_major, status.stx_dev_minor));
  attributes.set_mode(status.stx_mode);
  attributes.set_links(status.stx_nlink);
  attributes.set_uid(status.stx_uid);
  attributes.set_gid(status.stx_gid);
  attributes.set_size(status.stx_size);
  attributes.set_blocks(status.stx_blocks);
  attributes.set_block_size(status.stx_blksize);
  attributes.set_rdevice(Device(status.stx_rdev_major, status.stx_rdev_minor));
  attributes.set_access_seconds(status.stx_atime.tv_sec);
  attributes.set_access_nanoseconds(status.stx_atime.tv_nsec);
  attributes.set_modify_seconds(status.stx_mtime.tv_sec);
  attributes.set_modify_nanoseconds(status.stx_mtime.tv_nsec);
  attributes.set_change_seconds(status.stx_ctime.tv_sec);
  attributes.set_change_nanoseconds(status.stx_ctime.tv_nsec);
  if ((status.stx_mask & STATX_BTIME) != 0) {
    attributes.set_birth_seconds(status.stx_btime.tv_sec);
    attributes.set_birth_nanoseconds(status.stx_btime.tv_nsec);
  }
  return {};
}

base::Result<base::UniqueFd> Reopen(const Node& node, int flags) {
  // O_NONBLOCK: a lease holder on the host or a FIFO without a peer must not hold the server.
  int fd = open(DescriptorName(node.fd()).c_str(), flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  if (fd < 0) return base::Errno(errno);
  return base::UniqueFd(fd);
}

}  // namespace gofer
