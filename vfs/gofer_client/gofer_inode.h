// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "base/ref.h"
#include "base/result.h"
#include "gofer/protocol/messages.h"
#include "vfs/attributes.h"
#include "vfs/file_description.h"
#include "vfs/gofer_client/gofer_filesystem.h"
#include "vfs/inode.h"

namespace vfs {

// Which file of the host an inode is. Held by the gofer's descriptor, it names nothing else while the inode lives.
struct HostIdentity {
  uint64_t device = 0;
  uint64_t inode = 0;
  friend bool operator==(const HostIdentity&, const HostIdentity&) = default;
};

// What all inodes of a gofer's tree have: a node id, attributes, extended attributes. One object per host inode and
// mount, whatever the number of its names.
//
// Attributes are a snapshot with a number: the count of changes known when it was taken. Whoever changes the file
// here counts a change after it is done, so a snapshot is good as long as its number is the count; else the next to
// ask takes a new one, from a donated descriptor (no request) or the gofer. Times, sizes and blocks are so always
// exactly the host's. A descriptor does not tell the owner (the sentry's user namespace need not know it): that is what
// the gofer said last, and is asked for again after a change of owner of which it is not known how it ended.
class GoferInode : public Inode {
 public:
  GoferInode(base::RefPtr<GoferFilesystem> filesystem, HostIdentity identity, uint64_t node,
             const Attributes& attributes);

  base::Result<Attributes> Stat(Context& context) override;
  base::Result<Ownership> GetOwnership(Context& context) override;
  base::Result<void> SetAttributes(Context& context, const AttributeChange& change) override;
  base::Result<std::string> GetXattr(Context& context, std::string_view name) override;
  base::Result<void> SetXattr(Context& context, std::string_view name, std::string_view value, int flags) override;
  base::Result<std::vector<std::string>> ListXattr(Context& context) override;
  base::Result<void> RemoveXattr(Context& context, std::string_view name) override;
  // FIFOs, sockets, devices.
  base::Result<base::RefPtr<FileDescription>> Open(Context& context, const Path& path, int flags) override;

  uint64_t node() const { return node_; }
  const HostIdentity& identity() const { return identity_; }
  GoferFilesystem& gofer() const { return *static_cast<GoferFilesystem*>(&filesystem()); }
  GoferClient& client() const { return gofer().client(); }
  Ownership ownership() const;

  // How far changes had come when attributes were asked for.
  struct Moment {
    uint64_t changes = 0;
    uint64_t owner_changes = 0;
  };
  Moment Now() const;

  // A change made by one request whose answer has the attributes after it. `owner`: it may change the owner.
  class Change {
   public:
    explicit Change(GoferInode& inode, bool owner = false);
    // Without Finish the attributes are asked for again at the next use.
    ~Change();
    Change(const Change&) = delete;
    Change& operator=(const Change&) = delete;
    // Takes the attributes, unless the file changed otherwise meanwhile or they make no sense.
    void Finish(const gofer::wire::Attributes& attributes);

   private:
    GoferInode& inode_;
    const bool owner_;
    Moment moment_;
  };

  // What is known of the attributes no longer holds. Returns the count of changes.
  uint64_t CountChange() { return changes_.fetch_add(1, std::memory_order_acq_rel) + 1; }
  // Attributes just received from the gofer; `moment` is from before they were asked for.
  void Update(const Attributes& attributes, const Moment& moment);
  uint64_t change_count() const { return changes_.load(std::memory_order_acquire); }

 protected:
  ~GoferInode() override;
  void LastReferenceGone() override;
  struct Fetched {
    Attributes attributes;
    bool has_owner = true;
  };
  // Asks for attributes. Files with a descriptor ask the host at once, unless the owner is wanted too.
  virtual base::Result<Fetched> FetchAttributes(bool owner);
  // After a change that may have changed extended attributes, and was counted.
  void ForgetXattrs();
  // After a write: file capabilities are gone, by the host's doing.
  void ForgetCapabilities() {
    if (has_xattr_names_.load(std::memory_order_relaxed)) ForgetXattrs();
  }

 private:
  static base::LockClass kLock;
  void UpdateLocked(const Attributes& attributes, uint64_t count) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void UpdateOwnerLocked(const Attributes& attributes, uint64_t owner_changes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  base::Result<void> SendAttributes(const AttributeChange& change);
  base::Result<void> SendSetXattr(std::string_view name, std::string_view value, int flags);
  base::Result<void> SendRemoveXattr(std::string_view name);
  base::Result<std::vector<std::string>> FetchXattrNames();
  // The names, from the cache if they may be cached.
  base::Result<std::vector<std::string>> XattrNames();

  const HostIdentity identity_;
  const uint64_t node_;
  std::atomic<uint64_t> changes_{0};
  // Of attributes_; for path walks.
  std::atomic<uint32_t> mode_, uid_, gid_;
  std::atomic<bool> has_xattr_names_{false};
  mutable base::Mutex mutex_;
  Attributes attributes_ ABSL_GUARDED_BY(mutex_);
  uint64_t known_changes_ ABSL_GUARDED_BY(mutex_) = 0;
  // Begins and ends of changes of the owner, and how many go on.
  uint64_t owner_changes_ ABSL_GUARDED_BY(mutex_) = 0;
  int owner_changing_ ABSL_GUARDED_BY(mutex_) = 0;
  bool owner_known_ ABSL_GUARDED_BY(mutex_) = true;
  std::optional<std::vector<std::string>> xattr_names_ ABSL_GUARDED_BY(mutex_);
};

class GoferSymlink : public GoferInode {
 public:
  using GoferInode::GoferInode;
  base::Result<std::string> ReadLink(Context& context) override;

 private:
  static base::LockClass kLock;
  // Never changes on Linux.
  base::Guarded<std::optional<std::string>> target_{kLock};
};

}  // namespace vfs
