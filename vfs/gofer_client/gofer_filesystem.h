// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/mutex.h"
#include "base/ref.h"
#include "base/result.h"
#include "gofer/protocol/messages.h"
#include "vfs/dentry.h"
#include "vfs/gofer_client/gofer_client.h"
#include "vfs/inode.h"

namespace vfs {

class GoferInode;

struct GoferOptions {
  // Others may change the files too: names and attributes are asked for again at each use. Otherwise (exclusive) they
  // are known here until changed here.
  bool shared = false;
  bool read_only = false;
};

// A directory tree of the host, served by a gofer. Everything is written through: a change is on the host when the
// call that made it returns. File data is read and written on descriptors the gofer donates.
//
// FIFOs, sockets and device nodes of the tree are only names: they open what they open on any filesystem of ours, never
// the host's. Device numbers are ours; inode numbers are the host's.
//
// A gofer that is gone or lies gives EIO; files it has donated descriptors of can still be read and written.
//
// Locks of the gofer client, innermost first; no two of one row are held together, and none over a request:
//   GoferClient::mutex_, DescriptorCache::mutex_, GoferFilesystem::inodes, GoferInode::mutex_
//   GoferFile::descriptors_mutex_
class GoferFilesystem : public Filesystem {
 public:
  // The root of mount `mount` of the gofer (usually a directory). EINVAL: it has no such mount. EIO.
  static base::Result<base::RefPtr<Dentry>> Create(base::RefPtr<GoferClient> client, uint32_t mount,
                                                   const GoferOptions& options);

  std::string_view type_name() const override { return "gofer"; }
  base::Result<FilesystemStatus> Status(Context& context) override;
  NameCache name_cache() const override { return options_.shared ? NameCache::kRevalidated : NameCache::kTrusted; }
  bool Revalidate(Context& context, Inode& directory, std::string_view name, Inode& inode) override;
  base::Result<void> Sync(Context& context) override;
  std::string Options() const override { return options_.shared ? "cache=none" : "cache=exclusive"; }

  GoferClient& client() const { return *client_; }
  bool shared() const { return options_.shared; }

  // The inode of a node the gofer told about: the one there is, if it is known (the new id is forgotten then), with
  // its attributes brought up to date. EIO: the gofer said nonsense; the id is forgotten.
  base::Result<base::RefPtr<GoferInode>> Adopt(const gofer::wire::Node& node);
  // The inode is on its way out.
  void Leave(GoferInode& inode);

 protected:
  ~GoferFilesystem() override;

 private:
  struct Inodes;
  GoferFilesystem(base::RefPtr<GoferClient> client, const GoferOptions& options);

  const base::RefPtr<GoferClient> client_;
  const GoferOptions options_;
  uint64_t root_node_ = 0;    // Const after Create.
  uint64_t root_device_ = 0;  // Likewise.
  const std::unique_ptr<Inodes> inodes_;
};

}  // namespace vfs
