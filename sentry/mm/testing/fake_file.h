// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "base/unique_fd.h"
#include "vfs/context.h"
#include "vfs/file_description.h"

namespace sentry {

// The kernel's own context, without guest memory.
class FakeContext final : public vfs::Context {
 public:
  FakeContext();
  const vfs::Credentials& credentials() const override { return *credentials_; }
  int32_t process_id() const override { return 1; }
  uint64_t file_size_limit() const override { return UINT64_MAX; }
  int64_t RealtimeNow() const override { return 0; }
  vfs::UserMemory& user_memory() override;

 private:
  base::RefPtr<vfs::Credentials> credentials_;
};

// A regular file over a host descriptor, without a place in any tree.
class FakeFile final : public vfs::FileDescription {
 public:
  FakeFile(base::UniqueFd fd, int flags) : FileDescription(vfs::Path(), flags), fd_(std::move(fd)) {}
  // A memfd with these contents.
  static base::RefPtr<FakeFile> Create(std::string_view contents, int flags);
  // A host file, read-only; null if it cannot be opened.
  static base::RefPtr<FakeFile> Open(const char* path);

  base::Result<size_t> TryReadAt(vfs::Context& context, vfs::IoSequence& to, int64_t offset) override;
  base::Result<base::RefPtr<vfs::Mappable>> Map(vfs::Context& context, bool shared, bool writable) override;

  bool mappable = true;      // False: ENODEV.
  bool zero_device = false;  // Maps as /dev/zero.

 private:
  const base::UniqueFd fd_;
};

}  // namespace sentry
