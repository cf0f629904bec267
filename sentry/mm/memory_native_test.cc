// SPDX-License-Identifier: Apache-2.0
// The same memory calls made to the kernel this test runs on and to a MemoryManager: they must return the same, and
// leave the same mappings.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "sentry/mm/memory_manager.h"
#include "sentry/mm/testing/fake_file.h"
#include "sentry/mm/testing/fake_platform.h"

#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

namespace sentry {
namespace {

using base::GuestAddr;
using base::GuestRange;
using base::kPageSize;

// A range no library or allocator uses.
constexpr uint64_t kArena = 0x200000000000;
constexpr uint64_t kArenaPages = 64;

// Files as both sides have them.
enum File { kNone = -1, kReadWrite, kReadOnly, kWriteOnly, kFiles };

struct Call {
  long number;  // SYS_*
  uint64_t address = 0, length = 0, third = 0, fourth = 0, fifth = 0;
  int file = kNone;

  std::string Text() const {
    char text[200];
    snprintf(text, sizeof text,
             "syscall %ld(0x%" PRIx64 ", 0x%" PRIx64 ", 0x%" PRIx64 ", 0x%" PRIx64 ", 0x%" PRIx64 ") file %d", number,
             address, length, third, fourth, fifth, file);
    return text;
  }
};

class MemoryNativeTest : public testing::Test {
 protected:
  MemoryNativeTest() {
    LayoutRandom none = LayoutRandom::Disabled();
    MemoryLayout layout = MemoryLayout::Create(platform_.min_address(), platform_.max_address(), 8 << 20, none);
    memory_ = MemoryManager::Create({.container = &container_, .make_lock = MakePlainMemoryLock},
                                    MUST(container_.NewAddressSpace()), layout);
    base::UniqueFd fd(memfd_create("arena", MFD_CLOEXEC));
    EXPECT_EQ(ftruncate(fd.get(), kArenaPages * kPageSize), 0);
    std::string path = "/proc/self/fd/" + std::to_string(fd.get());
    const int modes[kFiles] = {O_RDWR, O_RDONLY, O_WRONLY};
    for (int mode : modes) {
      native_files_.emplace_back(open(path.c_str(), mode | O_CLOEXEC));
      files_.push_back(base::MakeRef<FakeFile>(base::UniqueFd(open(path.c_str(), mode | O_CLOEXEC)), mode));
    }
  }
  ~MemoryNativeTest() override { syscall(SYS_munmap, kArena, 4 * kArenaPages * kPageSize); }

  long Native(const Call& c) {
    long fd = c.file == kNone ? -1 : native_files_[c.file].get();
    long result = c.number == SYS_mmap ? syscall(SYS_mmap, c.address, c.length, c.third, c.fourth, fd, c.fifth)
                                       : syscall(c.number, c.address, c.length, c.third, c.fourth, c.fifth);
    return result == -1 ? -errno : result;
  }

  long Model(const Call& c) {
    const GuestAddr address(c.address);
    const int third = static_cast<int>(c.third);
    auto code = [](const base::Result<void>& result) -> long { return result.ok() ? 0 : -result.error().code(); };
    auto where = [](const base::Result<GuestAddr>& result) -> long {
      return result.ok() ? static_cast<long>(result->value()) : -result.error().code();
    };
    switch (c.number) {
      case SYS_mmap:
        return where(memory_->Map(context_,
                                  {.address = address,
                                   .length = c.length,
                                   .protection = third,
                                   .flags = static_cast<int>(c.fourth),
                                   .file = c.file == kNone ? nullptr : files_[c.file].get(),
                                   .offset = c.fifth},
                                  limits_));
      case SYS_munmap:
        return code(memory_->Unmap(address, c.length));
      case SYS_mprotect:
        return code(memory_->Protect(address, c.length, third, limits_));
      case SYS_mremap:
        return where(
            memory_->Remap(address, c.length, c.third, static_cast<int>(c.fourth), GuestAddr(c.fifth), limits_));
      case SYS_madvise:
        return code(memory_->Advise(address, c.length, third));
      case SYS_msync:
        return code(memory_->Sync(address, c.length, third));
      case SYS_mlock2:
        return code(memory_->LockPages(address, c.length, third, limits_));
      case SYS_munlock:
        return code(memory_->UnlockPages(address, c.length));
      default:
        return -ENOSYS;
    }
  }

