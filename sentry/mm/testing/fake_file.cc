// SPDX-License-Identifier: Apache-2.0
#include "sentry/mm/testing/fake_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

#include "base/log.h"

namespace sentry {
namespace {

class NoMemory final : public vfs::UserMemory {
 public:
  base::Result<void> CopyIn(base::GuestAddr, std::span<std::byte>) override { return base::Errno(EFAULT); }
  base::Result<void> CopyOut(base::GuestAddr, std::span<const std::byte>) override { return base::Errno(EFAULT); }
};

class FakeMappable final : public vfs::Mappable {
 public:
  FakeMappable(base::UniqueFd fd, bool writable) : fd_(std::move(fd)), writable_(writable) {}
  int host_fd() const override { return fd_.get(); }
  bool writable() const override { return writable_; }

 private:
  const base::UniqueFd fd_;
  const bool writable_;
};

}  // namespace

FakeContext::FakeContext() : credentials_(base::MakeRef<vfs::Credentials>()) {}

vfs::UserMemory& FakeContext::user_memory() {
  static NoMemory none;
  return none;
}

base::RefPtr<FakeFile> FakeFile::Create(std::string_view contents, int flags) {
  base::UniqueFd fd(memfd_create("fake", MFD_CLOEXEC));
  ssize_t written = pwrite(fd.get(), contents.data(), contents.size(), 0);
  CHECK_INVARIANT(written == static_cast<ssize_t>(contents.size()));
  return base::MakeRef<FakeFile>(std::move(fd), flags);
}

base::RefPtr<FakeFile> FakeFile::Open(const char* path) {
  base::UniqueFd fd(open(path, O_RDONLY | O_CLOEXEC));
  if (!fd) return nullptr;
  return base::MakeRef<FakeFile>(std::move(fd), O_RDONLY);
}

base::Result<size_t> FakeFile::TryReadAt(vfs::Context&, vfs::IoSequence& to, int64_t offset) {
  size_t total = 0;
  std::array<std::byte, 4096> buffer;
  while (to.remaining() > 0) {
    ssize_t count = pread(fd_.get(), buffer.data(), std::min(buffer.size(), to.remaining()), offset + total);
    if (count < 0) return base::Errno(errno);
    if (count == 0) break;
    total += TRY(to.CopyOut(std::span(buffer).first(count)));
  }
  return total;
}

base::Result<base::RefPtr<vfs::Mappable>> FakeFile::Map(vfs::Context&, bool, bool writable) {
  if (!mappable) return base::Errno(ENODEV);
  base::UniqueFd copy(zero_device ? -1 : fcntl(fd_.get(), F_DUPFD_CLOEXEC, 0));
  return base::RefPtr<vfs::Mappable>(base::MakeRef<FakeMappable>(std::move(copy), writable));
}

}  // namespace sentry
