// SPDX-License-Identifier: Apache-2.0
#include "sentry/task/program_host.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "vfs/mount.h"
#include "vfs/operations.h"

namespace sentry {
namespace {

// securebits (capabilities(7)).
constexpr uint32_t kSecureNoRoot = 1 << 0;

}  // namespace

ExecCredentials::ExecCredentials(vfs::Context& context, vfs::StartPoint start)
    : context_(context), start_(std::move(start)) {}

base::Result<base::RefPtr<vfs::FileDescription>> ExecCredentials::OpenProgram(std::string_view path) {
  return vfs::Open(context_, start_, path, {.flags = O_RDONLY, .for_exec = true});
}

base::Result<ProgramIdentity> ExecCredentials::Identify(vfs::FileDescription& program) {
  const vfs::Credentials& old = context_.credentials();
  credentials_ = old.Copy();
  vfs::Credentials& fresh = *credentials_;
  vfs::Attributes attributes = TRY(program.Stat(context_));
  bool honour = !old.no_new_privileges && (program.path().mount->flags() & vfs::kMountNoSuid) == 0;
  if (honour && (attributes.mode & S_ISUID) != 0) fresh.euid = attributes.uid;
  if (honour && (attributes.mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP)) fresh.egid = attributes.gid;
  bool changed_ids = fresh.euid != old.euid || fresh.egid != old.egid;
  fresh.suid = fresh.fsuid = fresh.euid;
  fresh.sgid = fresh.fsgid = fresh.egid;

  bool root_rules = (old.securebits & kSecureNoRoot) == 0;
  bool root = root_rules && (fresh.euid == base::KUid(0) || fresh.ruid == base::KUid(0));
  if (changed_ids) fresh.ambient = 0;
  fresh.permitted = fresh.ambient;
  if (root) fresh.permitted |= old.inheritable | old.bounding;
  fresh.effective = root && fresh.euid == base::KUid(0) ? fresh.permitted : fresh.ambient;
  privileged_ = changed_ids || (fresh.permitted & ~old.permitted) != 0;
  bool secure = fresh.euid != fresh.ruid || fresh.egid != fresh.rgid;
  return ProgramIdentity{.uid = fresh.ruid.value(),
                         .euid = fresh.euid.value(),
                         .gid = fresh.rgid.value(),
                         .egid = fresh.egid.value(),
                         .secure = secure};
}

}  // namespace sentry
