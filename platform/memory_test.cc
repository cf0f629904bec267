// SPDX-License-Identifier: Apache-2.0
// Memory: mappings by the platform and by the guest itself, copies, donated files.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdio>
#include <thread>
#include <vector>

#include "platform/testing/platform_fixture.h"

namespace platform::testing {
namespace {

using AddressSpaceTest = AnyPlatformFixture;

INSTANTIATE_TEST_SUITE_P(Platform, AddressSpaceTest, AllPlatforms(), PlatformName);

constexpr uint64_t kArea = 0x10000000;

base::UniqueFd MemoryFile(const char* text, int mode) {
  int fd = memfd_create("test", MFD_CLOEXEC);
  EXPECT_EQ(write(fd, text, strlen(text)), static_cast<ssize_t>(strlen(text)));
  EXPECT_EQ(ftruncate(fd, 8192), 0);
  if (mode == O_RDWR) return base::UniqueFd(fd);
  char path[64];
  snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
  base::UniqueFd again(open(path, mode | O_CLOEXEC));
  close(fd);
  return again;
}

TEST_P(AddressSpaceTest, MappingsAreMadeChangedAndRemoved) {
  executor_->Call([&] {
    auto space = NewSpace();
    int both = PROT_READ | PROT_WRITE;
    ASSERT_TRUE(space->MapAnonymous(Range(kArea, 0x3000), both, false, false, nullptr).ok());
    Poke<uint64_t>(*space, kArea + 0x1000, 5);
    ASSERT_TRUE(space->Protect(Range(kArea + 0x1000, 0x1000), PROT_NONE, nullptr).ok());
    uint64_t value = 1;
    auto bytes = std::as_writable_bytes(std::span(&value, 1));
    EXPECT_FALSE(space->CopyIn(base::GuestAddr(kArea + 0x1000), bytes).ok());
    EXPECT_FALSE(space->CopyOut(base::GuestAddr(kArea + 0x1000), bytes).ok());
    ASSERT_TRUE(space->CopyIn(base::GuestAddr(kArea + 0x1000), bytes, true).ok());
    EXPECT_EQ(value, 5u);
    // A copy stops before the first byte that is not accessible.
    std::vector<std::byte> much(0x3000);
    auto got = space->CopyIn(base::GuestAddr(kArea), much);
    ASSERT_TRUE(got.ok());
    EXPECT_EQ(got.value(), 0x1000u);
    ASSERT_TRUE(space->Protect(Range(kArea + 0x1000, 0x1000), both, nullptr).ok());
    ASSERT_TRUE(space->Remap(Range(kArea, 0x3000), Range(kArea + 0x100000, 0x5000)).ok());
    EXPECT_EQ(Peek<uint64_t>(*space, kArea + 0x101000), 5u);
    ASSERT_TRUE(space->Advise(Range(kArea + 0x100000, 0x3000), MADV_DONTNEED, nullptr).ok());
    EXPECT_EQ(Peek<uint64_t>(*space, kArea + 0x101000), 0u);
    ASSERT_TRUE(space->Unmap(Range(kArea + 0x100000, 0x5000), nullptr).ok());
    EXPECT_FALSE(space->CopyIn(base::GuestAddr(kArea + 0x100000), bytes).ok());
    EXPECT_EQ(space->Advise(Range(kArea, 0x1000), MADV_MERGEABLE, nullptr).error().code(), EINVAL);
    EXPECT_EQ(space->Protect(Range(kArea, 0x1000), PROT_READ, nullptr).error().code(), ENOMEM);
  });
}

TEST_P(AddressSpaceTest, DonatedFilesAreMappedAsTheirModeAllows) {
  executor_->Call([&] {
    auto space = NewSpace();
    auto read_only = container_->Donate(MemoryFile("alpha", O_RDONLY), false);
    ASSERT_TRUE(read_only.ok());
    EXPECT_EQ(container_->Donate(MemoryFile("beta", O_RDWR), false).error().code(), EACCES);
    EXPECT_EQ(container_->Donate(MemoryFile("beta", O_RDONLY), true).error().code(), EACCES);
    base::UniqueFd shared_file = MemoryFile("gamma", O_RDWR);
    base::UniqueFd ours(dup(shared_file.get()));
    auto writable = container_->Donate(std::move(shared_file), true);
    ASSERT_TRUE(writable.ok());
    ASSERT_TRUE(space->MapFile(Range(kArea, 0x1000), PROT_READ, false, *read_only.value(), 0).ok());
    ASSERT_TRUE(space->MapFile(Range(kArea + 0x1000, 0x1000), PROT_READ | PROT_WRITE, true, *writable.value(), 0).ok());
    EXPECT_EQ(space->MapFile(Range(kArea + 0x2000, 0x1000), PROT_WRITE, true, *read_only.value(), 0).error().code(),
              EACCES);
    EXPECT_EQ(Peek<char>(*space, kArea), 'a');
    EXPECT_EQ(Peek<char>(*space, kArea + 0x1000), 'g');
    Poke<char>(*space, kArea + 0x1000, 'G');
    char text[6] = {};
    EXPECT_EQ(pread(ours.get(), text, 5, 0), 5);
    EXPECT_STREQ(text, "Gamma");
    // The mapping outlives the donation, and a fork sees it.
    read_only = container_->Donate(MemoryFile("delta", O_RDONLY), false);
    EXPECT_EQ(Peek<char>(*space, kArea), 'a');
    auto forked = space->Fork(StartAt(guest_exit), ExtendedState());
    ASSERT_TRUE(forked.ok());
    EXPECT_EQ(Peek<char>(*forked.value().space, kArea + 0x1000), 'G');
    // Also when the helper sleeps.
    for (int i = 0; i < 50; i++) {
      std::this_thread::sleep_for(std::chrono::milliseconds(i % 5));
      auto file = container_->Donate(MemoryFile("epsilon", O_RDONLY), false);
      ASSERT_TRUE(file.ok());
      ASSERT_TRUE(space->MapFile(Range(kArea, 0x1000), PROT_READ, false, *file.value(), 0).ok());
      EXPECT_EQ(Peek<char>(*space, kArea), 'e');
    }
  });
}

TEST_P(AddressSpaceTest, FilesThatAreDonatedAtOnceAreNotMixedUp) {
  executor_->Call([&] {
    auto space = NewSpace();
    std::vector<std::thread> fibers;
    for (uint64_t i = 0; i < 8; i++) {
      fibers.push_back(executor_->Spawn([&, i] {
        const char text[2] = {static_cast<char>('a' + i), 0};
        uint64_t place = kArea + i * 0x10000;
        for (int round = 0; round < 50; round++) {
          auto file = container_->Donate(MemoryFile(text, O_RDONLY), false);
          ASSERT_TRUE(file.ok()) << base::ErrnoName(file.error().code());
          ASSERT_TRUE(space->MapFile(Range(place, 0x1000), PROT_READ, false, *file.value(), 0).ok());
          ASSERT_EQ(Peek<char>(*space, place), text[0]);
        }
      }));
    }
    for (std::thread& fiber : fibers) fiber.join();
  });
}

TEST_P(AddressSpaceTest, TheGuestMakesVettedCallsItself) {
  executor_->Call([&] {
    auto space = NewSpace();
    ASSERT_TRUE(space->MapAnonymous(Range(kArea, 0x4000), PROT_READ | PROT_WRITE, false, false, nullptr).ok());
    Poke<uint64_t>(*space, kArea, 3);
    Registers r = StartAt(guest_call_then_wait);
    r.r12 = SYS_munmap;
    r.rdi = kArea;
    r.rsi = 0x2000;
    r.r13 = kData;
    auto thread = NewThread(*space, r);
    ASSERT_EQ(thread->Run().number, static_cast<uint32_t>(SYS_munmap));
    uint64_t continued = platform_->stats().continued_calls;
    ASSERT_TRUE(space->Unmap(Range(kArea, 0x2000), thread.get()).ok());
    thread->set_syscall(SyscallAction::kReturn, 0);
    std::thread fiber = executor_->Spawn([&] { EXPECT_EQ(RunToExit(*thread, Zero), 0u); });
    // Whoever needs the range waits until that call is over; the guest itself makes no other call meanwhile.
    ASSERT_TRUE(space->MapAnonymous(Range(kArea + 0x1000, 0x1000), PROT_READ | PROT_WRITE, false, false, nullptr).ok());
    Poke<uint64_t>(*space, kArea + 0x1000, 9);
    uint64_t value = 0;
    EXPECT_FALSE(space->CopyIn(base::GuestAddr(kArea), std::as_writable_bytes(std::span(&value, 1))).ok());
    Poke<uint32_t>(*space, kData, 1);
    fiber.join();
    EXPECT_EQ(Peek<uint64_t>(*space, kArea + 0x1000), 9u);
    // Where the platform has guests make calls at all.
    if (platform_->name() == "systrap") {
      EXPECT_EQ(platform_->stats().continued_calls, continued + 1);
    }
  });
}

TEST_P(AddressSpaceTest, APlannedCallIsMadeAllTheSameWhenRegistersAreAskedFor) {
  executor_->Call([&] {
    auto space = NewSpace();
    for (int round = 0; round < 3; round++) {
      Registers r = StartAt(guest_once);
      r.rax = SYS_mmap;
      r.rdi = kArea + static_cast<uint64_t>(round) * 0x10000;
      r.rsi = 0x2000;
      r.rdx = PROT_READ | PROT_WRITE;
      r.r10 = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
      auto thread = NewThread(*space, r);
      ASSERT_EQ(thread->Run().number, static_cast<uint32_t>(SYS_mmap));
      ASSERT_TRUE(space->MapAnonymous(Range(r.rdi, 0x2000), PROT_READ | PROT_WRITE, false, false, thread.get()).ok());
      thread->set_syscall(SyscallAction::kReturn, r.rdi);
      if (round == 1) {
        EXPECT_TRUE(thread->registers().ok());
        Poke<uint64_t>(*space, r.rdi, 1);
      }
      if (round == 2) {
        thread = nullptr;
      } else {
        EXPECT_EQ(RunToExit(*thread, Zero), r.rdi);
      }
      Poke<uint64_t>(*space, r.rdi, 1);
    }
  });
}

TEST_P(AddressSpaceTest, WordsAreExchangedAtomically) {
  executor_->Call([&] {
    auto space = NewSpace();
    Poke<uint32_t>(*space, kData, 7);
    auto exchange = [&](uint64_t address, uint32_t expected, uint32_t desired) {
      return space->CompareExchangeWord(base::GuestAddr(address), expected, desired);
    };
    EXPECT_EQ(exchange(kData, 7, 8).value(), 7u);
    EXPECT_EQ(exchange(kData, 7, 9).value(), 8u);
    EXPECT_EQ(Peek<uint32_t>(*space, kData), 8u);
    EXPECT_EQ(exchange(kData, 8, ~0U).value(), 8u);
    EXPECT_EQ(exchange(kData, ~0U, 0).value(), ~0U);
    // Not mapped, read-only, outside, misaligned; and the helper goes on.
    for (int i = 0; i < 3; i++) {
      EXPECT_EQ(exchange(kArea, 1, 2).error().code(), EFAULT);
      EXPECT_EQ(exchange(kCode, 1, 2).error().code(), EFAULT);
      EXPECT_EQ(exchange(0x7fff10000000, 1, 2).error().code(), EFAULT);
      EXPECT_EQ(exchange(kData + 2, 1, 2).error().code(), EINVAL);
      EXPECT_EQ(exchange(kData, 0, 0).value(), 0u);
    }
    EXPECT_EQ(space->LoadWord(base::GuestAddr(kArea)).error().code(), EFAULT);
  });
}

TEST_P(AddressSpaceTest, NamesAreShownByTheHost) {
  executor_->Call([&] {
    auto space = NewSpace();
    space->SetName("a-name-too-long-for-it");
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/comm", space->host_pid());
    WaitFor("the name to change", [&] {
      char text[32] = {};
      int fd = open(path, O_RDONLY | O_CLOEXEC);
      ssize_t got = read(fd, text, sizeof(text) - 1);
      close(fd);
      return got > 0 && strcmp(text, "a-name-too-long\n") == 0;
    });
    EXPECT_GT(space->resident_bytes(), 4096u);
  });
}

}  // namespace
}  // namespace platform::testing