  // Where the kernels differ, or ours on purpose: a move of pages of several mappings (Linux 6.17 learned that), and
  // MREMAP_DONTUNMAP of a part of a locked mapping (Linux unlocks all of it).
  bool Disputed(const Call& c) {
    if (c.number != SYS_mremap) return false;
    std::optional<Vma> vma = memory_->Find(GuestAddr(c.address));
    if (!vma) return false;
    return c.address + c.length > vma->range.end.value() ||
           ((c.fourth & MREMAP_DONTUNMAP) != 0 && vma->has(kVmaLocked));
  }

  void Both(const Call& c) { ASSERT_EQ(Model(c), Native(c)) << c.Text(); }

  struct Page {
    std::string access;  // "rw-p", or empty.
    uint64_t offset = 0;
    std::string flags;
    friend bool operator==(const Page&, const Page&) = default;
  };
  using Pages = std::vector<Page>;

  Pages NativePages() {
    Pages pages(kArenaPages);
    FILE* smaps = fopen("/proc/self/smaps", "re");
    char line[512];
    uint64_t begin = 0, end = 0;
    while (fgets(line, sizeof line, smaps) != nullptr) {
      uint64_t new_begin = 0, new_end = 0, offset = 0, inode = 0;
      char access[5];
      if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %*s %" SCNu64, &new_begin, &new_end, access, &offset,
                 &inode) == 5) {
        begin = new_begin;
        end = new_end;
        for (uint64_t at = std::max(begin, kArena); at < end && at < kArena + kArenaPages * kPageSize; at += kPageSize)
          pages[(at - kArena) / kPageSize] = {access, inode == 0 ? 0 : offset + (at - begin), ""};
      } else if (strncmp(line, "VmFlags:", 8) == 0) {
        std::string flags;
        for (const char* flag : {" lo", " dc", " wf", " sr", " rr", " dd"}) {
          if (strstr(line, flag) != nullptr) flags += flag;
        }
        for (uint64_t at = std::max(begin, kArena); at < end && at < kArena + kArenaPages * kPageSize; at += kPageSize)
          pages[(at - kArena) / kPageSize].flags = flags;
      }
    }
    fclose(smaps);
    return pages;
  }

  Pages ModelPages() {
    Pages pages(kArenaPages);
    for (uint64_t i = 0; i < kArenaPages; ++i) {
      uint64_t at = kArena + i * kPageSize;
      std::optional<Vma> vma = memory_->Find(GuestAddr(at));
      if (!vma) continue;
      std::string access = "---p";
      if ((vma->protection & PROT_READ) != 0) access[0] = 'r';
      if ((vma->protection & PROT_WRITE) != 0) access[1] = 'w';
      if ((vma->protection & PROT_EXEC) != 0) access[2] = 'x';
      if (vma->shared) access[3] = 's';
      std::string flags;
      const std::pair<VmaFlag, const char*> names[] = {{kVmaLocked, " lo"},     {kVmaDontFork, " dc"},
                                                       {kVmaWipeOnFork, " wf"}, {kVmaSequential, " sr"},
                                                       {kVmaRandom, " rr"},     {kVmaDontDump, " dd"}};
      for (const auto& [flag, name] : names) {
        if (vma->has(flag)) flags += name;
      }
      uint64_t offset = vma->mappable ? vma->offset + (at - vma->range.begin.value()) : 0;
      pages[i] = {access, offset, flags};
    }
    return pages;
  }

  void ComparePages() {
    Pages native = NativePages(), model = ModelPages();
    for (uint64_t i = 0; i < kArenaPages; ++i) {
      ASSERT_EQ(model[i], native[i]) << "page " << i << ": " << model[i].access << " " << std::hex << model[i].offset
                                     << model[i].flags << ", natively " << native[i].access << " " << native[i].offset
                                     << native[i].flags;
    }
  }

