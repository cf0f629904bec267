// SPDX-License-Identifier: Apache-2.0
#include "sentry/mm/testing/fake_platform.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace sentry {
namespace {

using base::Errno;
using base::GuestAddr;
using base::GuestRange;
using base::kPageSize;

class PlainMemoryLock final : public MemoryLock {
 public:
  void Lock() override ABSL_NO_THREAD_SAFETY_ANALYSIS { mutex_.Lock(); }
  void Unlock() override ABSL_NO_THREAD_SAFETY_ANALYSIS { mutex_.Unlock(); }

 private:
  static inline constinit base::LockClass kLock{"PlainMemoryLock::mutex_"};
  base::Mutex mutex_{kLock};
};

class FakeGuestThread final : public platform::GuestThread {
 public:
  explicit FakeGuestThread(base::RefPtr<platform::AddressSpace> space) : space_(std::move(space)) {}
  platform::Event Run() override { return {.kind = platform::Event::Kind::kGone}; }
  void set_syscall(platform::SyscallAction, uint64_t) override {}
  base::Result<platform::Registers*> registers() override { return Errno(ESRCH); }
  base::Result<platform::ExtendedState*> extended_state() override { return Errno(ESRCH); }
  base::Result<void> SetFsBase(uint64_t) override { return {}; }
  void Interrupt() override {}
  int host_tid() const override { return 0; }
  platform::AddressSpace& address_space() override { return *space_; }

 private:
  const base::RefPtr<platform::AddressSpace> space_;
};

uint64_t PageOf(uint64_t address) { return base::PageRoundDown(address); }

}  // namespace

std::unique_ptr<MemoryLock> MakePlainMemoryLock() { return std::make_unique<PlainMemoryLock>(); }

base::Result<void> FakeAddressSpace::Before(platform::GuestThread* caller) {
  if (caller != nullptr) ++caller_calls;
  ++round_trips;
  if (fail_with != 0) return Errno(fail_with);
  return {};
}

const FakeAddressSpace::Region* FakeAddressSpace::Find(uint64_t address, uint64_t* begin) const {
  auto it = regions_.upper_bound(address);
  if (it == regions_.begin()) return nullptr;
  --it;
  if (it->second.end <= address) return nullptr;
  if (begin != nullptr) *begin = it->first;
  return &it->second;
}

const FakeAddressSpace::Region* FakeAddressSpace::At(uint64_t address) const {
  base::MutexLock lock(mutex_);
  return Find(address);
}

size_t FakeAddressSpace::region_count() const {
  base::MutexLock lock(mutex_);
  return regions_.size();
}

void FakeAddressSpace::SplitAt(uint64_t address) {
  uint64_t begin = 0;
  const Region* found = Find(address, &begin);
  if (found == nullptr || begin == address) return;
  Region tail = *found;
  tail.offset += address - begin;
  regions_[begin].end = address;
  regions_[address] = tail;
}

void FakeAddressSpace::Clear(GuestRange range) {
  SplitAt(range.begin.value());
  SplitAt(range.end.value());
  regions_.erase(regions_.lower_bound(range.begin.value()), regions_.lower_bound(range.end.value()));
  pages_.erase(pages_.lower_bound(range.begin.value()), pages_.lower_bound(range.end.value()));
}

base::Result<void> FakeAddressSpace::MapAnonymous(GuestRange range, platform::Protection protection, bool shared, bool,
                                                  platform::GuestThread* caller) {
  TRY(Before(caller));
  base::MutexLock lock(mutex_);
  Clear(range);
  regions_[range.begin.value()] = {range.end.value(), protection, shared, nullptr, 0};
  return {};
}

base::Result<void> FakeAddressSpace::MapFile(GuestRange range, platform::Protection protection, bool shared,
                                             platform::DonatedFile& file, uint64_t offset) {
  TRY(Before(nullptr));
  if (shared && (protection & PROT_WRITE) != 0 && !file.writable()) return Errno(EACCES);
  base::MutexLock lock(mutex_);
  Clear(range);
  regions_[range.begin.value()] = {range.end.value(), protection, shared,
                                   base::RefPtr(static_cast<FakeDonatedFile*>(&file)), offset};
  return {};
}

base::Result<void> FakeAddressSpace::Unmap(GuestRange range, platform::GuestThread* caller) {
  TRY(Before(caller));
  base::MutexLock lock(mutex_);
  Clear(range);
  return {};
}

