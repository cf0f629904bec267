// SPDX-License-Identifier: Apache-2.0
#include "sentry/ipc/ipc_object.h"

#include <utility>

namespace sentry {
namespace {

constexpr int kCapIpcOwner = 15;
constexpr int kCapSysAdmin = 21;

}  // namespace

using base::Errno;

void IpcObject::SetCreator(const vfs::Credentials& credentials, int32_t wanted_key, uint32_t wanted_mode) {
  key = wanted_key;
  mode = wanted_mode;
  uid = creator_uid = credentials.euid;
  gid = creator_gid = credentials.egid;
}

base::Result<void> IpcObject::CheckAccess(const vfs::Credentials& credentials, uint32_t wanted) const {
  wanted |= wanted >> 3 | wanted >> 6;
  uint32_t granted = mode;
  if (credentials.euid == uid || credentials.euid == creator_uid) {
    granted >>= 6;
  } else if (credentials.egid == gid || credentials.egid == creator_gid || credentials.InGroup(gid) ||
             credentials.InGroup(creator_gid)) {
    granted >>= 3;
  }
  if ((wanted & ~granted & 7) != 0 && !credentials.HasCapability(kCapIpcOwner)) return Errno(EACCES);
  return {};
}

base::Result<void> IpcObject::CheckOwner(const vfs::Credentials& credentials) const {
  if (credentials.euid == uid || credentials.euid == creator_uid) return {};
  if (credentials.HasCapability(kCapSysAdmin)) return {};
  return Errno(EPERM);
}

void IpcObject::SetPermission(const base::abi::IpcPermission& from) {
  uid = base::KUid(from.uid);
  gid = base::KGid(from.gid);
  mode = (mode & ~0777u) | (from.mode & 0777u);
}

base::abi::IpcPermission IpcObject::permission() const {
  base::abi::IpcPermission to{};
  to.key = key;
  to.uid = uid.value();
  to.gid = gid.value();
  to.creator_uid = creator_uid.value();
  to.creator_gid = creator_gid.value();
  to.mode = mode;
  to.sequence = static_cast<uint16_t>(id >> 15);
  return to;
}

IpcObject* IpcIds::FindKey(int32_t key) const {
  auto found = by_key_.find(key);
  return found == by_key_.end() ? nullptr : found->second;
}

IpcObject* IpcIds::FindIndex(int32_t index) const {
  auto found = by_index_.find(index);
  return found == by_index_.end() ? nullptr : found->second.get();
}

IpcObject* IpcIds::Find(int32_t id) const {
  if (id < 0) return nullptr;
  IpcObject* object = FindIndex(id & ((1 << kIndexBits) - 1));
  return object != nullptr && object->id == id ? object : nullptr;
}

void IpcIds::Add(base::RefPtr<IpcObject> object) {
  int index = 0;
  for (const auto& [used, unused] : by_index_) {
    if (used != index) break;
    ++index;
  }
  if (index <= last_index_) sequence_ = (sequence_ + 1) & 0xffff;
  last_index_ = index;
  object->id = sequence_ << kIndexBits | index;
  if (object->key != base::abi::kIpcPrivate) by_key_[object->key] = object.get();
  by_index_.emplace(index, std::move(object));
}

void IpcIds::DropKey(IpcObject& object) {
  if (object.key != base::abi::kIpcPrivate) by_key_.erase(object.key);
  object.key = base::abi::kIpcPrivate;
}

base::RefPtr<IpcObject> IpcIds::Remove(IpcObject& object) {
  auto found = by_index_.find(object.id & ((1 << kIndexBits) - 1));
  base::RefPtr<IpcObject> removed = std::move(found->second);
  by_index_.erase(found);
  DropKey(*removed);
  removed->removed = true;
  return removed;
}

}  // namespace sentry
