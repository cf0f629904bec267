// SPDX-License-Identifier: Apache-2.0
#include "sentry/mm/donation.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <utility>
#include <vector>

#include "base/unique_fd.h"

namespace sentry {
namespace {

using base::Errno;

// What a mappable's slot holds: its descriptor in every container that maps it.
class DonationCache final : public base::RefCounted {
 public:
  struct Entry {
    const platform::Container* container;
    base::RefPtr<platform::DonatedFile> file;
  };
  std::vector<Entry> entries;  // Guarded by the slot's mutex.
};

base::RefPtr<platform::DonatedFile> Lookup(const platform::Container& container, vfs::Mappable& mappable) {
  return mappable.donated().With([&](base::RefPtr<base::RefCounted>& slot) -> base::RefPtr<platform::DonatedFile> {
    if (!slot) return nullptr;
    for (const DonationCache::Entry& entry : static_cast<DonationCache&>(*slot).entries) {
      if (entry.container == &container) return entry.file;
    }
    return nullptr;
  });
}

class SharedMemory final : public vfs::Mappable {
 public:
  explicit SharedMemory(base::UniqueFd fd) : fd_(std::move(fd)) {}
  int host_fd() const override { return fd_.get(); }
  bool writable() const override { return true; }

 private:
  const base::UniqueFd fd_;
};

}  // namespace

base::Result<base::RefPtr<platform::DonatedFile>> Donated(platform::Container& container, vfs::Mappable& mappable) {
  if (auto known = Lookup(container, mappable)) return known;
  base::UniqueFd fd(fcntl(mappable.host_fd(), F_DUPFD_CLOEXEC, 0));
  if (!fd) return Errno(errno == EMFILE ? EMFILE : ENFILE);
  auto donated = TRY(container.Donate(std::move(fd), mappable.writable()));
  return mappable.donated().With([&](base::RefPtr<base::RefCounted>& slot) {
    if (!slot) slot = base::MakeRef<DonationCache>();
    auto& entries = static_cast<DonationCache&>(*slot).entries;
    // Two fibers may have come here at once: the first one's stays.
    for (const DonationCache::Entry& entry : entries) {
      if (entry.container == &container) return entry.file;
    }
    entries.push_back({&container, donated});
    return donated;
  });
}

base::Result<base::RefPtr<vfs::Mappable>> NewSharedMemory(uint64_t length) {
  base::UniqueFd fd(memfd_create("shared", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd) return Errno(errno);
  if (ftruncate(fd.get(), static_cast<off_t>(length)) != 0 ||
      fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
    return Errno(ENOMEM);
  }
  return base::RefPtr<vfs::Mappable>(base::MakeRef<SharedMemory>(std::move(fd)));
}

}  // namespace sentry