base::Result<void> FakeAddressSpace::Protect(GuestRange range, platform::Protection protection,
                                             platform::GuestThread* caller) {
  TRY(Before(caller));
  base::MutexLock lock(mutex_);
  SplitAt(range.begin.value());
  SplitAt(range.end.value());
  uint64_t reached = range.begin.value();
  for (auto it = regions_.lower_bound(reached); it != regions_.end() && it->first < range.end.value(); ++it) {
    if (it->first != reached) return Errno(ENOMEM);
    it->second.protection = protection;
    reached = it->second.end;
  }
  if (reached < range.end.value()) return Errno(ENOMEM);
  return {};
}

base::Result<void> FakeAddressSpace::Remap(GuestRange from, GuestRange to) {
  TRY(Before(nullptr));
  if (remap_faults > 0 && from.length() > kPageSize) {
    --remap_faults;
    return Errno(EFAULT);
  }
  if (from.length() != to.length() || from.Overlaps(to)) return Errno(EINVAL);
  base::MutexLock lock(mutex_);
  Clear(to);
  SplitAt(from.begin.value());
  SplitAt(from.end.value());
  uint64_t delta = to.begin.value() - from.begin.value();
  for (auto it = regions_.lower_bound(from.begin.value()); it != regions_.end() && it->first < from.end.value();) {
    Region region = it->second;
    region.end += delta;
    uint64_t begin = it->first + delta;
    it = regions_.erase(it);
    regions_[begin] = region;
  }
  for (auto it = pages_.lower_bound(from.begin.value()); it != pages_.end() && it->first < from.end.value();) {
    std::unique_ptr<Page> page = std::move(it->second);
    uint64_t address = it->first + delta;
    it = pages_.erase(it);
    pages_[address] = std::move(page);
  }
  return {};
}

base::Result<void> FakeAddressSpace::Advise(GuestRange range, int advice, platform::GuestThread* caller) {
  TRY(Before(caller));
  advised.push_back({range, advice});
  base::MutexLock lock(mutex_);
  if (advice == MADV_DONTNEED || advice == MADV_FREE)
    pages_.erase(pages_.lower_bound(range.begin.value()), pages_.lower_bound(range.end.value()));
  return {};
}

base::Result<void> FakeAddressSpace::Sync(GuestRange, int) { return Before(nullptr); }

base::Result<void> FakeAddressSpace::Apply(std::span<const Operation> operations) {
  int trips = round_trips;
  for (const Operation& operation : operations) {
    switch (operation.kind) {
      case Operation::Kind::kMapAnonymous:
        TRY(MapAnonymous(operation.range, operation.protection, operation.shared, operation.no_reserve, nullptr));
        break;
      case Operation::Kind::kMapFile:
        TRY(MapFile(operation.range, operation.protection, operation.shared, *operation.file, operation.offset));
        break;
      case Operation::Kind::kUnmap:
        TRY(Unmap(operation.range, nullptr));
        break;
      case Operation::Kind::kProtect:
        TRY(Protect(operation.range, operation.protection, nullptr));
        break;
      case Operation::Kind::kAdvise:
        TRY(Advise(operation.range, operation.advice, nullptr));
        break;
    }
  }
  round_trips = trips + 1;
  return {};
}

bool FakeAddressSpace::ReadPage(uint64_t address, std::span<std::byte> to, bool force) {
  uint64_t begin = 0;
  const Region* region = Find(address, &begin);
  if (region == nullptr || (!force && (region->protection & (PROT_READ | PROT_WRITE | PROT_EXEC)) == 0)) return false;
  if (auto page = pages_.find(PageOf(address)); page != pages_.end()) {
    memcpy(to.data(), page->second->data() + address % kPageSize, to.size());
    return true;
  }
  memset(to.data(), 0, to.size());
  if (!region->file) return true;
  off_t end = lseek(region->file->fd(), 0, SEEK_END);
  uint64_t offset = region->offset + (address - begin);
  if (PageOf(offset) >= static_cast<uint64_t>(end)) return false;  // SIGBUS.
  (void)!pread(region->file->fd(), to.data(), to.size(), static_cast<off_t>(offset));
  return true;
}

