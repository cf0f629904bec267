// SPDX-License-Identifier: Apache-2.0
// Ids as guests see them are those the kernel keeps: there is one user namespace.
#include "syscalls/sys_identity.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "sentry/kernel.h"
#include "syscalls/process_lookup.h"
#include "syscalls/publish_credentials.h"

namespace syscalls {
namespace {

using base::abi::CapabilityData;
using base::abi::CapabilityHeader;

// -1 is no id: "leave it" for some calls, EINVAL for others.
constexpr uint32_t kNoId = UINT32_MAX;
constexpr int kMaxGroups = 65536;  // NGROUPS_MAX

std::optional<base::KUid> Kept(base::Uid uid) {
  if (uid.value() == kNoId) return std::nullopt;
  return base::KUid(uid.value());
}

std::optional<base::KGid> Kept(base::Gid gid) {
  if (gid.value() == kNoId) return std::nullopt;
  return base::KGid(gid.value());
}

base::Result<void> WriteThree(Task& task, uint32_t real, uint32_t effective, uint32_t saved,
                              sentry::UserOut<uint32_t> real_out, sentry::UserOut<uint32_t> effective_out,
                              sentry::UserOut<uint32_t> saved_out) {
  TRY(real_out.Write(task.user_memory(), real));
  TRY(effective_out.Write(task.user_memory(), effective));
  return saved_out.Write(task.user_memory(), saved);
}

// How many CapabilityData the caller's version has. EINVAL: none we know; the header then says which we do.
base::Result<uint32_t> CheckVersion(Task& task, sentry::UserInOut<CapabilityHeader> header, CapabilityHeader* read) {
  // The version first and alone: the rest of a header of unknown version is not ours to read.
  sentry::UserInOut<uint32_t> version(header.address());
  read->version = TRY(version.Read(task.user_memory()));
  switch (read->version) {
    case base::abi::kCapabilityVersion1:
      return 1u;
    case base::abi::kCapabilityVersion2:
    case base::abi::kCapabilityVersion3:
      return 2u;
    default:
      TRY(version.Write(task.user_memory(), base::abi::kCapabilityVersion3));
      return base::Errno(EINVAL);
  }
}

base::Result<int32_t> ReadPid(Task& task, sentry::UserInOut<CapabilityHeader> header) {
  std::optional<base::GuestAddr> address = header.address().Add(offsetof(CapabilityHeader, pid));
  if (!address) return base::Errno(EFAULT);
  return sentry::UserIn<int32_t>(*address).Read(task.user_memory());
}

}  // namespace

base::Result<void> Publish(Task& task, sentry::NewCredentials changed) {
  base::RefPtr<vfs::Credentials> now = TRY(std::move(changed));
  if (sentry::LosesDumpable(task.credentials(), *now)) {
    task.dumpable = false;
    task.parent_death_signal = 0;
  }
  task.SetCredentials(std::move(now));
  return {};
}

base::Result<base::Uid> SysGetuid(Task& task) { return base::Uid(task.credentials().ruid.value()); }
base::Result<base::Uid> SysGeteuid(Task& task) { return base::Uid(task.credentials().euid.value()); }
base::Result<base::Gid> SysGetgid(Task& task) { return base::Gid(task.credentials().rgid.value()); }
base::Result<base::Gid> SysGetegid(Task& task) { return base::Gid(task.credentials().egid.value()); }

base::Result<void> SysGetresuid(Task& task, sentry::UserOut<uint32_t> real, sentry::UserOut<uint32_t> effective,
                                sentry::UserOut<uint32_t> saved) {
  const vfs::Credentials& c = task.credentials();
  return WriteThree(task, c.ruid.value(), c.euid.value(), c.suid.value(), real, effective, saved);
}

base::Result<void> SysGetresgid(Task& task, sentry::UserOut<uint32_t> real, sentry::UserOut<uint32_t> effective,
                                sentry::UserOut<uint32_t> saved) {
  const vfs::Credentials& c = task.credentials();
  return WriteThree(task, c.rgid.value(), c.egid.value(), c.sgid.value(), real, effective, saved);
}

base::Result<void> SysSetuid(Task& task, base::Uid uid) {
  if (uid.value() == kNoId) return base::Errno(EINVAL);
  return Publish(task, sentry::SetUid(task.credentials(), base::KUid(uid.value())));
}

base::Result<void> SysSetreuid(Task& task, base::Uid real, base::Uid effective) {
  return Publish(task, sentry::SetReuid(task.credentials(), Kept(real), Kept(effective)));
}

base::Result<void> SysSetresuid(Task& task, base::Uid real, base::Uid effective, base::Uid saved) {
  return Publish(task, sentry::SetResuid(task.credentials(), Kept(real), Kept(effective), Kept(saved)));
}

base::Result<base::Uid> SysSetfsuid(Task& task, base::Uid uid) {
  // Tells the old id, whether it worked or not.
  base::Uid old(task.credentials().fsuid.value());
  if (uid.value() != kNoId) {
    [[maybe_unused]] auto changed = Publish(task, sentry::SetFsuid(task.credentials(), base::KUid(uid.value())));
  }
  return old;
}

base::Result<void> SysSetgid(Task& task, base::Gid gid) {
  if (gid.value() == kNoId) return base::Errno(EINVAL);
  return Publish(task, sentry::SetGid(task.credentials(), base::KGid(gid.value())));
}

base::Result<void> SysSetregid(Task& task, base::Gid real, base::Gid effective) {
  return Publish(task, sentry::SetRegid(task.credentials(), Kept(real), Kept(effective)));
}

base::Result<void> SysSetresgid(Task& task, base::Gid real, base::Gid effective, base::Gid saved) {
  return Publish(task, sentry::SetResgid(task.credentials(), Kept(real), Kept(effective), Kept(saved)));
}

base::Result<base::Gid> SysSetfsgid(Task& task, base::Gid gid) {
  base::Gid old(task.credentials().fsgid.value());
  if (gid.value() != kNoId) {
    [[maybe_unused]] auto changed = Publish(task, sentry::SetFsgid(task.credentials(), base::KGid(gid.value())));
  }
  return old;
}

base::Result<int32_t> SysGetgroups(Task& task, int32_t size, sentry::UserOut<uint32_t> list) {
  if (size < 0) return base::Errno(EINVAL);
  const std::vector<base::KGid>& groups = task.credentials().groups;
  int32_t count = static_cast<int32_t>(groups.size());
  if (size == 0) return count;
  if (count > size) return base::Errno(EINVAL);
  std::vector<uint32_t> ids;
  ids.reserve(groups.size());
  for (base::KGid group : groups) ids.push_back(group.value());
  TRY(list.WriteArray(task.user_memory(), ids));
  return count;
}

base::Result<void> SysSetgroups(Task& task, int32_t size, sentry::UserIn<uint32_t> list) {
  if (!task.credentials().HasCapability(kCapSetgid)) return base::Errno(EPERM);
  if (size < 0 || size > kMaxGroups) return base::Errno(EINVAL);
  std::vector<uint32_t> ids(size);
  TRY(list.ReadArray(task.user_memory(), ids));
  base::RefPtr<vfs::Credentials> now = task.CopyCredentials();
  now->groups.clear();
  for (uint32_t id : ids) {
    if (id == kNoId) return base::Errno(EINVAL);
    now->groups.emplace_back(id);
  }
  std::sort(now->groups.begin(), now->groups.end());
  return Publish(task, std::move(now));
}

base::Result<void> SysCapget(Task& task, sentry::UserInOut<CapabilityHeader> header,
                             sentry::UserOut<CapabilityData> data) {
  CapabilityHeader read;
  auto count = CheckVersion(task, header, &read);
  if (!count.ok()) {
    // Asking for the version with no place for data is how to find out what is supported.
    if (data.is_null() && count.error().code() == EINVAL) return {};
    return count.error();
  }
  if (data.is_null()) return {};
  int32_t pid = TRY(ReadPid(task, header));
  if (pid < 0) return base::Errno(EINVAL);
  base::RefPtr<vfs::Credentials> credentials;
  if (pid == 0 || base::Tid(pid) == task.tid()) {
    credentials = task.SharedCredentials();
  } else {
    base::MutexLock lock(task.kernel().tree_mutex());
    base::RefPtr<Task> target = FindThread(task, base::Tid(pid));
    if (!target) return base::Errno(ESRCH);
    credentials = target->SharedCredentials();
  }
  CapabilityData out[2];
  for (uint32_t i = 0; i < 2; ++i) {
    out[i] = {.effective = static_cast<uint32_t>(credentials->effective >> (32 * i)),
              .permitted = static_cast<uint32_t>(credentials->permitted >> (32 * i)),
              .inheritable = static_cast<uint32_t>(credentials->inheritable >> (32 * i))};
  }
  return data.WriteArray(task.user_memory(), std::span<const CapabilityData>(out, *count));
}

base::Result<void> SysCapset(Task& task, sentry::UserInOut<CapabilityHeader> header,
                             sentry::UserIn<CapabilityData> data) {
  CapabilityHeader read;
  uint32_t count = TRY(CheckVersion(task, header, &read));
  int32_t pid = TRY(ReadPid(task, header));
  if (pid != 0 && base::Tid(pid) != task.tid()) return base::Errno(EPERM);
  CapabilityData in[2];
  TRY(data.ReadArray(task.user_memory(), std::span(in, count)));
  vfs::CapabilitySet effective = 0, permitted = 0, inheritable = 0;
  for (uint32_t i = 0; i < count; ++i) {
    effective |= vfs::CapabilitySet{in[i].effective} << (32 * i);
    permitted |= vfs::CapabilitySet{in[i].permitted} << (32 * i);
    inheritable |= vfs::CapabilitySet{in[i].inheritable} << (32 * i);
  }
  constexpr vfs::CapabilitySet kAll = sentry::kAllCapabilities;
  return Publish(task,
                 sentry::SetCapabilities(task.credentials(), effective & kAll, permitted & kAll, inheritable & kAll));
}

}  // namespace syscalls
