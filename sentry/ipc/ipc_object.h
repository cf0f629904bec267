// SPDX-License-Identifier: Apache-2.0
// What shared memory segments, semaphore sets and message queues have in common (svipc(7)): a key, an id, an owner.
#pragma once

#include <cerrno>
#include <cstdint>
#include <map>

#include "base/abi/ipc.h"
#include "base/ref.h"
#include "base/result.h"
#include "vfs/credentials.h"

namespace sentry {

// One object. Guarded by the lock of the registry it is in.
class IpcObject : public base::RefCounted {
 public:
  enum Access : uint32_t { kRead = 0444, kWrite = 0222 };

  int32_t id = -1;
  int32_t key = 0;
  base::KUid uid, creator_uid;
  base::KGid gid, creator_gid;
  uint32_t mode = 0;     // The nine bits; of shared memory, more.
  bool removed = false;  // No id leads here any more.

  void SetCreator(const vfs::Credentials& credentials, int32_t key, uint32_t mode);
  // EACCES. `wanted`: bits of a mode, in any of the three groups.
  base::Result<void> CheckAccess(const vfs::Credentials& credentials, uint32_t wanted) const;
  // EPERM unless the caller owns or made it, or may administrate the system: for IPC_SET and IPC_RMID.
  base::Result<void> CheckOwner(const vfs::Credentials& credentials) const;
  // IPC_SET.
  void SetPermission(const base::abi::IpcPermission& from);
  base::abi::IpcPermission permission() const;
};

// The ids and keys of one kind of object. Guarded by its owner.
class IpcIds {
 public:
  explicit IpcIds(int max_count) : max_count_(max_count) {}

  // The object with this key; null: none.
  IpcObject* FindKey(int32_t key) const;
  // The object with this id; null: none.
  IpcObject* Find(int32_t id) const;
  // The object at this place (SHM_STAT...); null: none.
  IpcObject* FindIndex(int32_t index) const;
  bool full() const { return by_index_.size() >= static_cast<size_t>(max_count_); }
  size_t size() const { return by_index_.size(); }
  // The highest place in use; 0 if none is.
  int highest_index() const { return by_index_.empty() ? 0 : by_index_.rbegin()->first; }
  // Gives it an id. REQUIRES: not full.
  void Add(base::RefPtr<IpcObject> object);
  // Its key leads there no more; a segment that was removed keeps its id (shmctl(2), IPC_RMID).
  void DropKey(IpcObject& object);
  // Takes it out; its id will not come again soon.
  base::RefPtr<IpcObject> Remove(IpcObject& object);

  template <typename Visit>
  void ForEach(Visit&& visit) const {
    for (const auto& [index, object] : by_index_) visit(*object);
  }

 private:
  static constexpr int kIndexBits = 15;  // IPCMNI_SHIFT

  const int max_count_;
  std::map<int, base::RefPtr<IpcObject>> by_index_;
  std::map<int32_t, IpcObject*> by_key_;
  int last_index_ = -1;
  int sequence_ = 0;
};

// The common part of shmget, semget and msgget: finds the object of the key, or makes one. `check` looks at one that is
// there (after its permissions), `make` returns a new one or an error. ENOENT, EEXIST, EACCES, ENOSPC, and theirs.
template <typename Check, typename Make>
base::Result<int32_t> IpcGet(IpcIds& ids, const vfs::Credentials& credentials, int32_t key, int32_t flags, Check check,
                             Make make) {
  using base::abi::kIpcCreate;
  using base::abi::kIpcExclusive;
  if (key != base::abi::kIpcPrivate) {
    if (IpcObject* object = ids.FindKey(key)) {
      if ((flags & kIpcCreate) != 0 && (flags & kIpcExclusive) != 0) return base::Errno(EEXIST);
      TRY(check(*object));
      TRY(object->CheckAccess(credentials, static_cast<uint32_t>(flags)));
      return object->id;
    }
    if ((flags & kIpcCreate) == 0) return base::Errno(ENOENT);
  }
  base::RefPtr<IpcObject> made = TRY(make());
  if (ids.full()) return base::Errno(ENOSPC);
  made->SetCreator(credentials, key, static_cast<uint32_t>(flags) & 0777);
  IpcObject& object = *made;
  ids.Add(std::move(made));
  return object.id;
}

}  // namespace sentry