bool FakeAddressSpace::WritePage(uint64_t address, std::span<const std::byte> from, bool force) {
  uint64_t begin = 0;
  const Region* region = Find(address, &begin);
  if (region == nullptr || (!force && (region->protection & PROT_WRITE) == 0)) return false;
  if (region->shared && region->file) {
    off_t offset = static_cast<off_t>(region->offset + (address - begin));
    return pwrite(region->file->fd(), from.data(), from.size(), offset) == static_cast<ssize_t>(from.size());
  }
  std::unique_ptr<Page>& page = pages_[PageOf(address)];
  if (!page) {
    auto fresh = std::make_unique<Page>();
    pages_.erase(PageOf(address));
    if (!ReadPage(PageOf(address), *fresh, true)) return false;
    pages_[PageOf(address)] = std::move(fresh);
  }
  memcpy(pages_[PageOf(address)]->data() + address % kPageSize, from.data(), from.size());
  return true;
}

base::Result<size_t> FakeAddressSpace::CopyIn(GuestAddr from, std::span<std::byte> to, bool ignore_protection) {
  base::MutexLock lock(mutex_);
  size_t done = 0;
  while (done < to.size()) {
    uint64_t address = from.value() + done;
    size_t count = std::min<size_t>(to.size() - done, kPageSize - address % kPageSize);
    if (!ReadPage(address, to.subspan(done, count), ignore_protection)) break;
    done += count;
  }
  if (done == 0 && !to.empty()) return Errno(EFAULT);
  return done;
}

base::Result<size_t> FakeAddressSpace::CopyOut(GuestAddr to, std::span<const std::byte> from, bool ignore_protection) {
  base::MutexLock lock(mutex_);
  size_t done = 0;
  while (done < from.size()) {
    uint64_t address = to.value() + done;
    size_t count = std::min<size_t>(from.size() - done, kPageSize - address % kPageSize);
    if (!WritePage(address, from.subspan(done, count), ignore_protection)) break;
    done += count;
  }
  if (done == 0 && !from.empty()) return Errno(EFAULT);
  return done;
}

base::Result<uint32_t> FakeAddressSpace::LoadWord(GuestAddr address) {
  uint32_t word = 0;
  TRY(CopyIn(address, std::as_writable_bytes(std::span(&word, 1)), false));
  return word;
}

base::Result<uint32_t> FakeAddressSpace::CompareExchangeWord(GuestAddr address, uint32_t expected, uint32_t desired) {
  base::MutexLock lock(mutex_);
  uint32_t word = 0;
  if (!ReadPage(address.value(), std::as_writable_bytes(std::span(&word, 1)), false)) return Errno(EFAULT);
  if (word == expected && !WritePage(address.value(), std::as_bytes(std::span(&desired, 1)), false))
    return Errno(EFAULT);
  return word;
}

base::Result<std::unique_ptr<platform::GuestThread>> FakeAddressSpace::NewThread(const platform::Registers&,
                                                                                 const platform::ExtendedState&) {
  return std::unique_ptr<platform::GuestThread>(
      std::make_unique<FakeGuestThread>(base::RefPtr<platform::AddressSpace>(this)));
}

base::Result<platform::AddressSpace::Forked> FakeAddressSpace::Fork(const platform::Registers& registers,
                                                                    const platform::ExtendedState& state) {
  auto child = base::MakeRef<FakeAddressSpace>();
  {
    base::MutexLock lock(mutex_);
    base::LockOrder::ScopedNested nested;  // The child is nobody else's yet.
    base::MutexLock child_lock(child->mutex_);
    child->regions_ = regions_;
    for (const auto& [address, page] : pages_) child->pages_[address] = std::make_unique<Page>(*page);
  }
  auto thread = TRY(child->NewThread(registers, state));
  return Forked{std::move(child), std::move(thread)};
}

base::Result<base::RefPtr<platform::AddressSpace>> FakeContainer::NewAddressSpace() {
  return base::RefPtr<platform::AddressSpace>(base::MakeRef<FakeAddressSpace>());
}

base::Result<base::RefPtr<platform::DonatedFile>> FakeContainer::Donate(base::UniqueFd fd, bool writable) {
  ++donations;
  return base::RefPtr<platform::DonatedFile>(base::MakeRef<FakeDonatedFile>(std::move(fd), writable));
}

base::Result<std::unique_ptr<platform::Container>> FakePlatform::NewContainer() {
  return std::unique_ptr<platform::Container>(std::make_unique<FakeContainer>());
}

}  // namespace sentry
