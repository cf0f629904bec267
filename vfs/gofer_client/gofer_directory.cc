// SPDX-License-Identifier: Apache-2.0
#include "vfs/gofer_client/gofer_directory.h"

#include <sys/stat.h>

#include <cerrno>
#include <utility>

#include "gofer/protocol/gofer.pb.h"
#include "vfs/gofer_client/gofer_file.h"

namespace vfs {

namespace wire = gofer::wire;

constinit base::LockClass GoferDirectory::kListingLock{"GoferDirectory::listing_mutex_"};

GoferDirectory::GoferDirectory(base::RefPtr<GoferFilesystem> filesystem, HostIdentity identity, uint64_t node,
                               const Attributes& attributes)
    : GoferInode(std::move(filesystem), identity, node, attributes), listing_mutex_(kListingLock) {}

GoferDirectory::~GoferDirectory() = default;

base::Result<base::RefPtr<GoferInode>> GoferDirectory::Find(std::string_view name) {
  wire::Node node;
  {
    GoferClient::Exchange exchange(client());
    wire::Walk& walk = *exchange.Add().mutable_walk();
    walk.set_node(this->node());
    walk.add_names(name.data(), name.size());
    const wire::Result& result = *TRY(exchange.Run());
    if (result.nodes_size() != 1) return base::Errno(EIO);
    node = result.nodes(0);
  }
  return gofer().Adopt(node);
}

base::Result<base::RefPtr<Inode>> GoferDirectory::Lookup(Context&, std::string_view name) {
  base::Result<base::RefPtr<GoferInode>> found = Find(name);
  if (found.ok()) return base::RefPtr<Inode>(std::move(found).value());
  if (found.error().code() != ENFILE) return found.error();
  // The gofer's table is full: let go what is only kept for later.
  gofer().dentry_cache().Clear();
  return base::RefPtr<Inode>(TRY(Find(name)));
}

base::Result<base::RefPtr<Inode>> GoferDirectory::Make(std::string_view name, std::string_view target,
                                                       const CreateOptions& options) {
  bool regular = (options.mode & S_IFMT) == S_IFREG;
  wire::Node node;
  base::UniqueFd descriptor;
  {
    Change changing(*this);
    GoferClient::Exchange exchange(client());
    wire::Create& create = *exchange.Add().mutable_create();
    create.set_parent(this->node());
    create.set_name(name.data(), name.size());
    create.set_mode(options.mode);
    create.set_uid(options.uid.value());
    create.set_gid(options.gid.value());
    create.set_rdevice(uint64_t{options.rdevice_major} << 32 | options.rdevice_minor);
    create.set_target(target.data(), target.size());
    create.set_open(regular);
    create.set_unnamed(name.empty());
    const wire::Result& result = *TRY(exchange.Run());
    if (result.nodes_size() != 1) return base::Errno(EIO);
    node = result.nodes(0);
    if (regular) descriptor = TRY(exchange.TakeDescriptor(0));
    changing.Finish(result.parent());
  }
  ForgetListing();
  base::RefPtr<GoferInode> inode = TRY(gofer().Adopt(node));
  if (inode->type() != (options.mode & S_IFMT)) return base::Errno(EIO);
  if (descriptor) static_cast<GoferFile&>(*inode).SetWriteDescriptor(std::move(descriptor));
  return base::RefPtr<Inode>(std::move(inode));
}

base::Result<base::RefPtr<Inode>> GoferDirectory::Create(Context&, std::string_view name,
                                                         const CreateOptions& options) {
  return Make(name, "", options);
}

base::Result<base::RefPtr<Inode>> GoferDirectory::CreateUnnamed(Context&, const CreateOptions& options) {
  return Make("", "", options);
}

base::Result<base::RefPtr<Inode>> GoferDirectory::Symlink(Context&, std::string_view name, std::string_view target,
                                                          const CreateOptions& options) {
  CreateOptions link = options;
  link.mode = S_IFLNK | (options.mode & 07777);
  return Make(name, target, link);
}

base::Result<void> GoferDirectory::Link(Context&, std::string_view name, Inode& target) {
  auto& inode = static_cast<GoferInode&>(target);
  {
    Change changing(*this);
    Change changing_target(inode);
    GoferClient::Exchange exchange(client());
    wire::Link& link = *exchange.Add().mutable_link();
    link.set_node(inode.node());
    link.set_parent(node());
    link.set_name(name.data(), name.size());
    const wire::Result& result = *TRY(exchange.Run());
    changing.Finish(result.parent());
    changing_target.Finish(result.attributes());
  }
  ForgetListing();
  return {};
}

base::Result<void> GoferDirectory::Remove(std::string_view name, Inode& child, bool directory) {
  auto& inode = static_cast<GoferInode&>(child);
  {
    Change changing(*this);
    Change changing_child(inode);
    GoferClient::Exchange exchange(client());
    wire::Unlink& unlink = *exchange.Add().mutable_unlink();
    unlink.set_parent(node());
    unlink.set_name(name.data(), name.size());
    unlink.set_directory(directory);
    unlink.set_node(inode.node());
    const wire::Result& result = *TRY(exchange.Run());
    changing.Finish(result.parent());
    changing_child.Finish(result.attributes());
  }
  ForgetListing();
  return {};
}

base::Result<void> GoferDirectory::Unlink(Context&, std::string_view name, Inode& child) {
  return Remove(name, child, false);
}

base::Result<void> GoferDirectory::RemoveDirectory(Context&, std::string_view name, Inode& child) {
  return Remove(name, child, true);
}

base::Result<void> GoferDirectory::Rename(Context&, std::string_view name, Inode& child, Inode& new_parent,
                                          std::string_view new_name, Inode* replaced, unsigned flags) {
  auto& inode = static_cast<GoferInode&>(child);
  auto& new_directory = static_cast<GoferDirectory&>(new_parent);
  auto* other = static_cast<GoferInode*>(replaced);
  {
    // Of the same inode only one change at a time can be finished, so the others are asked for again.
    Change changing_child(inode);
    std::optional<Change> changing_other;
    if (other != nullptr && other != &inode) changing_other.emplace(*other);
    Change changing(*this);
    std::optional<Change> changing_new;
    if (&new_directory != this) changing_new.emplace(new_directory);
    GoferClient::Exchange exchange(client());
    wire::Rename& rename = *exchange.Add().mutable_rename();
    rename.set_parent(node());
    rename.set_name(name.data(), name.size());
    rename.set_new_parent(new_directory.node());
    rename.set_new_name(new_name.data(), new_name.size());
    rename.set_flags(flags);
    rename.set_node(inode.node());
    if (other != nullptr) rename.set_replaced(other->node());
    const wire::Result& result = *TRY(exchange.Run());
    changing.Finish(result.parent());
    if (changing_new.has_value()) changing_new->Finish(result.new_parent());
    changing_child.Finish(result.attributes());
    if (changing_other.has_value()) changing_other->Finish(result.replaced());
  }
  ForgetListing();
  if (&new_directory != this) new_directory.ForgetListing();
  return {};
}

}  // namespace vfs
