// SPDX-License-Identifier: Apache-2.0
#include "vfs/gofer_client/gofer_filesystem.h"

#include <sys/stat.h>

#include <cerrno>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "gofer/protocol/gofer.pb.h"
#include "vfs/gofer_client/gofer_attributes.h"
#include "vfs/gofer_client/gofer_directory.h"
#include "vfs/gofer_client/gofer_file.h"
#include "vfs/gofer_client/gofer_inode.h"

namespace vfs {
namespace {

namespace wire = gofer::wire;

constinit base::LockClass kInodesLock{"GoferFilesystem::inodes"};

struct IdentityHash {
  size_t operator()(const HostIdentity& identity) const { return absl::HashOf(identity.device, identity.inode); }
};

base::RefPtr<GoferInode> NewInode(base::RefPtr<GoferFilesystem> filesystem, HostIdentity identity, uint64_t node,
                                  const Attributes& attributes) {
  switch (attributes.mode & S_IFMT) {
    case S_IFDIR:
      return base::MakeRef<GoferDirectory>(std::move(filesystem), identity, node, attributes);
    case S_IFREG:
      return base::MakeRef<GoferFile>(std::move(filesystem), identity, node, attributes);
    case S_IFLNK:
      return base::MakeRef<GoferSymlink>(std::move(filesystem), identity, node, attributes);
    default:
      return base::MakeRef<GoferInode>(std::move(filesystem), identity, node, attributes);
  }
}

}  // namespace

// Plain pointers: an inode leaves before it goes.
struct GoferFilesystem::Inodes {
  base::Mutex mutex{kInodesLock};
  absl::flat_hash_map<HostIdentity, GoferInode*, IdentityHash> map ABSL_GUARDED_BY(mutex);
};

GoferFilesystem::GoferFilesystem(base::RefPtr<GoferClient> client, const GoferOptions& options)
    : client_(std::move(client)), options_(options), inodes_(std::make_unique<Inodes>()) {
  MUST(SetReadOnly(options.read_only));
}

GoferFilesystem::~GoferFilesystem() = default;

base::Result<base::RefPtr<Dentry>> GoferFilesystem::Create(base::RefPtr<GoferClient> client, uint32_t mount,
                                                           const GoferOptions& options) {
  if (mount >= client->mount_count()) return base::Errno(EINVAL);
  GoferOptions effective = options;
  effective.read_only = options.read_only || client->mount_is_read_only(mount);
  auto filesystem = base::AdoptRef(new GoferFilesystem(client, effective));
  wire::Node node;
  {
    GoferClient::Exchange exchange(*client);
    exchange.Add().mutable_attach()->set_mount(mount);
    const wire::Result& result = *TRY(exchange.Run());
    if (result.nodes_size() != 1) return base::Errno(EIO);
    node = result.nodes(0);
  }
  filesystem->root_node_ = node.id();
  filesystem->root_device_ = node.attributes().device();
  base::RefPtr<GoferInode> root = TRY(filesystem->Adopt(node));
  return Dentry::CreateRoot(std::move(root));
}

base::Result<FilesystemStatus> GoferFilesystem::Status(Context&) {
  GoferClient::Exchange exchange(*client_);
  exchange.Add().mutable_stat_filesystem()->set_node(root_node_);
  const wire::FilesystemStatus& status = TRY(exchange.Run())->filesystem();
  FilesystemStatus result;
  result.type = status.type();
  result.block_size = status.block_size();
  result.blocks = status.blocks();
  result.blocks_free = status.blocks_free();
  result.blocks_available = status.blocks_available();
  result.files = status.files();
  result.files_free = status.files_free();
  result.name_length = status.name_length();
  return result;
}

base::Result<void> GoferFilesystem::Sync(Context&) {
  GoferClient::Exchange exchange(*client_);
  wire::Sync& sync = *exchange.Add().mutable_sync();
  sync.set_node(root_node_);
  sync.set_filesystem(true);
  TRY(exchange.Run());
  return {};
}

bool GoferFilesystem::Revalidate(Context&, Inode& directory, std::string_view name, Inode& inode) {
  auto& known = static_cast<GoferInode&>(inode);
  wire::Node node;
  {
    GoferInode::Moment moment = known.Now();
    GoferClient::Exchange exchange(*client_);
    wire::Walk& walk = *exchange.Add().mutable_walk();
    walk.set_node(static_cast<GoferInode&>(directory).node());
    walk.add_names(name.data(), name.size());
    base::Result<const wire::Result*> result = exchange.Run();
    if (!result.ok() || (*result)->nodes_size() != 1) return false;
    node = (*result)->nodes(0);
    base::Result<Attributes> attributes = ParseAttributes(node.attributes());
    bool same = attributes.ok() && (attributes->mode & S_IFMT) == known.type() &&
                known.identity() == HostIdentity{node.attributes().device(), node.attributes().inode()};
    if (same) known.Update(*attributes, moment);
    client_->Forget(node.id());
    return same;
  }
}

base::Result<base::RefPtr<GoferInode>> GoferFilesystem::Adopt(const wire::Node& node) {
  base::Result<Attributes> parsed = ParseAttributes(node.attributes());
  if (!parsed.ok() || node.id() == 0) {
    if (node.id() != 0) client_->Forget(node.id());
    return base::Errno(EIO);
  }
  HostIdentity identity{node.attributes().device(), node.attributes().inode()};
  // Mounts within the tree: their inodes must not look like the root filesystem's of the same number.
  if (identity.device != root_device_) parsed->inode ^= absl::HashOf(identity.device) << 48;
  base::RefPtr<GoferInode> known;
  {
    base::MutexLock lock(inodes_->mutex);
    GoferInode*& place = inodes_->map[identity];
    // One on its way out, or of a type that cannot be, is replaced.
    if (place != nullptr && place->type() == (parsed->mode & S_IFMT) && place->TryRef()) {
      known = base::RefPtr<GoferInode>::Adopt(place);
    } else {
      base::RefPtr<GoferInode> made = NewInode(base::RefPtr<GoferFilesystem>(this), identity, node.id(), *parsed);
      place = made.get();
      return made;
    }
  }
  client_->Forget(node.id());
  return known;
}

void GoferFilesystem::Leave(GoferInode& inode) {
  base::MutexLock lock(inodes_->mutex);
  auto found = inodes_->map.find(inode.identity());
  if (found != inodes_->map.end() && found->second == &inode) inodes_->map.erase(found);
}

}  // namespace vfs
