// SPDX-License-Identifier: Apache-2.0
// Stat, set_attributes, stat_filesystem, sync.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>

#include "gofer/protocol/gofer.pb.h"
#include "gofer/server/connection.h"
#include "gofer/server/resolve.h"

namespace gofer {
namespace {

constexpr uint32_t kNoChange = UINT32_MAX;
constexpr uint32_t kNanosecondsPerSecond = 1'000'000'000;

base::Result<void> CheckChange(const wire::SetAttributes& request) {
  if (request.has_permissions() && (request.permissions() & ~07777u) != 0) return base::Errno(EINVAL);
  if (request.has_uid() && request.uid() == kNoChange) return base::Errno(EINVAL);
  if (request.has_gid() && request.gid() == kNoChange) return base::Errno(EINVAL);
  if (request.has_size() && request.size() > uint64_t{INT64_MAX}) return base::Errno(EINVAL);
  if (request.access_nanoseconds() >= kNanosecondsPerSecond) return base::Errno(EINVAL);
  if (request.modify_nanoseconds() >= kNanosecondsPerSecond) return base::Errno(EINVAL);
  return {};
}

base::Result<void> Apply(const Node& node, const wire::SetAttributes& request) {
  DescriptorName name(node.fd());
  // The owner first: its change drops set-id bits, which a change of mode may then put back.
  if (request.has_uid() || request.has_gid()) {
    uid_t uid = request.has_uid() ? request.uid() : kNoChange;
    gid_t gid = request.has_gid() ? request.gid() : kNoChange;
    if (fchownat(node.fd(), "", uid, gid, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) != 0) return base::Errno(errno);
  }
  if (request.has_permissions() && chmod(name.c_str(), request.permissions()) != 0) return base::Errno(errno);
  if (request.has_size()) {
    if (!S_ISREG(node.type())) return base::Errno(EINVAL);
    if (truncate(name.c_str(), static_cast<off_t>(request.size())) != 0) return base::Errno(errno);
  }
  if (request.has_access_seconds() || request.has_modify_seconds()) {
    timespec times[2] = {{.tv_sec = 0, .tv_nsec = UTIME_OMIT}, {.tv_sec = 0, .tv_nsec = UTIME_OMIT}};
    if (request.has_access_seconds()) times[0] = {request.access_seconds(), request.access_nanoseconds()};
    if (request.has_modify_seconds()) times[1] = {request.modify_seconds(), request.modify_nanoseconds()};
    if (utimensat(AT_FDCWD, name.c_str(), times, 0) != 0) return base::Errno(errno);
  }
  return {};
}

}  // namespace

Connection::Outcome Connection::Do(const wire::Stat& request, wire::Result& result) {
  NodeRef node = TRY(Find(request.node()));
  return ReadAttributes(node->fd(), *result.mutable_attributes());
}

Connection::Outcome Connection::Do(const wire::SetAttributes& request, wire::Result& result) {
  TRY(CheckChange(request));
  NodeRef node = TRY(FindWritable(request.node()));
  Outcome applied = Apply(*node, request);
  // What was done before a failure is done: the client gets to know either way.
  (void)ReadAttributes(node->fd(), *result.mutable_attributes());
  return applied;
}

Connection::Outcome Connection::Do(const wire::StatFilesystem& request, wire::Result& result) {
  NodeRef node = TRY(Find(request.node()));
  struct statfs status {};
  if (fstatfs(node->fd(), &status) != 0) return base::Errno(errno);
  wire::FilesystemStatus& filesystem = *result.mutable_filesystem();
  filesystem.set_type(static_cast<uint64_t>(status.f_type));
  filesystem.set_block_size(static_cast<uint64_t>(status.f_bsize));
  filesystem.set_blocks(status.f_blocks);
  filesystem.set_blocks_free(status.f_bfree);
  filesystem.set_blocks_available(status.f_bavail);
  filesystem.set_files(status.f_files);
  filesystem.set_files_free(status.f_ffree);
  filesystem.set_name_length(static_cast<uint64_t>(status.f_namelen));
  return {};
}

Connection::Outcome Connection::Do(const wire::Sync& request, wire::Result&) {
  NodeRef node = TRY(Find(request.node()));
  if (!S_ISREG(node->type()) && !S_ISDIR(node->type())) return base::Errno(EINVAL);
  base::UniqueFd fd = TRY(Reopen(*node, O_RDONLY));
  int done = request.filesystem() ? syncfs(fd.get()) : request.data_only() ? fdatasync(fd.get()) : fsync(fd.get());
  if (done != 0) return base::Errno(errno);
  return {};
}

}  // namespace gofer
