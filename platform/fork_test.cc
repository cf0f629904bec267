// SPDX-License-Identifier: Apache-2.0
// Threads, forks, fresh address spaces, deaths.
#include <dirent.h>
#include <immintrin.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "platform/testing/platform_fixture.h"

namespace platform::testing {
namespace {

using ForkTest = AnyPlatformFixture;

INSTANTIATE_TEST_SUITE_P(Platform, ForkTest, AllPlatforms(), PlatformName);

int OpenDescriptors() {
  int count = 0;
  DIR* directory = opendir("/proc/self/fd");
  while (readdir(directory) != nullptr) count++;
  closedir(directory);
  return count;
}

TEST_P(ForkTest, ForkKeepsMemoryRegistersAndFloatingPointState) {
  executor_->Call([&] {
    auto space = NewSpace();
    Poke<uint64_t>(*space, kData, 1);
    Registers r = StartAt(guest_floating);
    r.rax = SYS_fork;
    r.r12 = SYS_getppid;
    r.rdi = 0x1234567890abcdef;
    r.rsi = 0xfedcba0987654321;
    auto parent = NewThread(*space, r);
    Event event = parent->Run();
    ASSERT_EQ(event.number, static_cast<uint32_t>(SYS_fork));
    auto registers = parent->registers();
    ASSERT_TRUE(registers.ok());
    auto state = parent->extended_state();
    ASSERT_TRUE(state.ok());
    EXPECT_EQ(state.value()->size(), platform_->extended_state_size());
    Registers for_child = *registers.value();
    for_child.rax = 0;
    auto forked = space->Fork(for_child, *state.value());
    ASSERT_TRUE(forked.ok());
    auto [child_space, child] = std::move(forked).value();
    EXPECT_NE(child_space->host_pid(), space->host_pid());
    parent->set_syscall(SyscallAction::kReturn, 77);
    // Both go on, in any order; memory is no longer shared.
    Poke<uint64_t>(*space, kData, 2);
    EXPECT_EQ(Peek<uint64_t>(*child_space, kData), 1u);
    event = child->Run();
    ASSERT_EQ(event.kind, Event::Kind::kSyscall);
    EXPECT_EQ(event.number, static_cast<uint32_t>(SYS_getppid));
    EXPECT_EQ(event.arguments[0], 0u);
    child->set_syscall(SyscallAction::kReturn, 0);
    EXPECT_EQ(RunToExit(*child, Zero), 0u);
    event = parent->Run();
    EXPECT_EQ(event.number, static_cast<uint32_t>(SYS_getppid));
    EXPECT_EQ(event.arguments[0], 77u);
    parent->set_syscall(SyscallAction::kReturn, 0);
    EXPECT_EQ(RunToExit(*parent, Zero), 0u);
  });
}

TEST_P(ForkTest, ExtendedStateIsChangedByTheFrame) {
  executor_->Call([&] {
    auto space = NewSpace();
    Registers r = StartAt(guest_floating);
    r.rax = SYS_getppid;
    r.rdi = 1;
    r.rsi = 2;
    auto thread = NewThread(*space, r);
    ASSERT_EQ(thread->Run().kind, Event::Kind::kSyscall);
    auto state = thread->extended_state();
    ASSERT_TRUE(state.ok());
    // xmm0 lies at 160 of the legacy area.
    uint64_t xmm0 = 0;
    memcpy(&xmm0, state.value()->data() + 160, sizeof(xmm0));
    EXPECT_EQ(xmm0, 1u);
    xmm0 = 5;
    memcpy(state.value()->data() + 160, &xmm0, sizeof(xmm0));
    // What would make the host's restore fail is repaired.
    memset(state.value()->data() + 24, 0xff, 4);
    memset(state.value()->data() + 512 + 8, 0xff, 56);
    thread->set_syscall(SyscallAction::kReturn, 0);
    EXPECT_EQ(RunToExit(*thread, Zero), 4u);  // The difference.
  });
}

TEST_P(ForkTest, ThreadsShareMemory) {
  executor_->Call([&] {
    auto space = NewSpace();
    Registers r = StartAt(guest_wait_word);
    r.rdi = kData;
    auto waiter = NewThread(*space, r);
    std::thread fiber = executor_->Spawn([&] { EXPECT_EQ(RunToExit(*waiter, Zero), 8u); });
    Poke<uint32_t>(*space, kData, 8);
    fiber.join();
  });
}

TEST_P(ForkTest, ManyThreadsAtOnce) {
  executor_->Call([&] {
    auto space = NewSpace();
    std::vector<std::unique_ptr<GuestThread>> threads;
    std::vector<std::thread> fibers;
    for (int i = 0; i < 100; i++) {
      Registers r = StartAt(guest_loop);
      r.r12 = i % 2 == 0 ? SYS_getppid : SYS_execve;
      r.rbx = 50;
      threads.push_back(NewThread(*space, r));
      ASSERT_NE(threads.back(), nullptr);
    }
    for (int i = 0; i < 100; i++) {
      fibers.push_back(executor_->Spawn([&, i] {
        EXPECT_EQ(RunToExit(*threads[i], [i](const Event&) { return static_cast<uint64_t>(i); }),
                  static_cast<uint64_t>(i));
        threads[i] = nullptr;
      }));
    }
    for (std::thread& fiber : fibers) fiber.join();
  });
}

TEST_P(ForkTest, ForksAndThreadsInARowLeakNothing) {
  executor_->Call([&] {
    auto space = NewSpace();
    auto work = [&](int count) {
      for (int i = 0; i < count; i++) {
        Registers r = StartAt(guest_once);
        r.rax = SYS_getppid;
        auto forked = space->Fork(r, ExtendedState());
        ASSERT_TRUE(forked.ok());
        EXPECT_EQ(RunToExit(*forked.value().thread, Zero), 0u);
        auto thread = NewThread(*space, r);
        ASSERT_NE(thread, nullptr);
        EXPECT_EQ(RunToExit(*thread, Zero), 0u);
      }
    };
    work(100);
    WaitFor("children to be reaped", [&] { return platform_->stats().live_stubs <= 4; });
    int descriptors = OpenDescriptors();
    int64_t begin = base::MonotonicNow();
    work(2000);
    printf("fork and thread: %ld us\n", (base::MonotonicNow() - begin) / 2000 / 1000);
    WaitFor("children to be reaped", [&] { return platform_->stats().live_stubs <= 4; });
    EXPECT_EQ(OpenDescriptors(), descriptors);
    // The threads that are retired and not looked at again yet.
    EXPECT_LE(platform_->stats().live_threads, 20u);
  });
}

TEST_P(ForkTest, FreshAddressSpacesAreEmpty) {
  executor_->Call([&] {
    auto space = NewSpace();
    for (int i = 0; i < 20; i++) {
      auto fresh = container_->NewAddressSpace();
      ASSERT_TRUE(fresh.ok());
      std::byte byte{};
      EXPECT_FALSE(fresh.value()->CopyIn(base::GuestAddr(kData), std::span(&byte, 1)).ok());
      EXPECT_FALSE(fresh.value()->CopyIn(base::GuestAddr(kCode), std::span(&byte, 1), true).ok());
    }
  });
}

TEST_P(ForkTest, AKilledStubEndsEveryThread) {
  executor_->Call([&] {
    auto space = NewSpace();
    Registers r = StartAt(guest_spin);
    r.rdi = kData;
    auto spinning = NewThread(*space, r);
    r = StartAt(guest_once);
    r.rax = SYS_getppid;
    auto calling = NewThread(*space, r);
    ASSERT_EQ(calling->Run().kind, Event::Kind::kSyscall);
    std::thread fiber = executor_->Spawn([&] { EXPECT_EQ(spinning->Run().kind, Event::Kind::kGone); });
    WaitFor("the guest to spin", [&] { return Peek<uint64_t>(*space, kData) > 1000; });
    kill(space->host_pid(), SIGKILL);
    fiber.join();
    calling->set_syscall(SyscallAction::kReturn, 0);
    EXPECT_EQ(calling->Run().kind, Event::Kind::kGone);
    EXPECT_FALSE(calling->registers().ok());
    EXPECT_FALSE(space->MapAnonymous(Range(0x600000, 4096), PROT_READ, false, false, nullptr).ok());
    EXPECT_FALSE(space->NewThread(r, ExtendedState()).ok());
    EXPECT_FALSE(space->Fork(r, ExtendedState()).ok());
    std::byte byte{};
    EXPECT_FALSE(space->CopyIn(base::GuestAddr(kData), std::span(&byte, 1)).ok());
    EXPECT_EQ(space->host_pid(), 0);
  });
}

TEST_P(ForkTest, StubsKilledAtAnyMomentHangNobody) {
  executor_->Call([&] {
    for (int i = 0; i < 100; i++) {
      auto space = NewSpace();
      Registers r = StartAt(guest_loop);
      r.r12 = i % 2 == 0 ? SYS_getppid : SYS_execve;
      r.rbx = 1000000;
      auto calling = NewThread(*space, r);
      std::atomic<bool> stop{false};
      std::thread fiber = executor_->Spawn([&] { EXPECT_EQ(RunToExit(*calling, Zero), std::nullopt); });
      std::thread forking = executor_->Spawn([&] {
        while (!stop) {
          Registers once = StartAt(guest_once);
          once.rax = SYS_getppid;
          auto forked = space->Fork(once, ExtendedState());
          if (!forked.ok()) break;
          RunToExit(*forked.value().thread, Zero);
        }
      });
      std::this_thread::sleep_for(std::chrono::microseconds(rand() % 5000));
      space->Kill();
      fiber.join();
      forking.join();
      stop = true;
    }
  });
}

TEST_P(ForkTest, AContainerEndsWithItsZygote) {
  executor_->Call([&] {
    auto spinning_space = NewSpace();
    Registers r = StartAt(guest_spin);
    r.rdi = kData;
    auto spinning = NewThread(*spinning_space, r);
    std::thread fiber = executor_->Spawn([&] { EXPECT_EQ(spinning->Run().kind, Event::Kind::kGone); });
    auto space = NewSpace();
    r = StartAt(guest_once);
    r.rax = SYS_getppid;
    auto thread = NewThread(*space, r);
    ASSERT_EQ(thread->Run().kind, Event::Kind::kSyscall);
    // The zygote leads the process group of its stubs.
    EXPECT_EQ(kill(getpgid(thread->host_tid()), SIGKILL), 0);
    fiber.join();
    thread->set_syscall(SyscallAction::kReturn, 0);
    EXPECT_EQ(RunToExit(*thread, Zero), std::nullopt);
    EXPECT_FALSE(container_->NewAddressSpace().ok());
  });
}

}  // namespace
}  // namespace platform::testing
