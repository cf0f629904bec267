// SPDX-License-Identifier: Apache-2.0
#include "vfs/gofer_client/gofer_inode.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <utility>

#include "gofer/protocol/gofer.pb.h"
#include "gofer/protocol/limits.h"
#include "vfs/device.h"
#include "vfs/gofer_client/gofer_attributes.h"

namespace vfs {

namespace wire = gofer::wire;

constinit base::LockClass GoferInode::kLock{"GoferInode::mutex_"};
constinit base::LockClass GoferSymlink::kLock{"GoferSymlink::target_"};

GoferInode::GoferInode(base::RefPtr<GoferFilesystem> filesystem, HostIdentity identity, uint64_t node,
                       const Attributes& attributes)
    : Inode(std::move(filesystem), attributes.mode),
      identity_(identity),
      node_(node),
      mode_(attributes.mode),
      uid_(attributes.uid.value()),
      gid_(attributes.gid.value()),
      mutex_(kLock),
      attributes_(attributes) {}

GoferInode::~GoferInode() = default;

void GoferInode::LastReferenceGone() {
  gofer().Leave(*this);
  client().Forget(node_);
  delete this;
}

Ownership GoferInode::ownership() const {
  return {mode_.load(std::memory_order_relaxed), base::KUid(uid_.load(std::memory_order_relaxed)),
          base::KGid(gid_.load(std::memory_order_relaxed))};
}

GoferInode::Moment GoferInode::Now() const {
  base::MutexLock lock(mutex_);
  return {change_count(), owner_changes_};
}

// All but the owner.
void GoferInode::UpdateLocked(const Attributes& attributes, uint64_t count) {
  // Of an older state than what is known.
  if (count < known_changes_) return;
  known_changes_ = count;
  Attributes before = attributes_;
  attributes_ = attributes;
  attributes_.inode = before.inode;  // As the guest knows it, whatever the host calls it.
  attributes_.mode = type() | (attributes.mode & 07777);
  attributes_.uid = before.uid;
  attributes_.gid = before.gid;
  mode_.store(attributes_.mode, std::memory_order_relaxed);
}

void GoferInode::UpdateOwnerLocked(const Attributes& attributes, uint64_t owner_changes) {
  // Perhaps from before a change.
  if (owner_changes != owner_changes_) return;
  owner_known_ = true;
  attributes_.uid = attributes.uid;
  attributes_.gid = attributes.gid;
  uid_.store(attributes.uid.value(), std::memory_order_relaxed);
  gid_.store(attributes.gid.value(), std::memory_order_relaxed);
}

void GoferInode::Update(const Attributes& attributes, const Moment& moment) {
  base::MutexLock lock(mutex_);
  UpdateLocked(attributes, moment.changes);
  if (owner_changing_ == 0) UpdateOwnerLocked(attributes, moment.owner_changes);
}

GoferInode::Change::Change(GoferInode& inode, bool owner) : inode_(inode), owner_(owner) {
  base::MutexLock lock(inode_.mutex_);
  if (owner_) {
    ++inode_.owner_changes_;
    ++inode_.owner_changing_;
    inode_.owner_known_ = false;
  }
  moment_ = {inode_.CountChange(), inode_.owner_changes_};
}

GoferInode::Change::~Change() {
  inode_.CountChange();
  if (!owner_) return;
  base::MutexLock lock(inode_.mutex_);
  ++inode_.owner_changes_;
  --inode_.owner_changing_;
}

void GoferInode::Change::Finish(const wire::Attributes& attributes) {
  base::Result<Attributes> parsed = ParseAttributes(attributes);
  if (!parsed.ok()) return;
  base::MutexLock lock(inode_.mutex_);
  // The destructor counts once more: known from then on, unless somebody else counts in between.
  if (inode_.change_count() == moment_.changes) inode_.UpdateLocked(*parsed, moment_.changes + 1);
  // Of two changes of the owner at once nobody knows which was last.
  if (inode_.owner_changing_ == (owner_ ? 1 : 0)) inode_.UpdateOwnerLocked(*parsed, moment_.owner_changes);
}

base::Result<GoferInode::Fetched> GoferInode::FetchAttributes(bool) {
  GoferClient::Exchange exchange(client());
  exchange.Add().mutable_stat()->set_node(node_);
  const wire::Result& result = *TRY(exchange.Run());
  return Fetched{TRY(ParseAttributes(result.attributes()))};
}

base::Result<Attributes> GoferInode::Stat(Context&) {
  Moment moment;
  bool owner = gofer().shared();
  {
    base::MutexLock lock(mutex_);
    moment = {change_count(), owner_changes_};
    if (!owner && known_changes_ == moment.changes && owner_known_) return attributes_;
    owner |= !owner_known_;
  }
  Fetched fetched = TRY(FetchAttributes(owner));
  base::MutexLock lock(mutex_);
  UpdateLocked(fetched.attributes, moment.changes);
  if (fetched.has_owner && owner_changing_ == 0) UpdateOwnerLocked(fetched.attributes, moment.owner_changes);
  return attributes_;
}

// A walk through a shared tree has just revalidated it.
base::Result<Ownership> GoferInode::GetOwnership(Context&) { return ownership(); }

base::Result<void> GoferInode::SendAttributes(const AttributeChange& change) {
  GoferClient::Exchange exchange(client());
  wire::SetAttributes& request = *exchange.Add().mutable_set_attributes();
  request.set_node(node_);
  if (change.permissions.has_value()) request.set_permissions(*change.permissions & 07777);
  if (change.uid.has_value()) request.set_uid(change.uid->value());
  if (change.gid.has_value()) request.set_gid(change.gid->value());
  if (change.size.has_value()) request.set_size(*change.size);
  if (change.access_time.has_value()) {
    request.set_access_seconds(change.access_time->seconds);
    request.set_access_nanoseconds(change.access_time->nanoseconds);
  }
  if (change.modify_time.has_value()) {
    request.set_modify_seconds(change.modify_time->seconds);
    request.set_modify_nanoseconds(change.modify_time->nanoseconds);
  }
  Change changing(*this, change.uid.has_value() || change.gid.has_value());
  base::Result<const wire::Result*> result = exchange.Run();
  if (exchange.tried() == 1 && exchange.result(0).has_attributes()) changing.Finish(exchange.result(0).attributes());
  if (!result.ok()) return result.error();
  return {};
}

base::Result<void> GoferInode::SetAttributes(Context&, const AttributeChange& change) {
  base::Result<void> result = SendAttributes(change);
  if (change.size.has_value() || change.uid.has_value() || change.gid.has_value()) ForgetCapabilities();
  return result;
}

base::Result<base::RefPtr<FileDescription>> GoferInode::Open(Context& context, const Path& path, int flags) {
  return OpenSpecial(context, path, flags);
}

base::Result<std::string> GoferSymlink::ReadLink(Context&) {
  std::optional<std::string> known = target_.With([](auto& target) { return target; });
  if (known.has_value()) return *std::move(known);
  GoferClient::Exchange exchange(client());
  exchange.Add().mutable_read_link()->set_node(node());
  const std::string& target = TRY(exchange.Run())->data();
  if (target.empty() || target.size() > gofer::kMaxLinkTarget || target.find('\0') != std::string::npos) {
    return base::Errno(EIO);
  }
  target_.With([&](auto& cached) { cached = target; });
  return target;
}

}  // namespace vfs