  // The platform must have been told the same.
  void CompareHost() {
    auto& space = static_cast<FakeAddressSpace&>(memory_->address_space());
    for (uint64_t i = 0; i < kArenaPages; ++i) {
      uint64_t at = kArena + i * kPageSize;
      std::optional<Vma> vma = memory_->Find(GuestAddr(at));
      const FakeAddressSpace::Region* region = space.At(at);
      ASSERT_EQ(region != nullptr, vma.has_value()) << "page " << i;
      if (region != nullptr) {
        ASSERT_EQ(region->protection, vma->protection) << "page " << i;
        ASSERT_EQ(region->shared, vma->shared) << "page " << i;
        ASSERT_EQ(static_cast<bool>(region->file), static_cast<bool>(vma->mappable)) << "page " << i;
      }
    }
  }

  FakePlatform platform_;
  FakeContainer container_;
  FakeContext context_;
  MemoryLimits limits_{.may_lock = true};
  base::RefPtr<MemoryManager> memory_;
  std::vector<base::UniqueFd> native_files_;
  std::vector<base::RefPtr<FakeFile>> files_;
};

constexpr uint64_t P(uint64_t page) { return kArena + page * kPageSize; }
constexpr uint64_t kPrivate = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE;
constexpr uint64_t kShared = MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE;
constexpr uint64_t kTop = 0x7ffffffff000;

