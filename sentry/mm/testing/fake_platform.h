// SPDX-License-Identifier: Apache-2.0
// A platform without guests: address spaces are page tables over host memory. For unit tests of what lies above.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "base/unique_fd.h"
#include "platform/platform.h"
#include "sentry/mm/memory_lock.h"

namespace sentry {

class FakeDonatedFile final : public platform::DonatedFile {
 public:
  FakeDonatedFile(base::UniqueFd fd, bool writable) : fd_(std::move(fd)), writable_(writable) {}
  bool writable() const override { return writable_; }
  int fd() const { return fd_.get(); }

 private:
  const base::UniqueFd fd_;
  const bool writable_;
};

// Mappings with their protections; pages come into being when written. Behaves as the host does: replaces, splits,
// moves, copies on write, and refuses access that a protection forbids. Thread-safe.
class FakeAddressSpace final : public platform::AddressSpace {
 public:
  struct Region {
    uint64_t end = 0;
    int protection = 0;
    bool shared = false;
    base::RefPtr<FakeDonatedFile> file;
    uint64_t offset = 0;
  };
  struct Advised {
    base::GuestRange range;
    int advice;
  };

  base::Result<void> MapAnonymous(base::GuestRange range, platform::Protection protection, bool shared, bool no_reserve,
                                  platform::GuestThread* caller) override;
  base::Result<void> MapFile(base::GuestRange range, platform::Protection protection, bool shared,
                             platform::DonatedFile& file, uint64_t offset) override;
  base::Result<void> Unmap(base::GuestRange range, platform::GuestThread* caller) override;
  base::Result<void> Protect(base::GuestRange range, platform::Protection protection,
                             platform::GuestThread* caller) override;
  base::Result<void> Remap(base::GuestRange from, base::GuestRange to) override;
  base::Result<void> Advise(base::GuestRange range, int advice, platform::GuestThread* caller) override;
  base::Result<void> Sync(base::GuestRange range, int flags) override;
  base::Result<void> Apply(std::span<const Operation> operations) override;
  base::Result<size_t> CopyIn(base::GuestAddr from, std::span<std::byte> to, bool ignore_protection) override;
  base::Result<size_t> CopyOut(base::GuestAddr to, std::span<const std::byte> from, bool ignore_protection) override;
  base::Result<uint32_t> LoadWord(base::GuestAddr address) override;
  base::Result<uint32_t> CompareExchangeWord(base::GuestAddr address, uint32_t expected, uint32_t desired) override;
  base::Result<std::unique_ptr<platform::GuestThread>> NewThread(const platform::Registers&,
                                                                 const platform::ExtendedState&) override;
  base::Result<Forked> Fork(const platform::Registers&, const platform::ExtendedState&) override;
  void SetName(std::string_view) override {}
  uint64_t resident_bytes() const override { return 0; }
  int host_pid() const override { return 0; }
  void Kill() override {}

  // The mapping that contains the address; null if none does. For tests.
  const Region* At(uint64_t address) const;
  size_t region_count() const;

  // Calls that came with a caller; round trips; the advice given. Cleared by tests.
  int caller_calls = 0;
  int round_trips = 0;
  std::vector<Advised> advised;
  // The next `Remap` over more than one page fails with EFAULT this many times.
  int remap_faults = 0;
  // All calls fail with this errno unless 0.
  int fail_with = 0;

 private:
  using Page = std::array<std::byte, base::kPageSize>;

  base::Result<void> Before(platform::GuestThread* caller);
  void SplitAt(uint64_t address) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Clear(base::GuestRange range) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  const Region* Find(uint64_t address, uint64_t* begin = nullptr) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Copies inside one page; false: not accessible.
  bool ReadPage(uint64_t address, std::span<std::byte> to, bool force) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool WritePage(uint64_t address, std::span<const std::byte> from, bool force) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  static inline constinit base::LockClass kLock{"FakeAddressSpace::mutex_"};
  mutable base::Mutex mutex_{kLock};
  std::map<uint64_t, Region> regions_ ABSL_GUARDED_BY(mutex_);
  std::map<uint64_t, std::unique_ptr<Page>> pages_ ABSL_GUARDED_BY(mutex_);
};

class FakeContainer final : public platform::Container {
 public:
  base::Result<base::RefPtr<platform::AddressSpace>> NewAddressSpace() override;
  base::Result<base::RefPtr<platform::DonatedFile>> Donate(base::UniqueFd fd, bool writable) override;
  int donations = 0;
};

class FakePlatform final : public platform::Platform {
 public:
  std::string_view name() const override { return "fake"; }
  base::GuestAddr min_address() const override { return base::GuestAddr(0x10000); }
  base::GuestAddr max_address() const override { return base::GuestAddr(0x7ffe00000000); }
  size_t extended_state_size() const override { return 512; }
  base::Result<void> Start(platform::Executor&) override { return {}; }
  std::span<platform::Receiver* const> receivers() const override { return {}; }
  base::GuestAddr host_vdso() const override { return {}; }
  platform::PlatformStats stats() const override { return {}; }
  base::Result<std::unique_ptr<platform::Container>> NewContainer() override;
};

// A memory lock for tests without fibers.
std::unique_ptr<MemoryLock> MakePlainMemoryLock();

}  // namespace sentry
