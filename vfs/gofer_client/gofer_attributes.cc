// SPDX-License-Identifier: Apache-2.0
#include "vfs/gofer_client/gofer_attributes.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

#include "gofer/protocol/gofer.pb.h"

namespace vfs {
namespace {

constexpr uint32_t kNanosecondsPerSecond = 1'000'000'000;
constexpr uint32_t kLeastBlockSize = 512;
constexpr uint32_t kMostBlockSize = 1 << 30;

bool IsFileType(uint32_t type) {
  switch (type) {
    case S_IFREG:
    case S_IFDIR:
    case S_IFLNK:
    case S_IFCHR:
    case S_IFBLK:
    case S_IFIFO:
    case S_IFSOCK:
      return true;
    default:
      return false;
  }
}

Timestamp FromStatx(const statx_timestamp& time) { return {time.tv_sec, time.tv_nsec}; }

}  // namespace

base::Result<Attributes> ParseAttributes(const gofer::wire::Attributes& wire) {
  if ((wire.mode() & ~(uint32_t{S_IFMT} | 07777u)) != 0 || !IsFileType(wire.mode() & S_IFMT)) return base::Errno(EIO);
  if (wire.size() > uint64_t{INT64_MAX} || wire.blocks() > uint64_t{INT64_MAX}) return base::Errno(EIO);
  if (wire.block_size() < kLeastBlockSize || wire.block_size() > kMostBlockSize) return base::Errno(EIO);
  for (uint32_t part :
       {wire.access_nanoseconds(), wire.modify_nanoseconds(), wire.change_nanoseconds(), wire.birth_nanoseconds()}) {
    if (part >= kNanosecondsPerSecond) return base::Errno(EIO);
  }
  Attributes attributes;
  attributes.inode = wire.inode();
  attributes.rdevice_major = static_cast<uint32_t>(wire.rdevice() >> 32);
  attributes.rdevice_minor = static_cast<uint32_t>(wire.rdevice());
  attributes.mode = wire.mode();
  attributes.links = wire.links();
  attributes.uid = base::KUid(wire.uid());
  attributes.gid = base::KGid(wire.gid());
  attributes.size = wire.size();
  attributes.blocks = wire.blocks();
  attributes.block_size = wire.block_size();
  attributes.access_time = {wire.access_seconds(), wire.access_nanoseconds()};
  attributes.modify_time = {wire.modify_seconds(), wire.modify_nanoseconds()};
  attributes.change_time = {wire.change_seconds(), wire.change_nanoseconds()};
  attributes.birth_time = {wire.birth_seconds(), wire.birth_nanoseconds()};
  return attributes;
}

base::Result<Attributes> ReadHostAttributes(int fd) {
  struct statx status {};
  if (statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_BTIME, &status) != 0) return base::Errno(errno);
  Attributes attributes;
  attributes.inode = status.stx_ino;
  attributes.mode = status.stx_mode;
  attributes.links = status.stx_nlink;
  attributes.size = status.stx_size;
  attributes.blocks = status.stx_blocks;
  attributes.block_size = status.stx_blksize;
  attributes.access_time = FromStatx(status.stx_atime);
  attributes.modify_time = FromStatx(status.stx_mtime);
  attributes.change_time = FromStatx(status.stx_ctime);
  if ((status.stx_mask & STATX_BTIME) != 0) attributes.birth_time = FromStatx(status.stx_btime);
  return attributes;
}

}  // namespace vfs
