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

void GoferInode::Update(const Attributes& attributes, uint64_t count) {
  base::MutexLock lock(mutex_);
  // Of an older state than what is known.
  if (count < known_changes_) return;
  known_changes_ = count;
  uint64_t number = attributes_.inode;  // As the guest knows it, whatever the host calls it.
  attributes_ = attributes;
  attributes_.inode = number;
  attributes_.mode = type() | (attributes.mode & 07777);
  mode_.store(attributes_.mode, std::memory_order_relaxed);
  uid_.store(attributes.uid.value(), std::memory_order_relaxed);
  gid_.store(attributes.gid.value(), std::memory_order_relaxed);
}

void GoferInode::Change::Finish(const wire::Attributes& attributes) {
  base::Result<Attributes> parsed = ParseAttributes(attributes);
  if (!parsed.ok()) return;
  // The destructor counts once more: known from then on, unless somebody else counts in between.
  if (inode_.change_count() == count_) inode_.Update(*parsed, count_ + 1);
}

base::Result<Attributes> GoferInode::FetchAttributes() {
  GoferClient::Exchange exchange(client());
  exchange.Add().mutable_stat()->set_node(node_);
  const wire::Result& result = *TRY(exchange.Run());
  return ParseAttributes(result.attributes());
}

base::Result<Attributes> GoferInode::Stat(Context&) {
  uint64_t count = change_count();
  if (!gofer().shared()) {
    base::MutexLock lock(mutex_);
    if (known_changes_ == count) return attributes_;
  }
  Attributes attributes = TRY(FetchAttributes());
  Update(attributes, count);
  base::MutexLock lock(mutex_);
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
  Change changing(*this);
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