// Arguments at and beyond the edges of what is allowed, in an arena where pages 0-3 are private anonymous memory, 4-5
// shared, 6-7 a read-only shared file, 8-9 a private file, 10-11 nothing, 12 on private again.
TEST_F(MemoryNativeTest, EdgesOfArguments) {
  const std::vector<Call> calls = {
      {SYS_mmap, P(0), 4 * kPageSize, 3, kPrivate, 0},
      {SYS_mmap, P(4), 2 * kPageSize, 3, kShared, 0},
      {SYS_mmap, P(6), 2 * kPageSize, 1, MAP_SHARED | MAP_FIXED, 0, kReadOnly},
      {SYS_mmap, P(8), 2 * kPageSize, 3, MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE, kPageSize, kReadOnly},
      {SYS_mmap, P(12), 20 * kPageSize, 0, kPrivate, 0},
      // mmap
      {SYS_mmap, P(40), 0, 3, kPrivate, 0},
      {SYS_mmap, P(40) + 1, kPageSize, 3, kPrivate, 0},
      {SYS_mmap, P(40), UINT64_MAX, 3, kPrivate, 0},
      {SYS_mmap, P(40), UINT64_MAX - 4095, 3, kPrivate, 0},
      {SYS_mmap, P(40), kTop, 3, kPrivate, 0},
      {SYS_mmap, 0, kTop + 1, 3, MAP_PRIVATE | MAP_ANONYMOUS, 0},
      {SYS_mmap, kTop, kPageSize, 3, kPrivate, 0},
      {SYS_mmap, kTop + 1, kPageSize, 3, kPrivate, 0},
      {SYS_mmap, kTop - kPageSize, 2 * kPageSize, 3, kPrivate, 0},
      {SYS_mmap, uint64_t{1} << 63, kPageSize, 3, kPrivate, 0},
      {SYS_mmap, P(40), kPageSize, 3, MAP_ANONYMOUS | MAP_FIXED, 0},
      {SYS_mmap, P(40), kPageSize, 3, MAP_SHARED_VALIDATE | MAP_ANONYMOUS | MAP_FIXED, 0},
      {SYS_mmap, P(40), kPageSize, 3, MAP_FIXED, 0, kReadWrite},
      {SYS_mmap, P(40), kPageSize, 3, MAP_PRIVATE | MAP_FIXED, 1, kReadWrite},
      {SYS_mmap, P(40), 2 * kPageSize, 3, MAP_PRIVATE | MAP_FIXED, UINT64_MAX - 4095, kReadWrite},
      {SYS_mmap, P(40), 2 * kPageSize, 3, MAP_PRIVATE | MAP_FIXED, uint64_t{1} << 63, kReadWrite},
      {SYS_mmap, P(40), 2 * kPageSize, 3, MAP_PRIVATE | MAP_FIXED, (uint64_t{1} << 63) - 4096, kReadWrite},
      {SYS_mmap, P(40), kPageSize, 3, MAP_SHARED | MAP_FIXED, 0, kReadOnly},
      {SYS_mmap, P(40), kPageSize, 1, MAP_SHARED | MAP_FIXED, 0, kWriteOnly},
      {SYS_mmap, P(40), kPageSize, 2, MAP_PRIVATE | MAP_FIXED, 0, kWriteOnly},
      {SYS_mmap, P(40), kPageSize, 1, MAP_SHARED_VALIDATE | MAP_FIXED | 0x80000, 0, kReadWrite},
      {SYS_mmap, P(40), kPageSize, 1, MAP_SHARED_VALIDATE | MAP_FIXED | MAP_FIXED_NOREPLACE, 0, kReadWrite},
      {SYS_mmap, P(40), kPageSize, 1, MAP_SHARED_VALIDATE | MAP_FIXED, 0, kReadWrite},
      {SYS_mmap, P(41), kPageSize, 1, MAP_SHARED | MAP_FIXED | 0x80000, 0, kReadWrite},
      {SYS_mmap, P(42), kPageSize, 1, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED | MAP_GROWSDOWN, 0},
      {SYS_mmap, P(42), kPageSize, 1, MAP_PRIVATE | MAP_FIXED | MAP_GROWSDOWN, 0, kReadWrite},
      {SYS_mmap, P(0), kPageSize, 1, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, 0},
      {SYS_mmap, P(40), kPageSize, 1, MAP_PRIVATE | MAP_FIXED | MAP_HUGETLB, 0, kReadWrite},
      {SYS_mmap, P(43), kPageSize, 0xff7, kPrivate, 0},
      // munmap
      {SYS_munmap, P(0) + 1, kPageSize},
      {SYS_munmap, P(0), 0},
      {SYS_munmap, P(0), UINT64_MAX},
      {SYS_munmap, P(0), kTop},
      {SYS_munmap, P(50), kPageSize},
      {SYS_munmap, kTop + kPageSize, kPageSize},
      {SYS_munmap, uint64_t{1} << 63, kPageSize},
      {SYS_munmap, P(43), 1},
      // mprotect
      {SYS_mprotect, P(0) + 8, kPageSize, 1},
      {SYS_mprotect, P(0), 0, 1},
      {SYS_mprotect, P(50), 0, 1},
      {SYS_mprotect, P(0), kPageSize, 0x40},
      {SYS_mprotect, P(0), kPageSize, 3 | 8},
      {SYS_mprotect, P(0), UINT64_MAX - 8191, 1},
      {SYS_mprotect, P(0), UINT64_MAX, 1},
      {SYS_mprotect, P(50), kPageSize, 1},
      {SYS_mprotect, P(9), 5 * kPageSize, 1},   // Page 9, then a hole.
      {SYS_mprotect, P(10), 4 * kPageSize, 1},  // A hole first.
      {SYS_mprotect, P(5), 3 * kPageSize, 3},   // Page 5, then a file that may not be written.
      {SYS_mprotect, P(0), kPageSize, PROT_GROWSDOWN | 1},
      {SYS_mprotect, P(0), kPageSize, PROT_GROWSUP | 1},
      {SYS_mprotect, P(0), kPageSize, PROT_GROWSUP | PROT_GROWSDOWN | 1},
      // mremap
      {SYS_mremap, P(0) + 1, kPageSize, kPageSize, 0},
      {SYS_mremap, P(0), kPageSize, 0, 0},
      {SYS_mremap, P(0), kPageSize, kPageSize, 8},
      {SYS_mremap, P(0), kPageSize, kPageSize, MREMAP_FIXED, P(50)},
      {SYS_mremap, P(0), kPageSize, 2 * kPageSize, MREMAP_DONTUNMAP | MREMAP_MAYMOVE, P(50)},
      {SYS_mremap, P(0), kPageSize, kPageSize, MREMAP_DONTUNMAP, P(50)},
      {SYS_mremap, P(50), kPageSize, kPageSize, 0},
      {SYS_mremap, P(0), 5 * kPageSize, 6 * kPageSize, 0},
      {SYS_mremap, P(0), 0, kPageSize, MREMAP_MAYMOVE},
      {SYS_mremap, P(0), kPageSize, 2 * kPageSize, 0},
      {SYS_mremap, P(3), kPageSize, 2 * kPageSize, 0},
      {SYS_mremap, P(9), kPageSize, 3 * kPageSize, 0},
      {SYS_mremap, P(9), kPageSize, 4 * kPageSize, 0},
      {SYS_mremap, P(0), kPageSize, kPageSize, MREMAP_MAYMOVE | MREMAP_FIXED, P(50) + 1},
      {SYS_mremap, P(0), kPageSize, kPageSize, MREMAP_MAYMOVE | MREMAP_FIXED, kTop},
      {SYS_mremap, P(0), kPageSize, kTop + kPageSize, MREMAP_MAYMOVE | MREMAP_FIXED, P(50)},
      {SYS_mremap, P(0), 2 * kPageSize, 2 * kPageSize, MREMAP_MAYMOVE | MREMAP_FIXED, P(1)},
      {SYS_mremap, P(4), 0, kPageSize, MREMAP_MAYMOVE | MREMAP_FIXED, P(50)},
      {SYS_mremap, P(0), kPageSize, uint64_t{1} << 60, MREMAP_MAYMOVE},
      {SYS_mremap, P(8), kPageSize, UINT64_MAX, MREMAP_MAYMOVE},
      // madvise
      {SYS_madvise, P(0) + 1, kPageSize, MADV_NORMAL},
      {SYS_madvise, P(0), kPageSize, 7},
      {SYS_madvise, P(0), kPageSize, 5000},
      {SYS_madvise, P(0), 0, MADV_DONTNEED},
      {SYS_madvise, P(50), 0, MADV_DONTNEED},
      {SYS_madvise, P(0), UINT64_MAX, MADV_DONTNEED},
      {SYS_madvise, P(0), UINT64_MAX - 4095, MADV_DONTNEED},
      {SYS_madvise, P(52), kPageSize, MADV_DONTNEED},
      {SYS_madvise, P(8), 8 * kPageSize, MADV_SEQUENTIAL},
      {SYS_madvise, P(0), 6 * kPageSize, MADV_WIPEONFORK},
      {SYS_madvise, P(0), 6 * kPageSize, MADV_KEEPONFORK},
      {SYS_madvise, P(0), 6 * kPageSize, MADV_FREE},
      {SYS_madvise, P(8), kPageSize, MADV_FREE},
      {SYS_madvise, P(0), kPageSize, MADV_REMOVE},
      {SYS_madvise, P(6), kPageSize, MADV_REMOVE},
      {SYS_madvise, P(8), kPageSize, MADV_REMOVE},
      {SYS_madvise, P(4), kPageSize, MADV_REMOVE},
      // msync
      {SYS_msync, P(0), kPageSize, 8},
      {SYS_msync, P(0), kPageSize, MS_SYNC | MS_ASYNC},
      {SYS_msync, P(0) + 1, kPageSize, MS_SYNC},
      {SYS_msync, P(0), 0, MS_SYNC},
      {SYS_msync, P(52), kPageSize, MS_SYNC},
      {SYS_msync, P(0), UINT64_MAX - 8191, MS_SYNC},
      {SYS_msync, P(0), UINT64_MAX, MS_SYNC},
      {SYS_msync, P(0), 9 * kPageSize, MS_SYNC | MS_INVALIDATE},
      // mlock
      {SYS_mlock2, P(0), kPageSize, 2},
      {SYS_mlock2, P(52), kPageSize, MLOCK_ONFAULT},
      {SYS_mlock2, P(0) + 5, kPageSize, MLOCK_ONFAULT},
      {SYS_madvise, P(0), kPageSize, MADV_DONTNEED},
      {SYS_msync, P(0), kPageSize, MS_INVALIDATE},
      {SYS_mlock2, P(0), 0, MLOCK_ONFAULT},
      {SYS_mlock2, P(9), 5 * kPageSize, MLOCK_ONFAULT},
      {SYS_munlock, P(9), 60 * kPageSize},
      {SYS_munlock, P(0), UINT64_MAX - 4095},
      {SYS_munlock, P(0), 0},
  };
  for (const Call& c : calls) {
    Both(c);
    if (HasFatalFailure()) return;
    ComparePages();
    if (HasFatalFailure()) {
      ADD_FAILURE() << "after " << c.Text();
      return;
    }
  }
  CompareHost();
}

