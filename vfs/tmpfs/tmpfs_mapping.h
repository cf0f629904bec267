// SPDX-License-Identifier: Apache-2.0
// What guests map of a tmpfs's files; private to vfs/tmpfs.
#pragma once

#include <utility>

#include "base/unique_fd.h"
#include "vfs/file_description.h"
#include "vfs/tmpfs/tmpfs_file.h"

namespace vfs {

// The memfd of a file. Belongs to the inode and to whoever maps it.
class TmpfsFile::Memory : public Mappable {
 public:
  explicit Memory(base::UniqueFd fd) : fd_(std::move(fd)) {}
  int host_fd() const override { return fd_.get(); }
  bool writable() const override { return true; }

 private:
  const base::UniqueFd fd_;
};

// The same for shared mappings that may write, so that it is known whether there are any; one per inode.
class TmpfsFile::WritableMapping : public Mappable {
 public:
  WritableMapping(base::RefPtr<TmpfsFile> file, base::RefPtr<Memory> memory)
      : file_(std::move(file)), memory_(std::move(memory)) {}
  int host_fd() const override { return memory_->host_fd(); }
  bool writable() const override { return true; }

 protected:
  void LastReferenceGone() override;

 private:
  const base::RefPtr<TmpfsFile> file_;
  const base::RefPtr<Memory> memory_;
};

}  // namespace vfs