class MemoryNativeRandomTest : public MemoryNativeTest, public testing::WithParamInterface<int> {
 protected:
  Call Random() {
    auto pick = [&](std::initializer_list<uint64_t> values) { return values.begin()[random_() % values.size()]; };
    uint64_t page = random_() % kArenaPages;
    uint64_t count = 1 + random_() % std::min<uint64_t>(kArenaPages - page, random_() % 5 == 0 ? 30 : 5);
    uint64_t bytes = count * kPageSize - (random_() % 4 == 0 ? random_() % kPageSize : 0);
    uint64_t protection = pick({0, 1, 3, 3, 5, 7});
    switch (random_() % 16) {
      case 0:
      case 1:
      case 2:
        return {SYS_mmap, P(page), bytes, protection, kPrivate, 0};
      case 3:
        return {SYS_mmap, P(page), bytes, protection, kShared, 0};
      case 4:
      case 5:
        return {SYS_mmap,
                P(page),
                bytes,
                protection,
                MAP_FIXED | MAP_NORESERVE | pick({MAP_SHARED, MAP_PRIVATE, MAP_SHARED_VALIDATE}),
                random_() % 2 == 0 ? page * kPageSize : random_() % 8 * kPageSize,
                static_cast<int>(pick({kReadWrite, kReadWrite, kReadOnly}))};
      case 6:
        return {SYS_mmap, P(page), bytes, protection, kPrivate | MAP_FIXED_NOREPLACE, 0};
      case 7:
        return {SYS_munmap, P(page), bytes};
      case 8:
      case 9:
        return {SYS_mprotect, P(page), bytes, protection};
      case 10:
        return {SYS_mremap, P(page), bytes, (1 + random_() % 6) * kPageSize, 0};
      case 11:
      case 12: {
        uint64_t flags = MREMAP_MAYMOVE | MREMAP_FIXED;
        uint64_t length = (1 + random_() % 6) * kPageSize;
        if (random_() % 4 == 0) {
          flags |= MREMAP_DONTUNMAP;
          length = bytes;
        }
        if (random_() % 8 == 0) bytes = 0;
        return {SYS_mremap, P(page), bytes, length, flags, P(random_() % (kArenaPages - 8))};
      }
      case 13:
        return {SYS_madvise, P(page), bytes,
                pick({MADV_DONTNEED, MADV_FREE, MADV_REMOVE, MADV_DONTFORK, MADV_DOFORK, MADV_WIPEONFORK,
                      MADV_KEEPONFORK, MADV_SEQUENTIAL, MADV_RANDOM, MADV_NORMAL, MADV_DONTDUMP, MADV_DODUMP})};
      case 14:
        return {SYS_msync, P(page), bytes, pick({0, MS_SYNC, MS_ASYNC, MS_SYNC | MS_INVALIDATE})};
      default:
        if (random_() % 2 == 0) return {SYS_munlock, P(page), bytes};
        return {SYS_mlock2, P(page), bytes, MLOCK_ONFAULT};
    }
  }

  std::mt19937 random_{static_cast<unsigned>(GetParam())};
};

TEST_P(MemoryNativeRandomTest, AgreesWithTheKernel) {
  auto& space = static_cast<FakeAddressSpace&>(memory_->address_space());
  std::string history;
  for (int step = 0; step < 1000; ++step) {
    Call call = Random();
    if (Disputed(call)) continue;
    // Sometimes the host keeps apart what is one mapping in the tree.
    if (step % 7 == 0) space.remap_faults = 3;
    history = call.Text() + "\n" + history.substr(0, 2000);
    Both(call);
    space.remap_faults = 0;
    if (!HasFatalFailure() && step % 20 == 0) {
      ComparePages();
      CompareHost();
    }
    if (HasFatalFailure()) {
      ADD_FAILURE() << "step " << step << ", latest call first:\n" << history;
      return;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, MemoryNativeRandomTest, testing::Range(1, 7));

}  // namespace
}  // namespace sentry
