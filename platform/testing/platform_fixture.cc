// SPDX-License-Identifier: Apache-2.0
#include "platform/testing/platform_fixture.h"

#include <sys/mman.h>
#include <sys/syscall.h>

#include <chrono>
#include <thread>

#include "platform/ptrace/ptrace.h"
#include "platform/systrap/systrap.h"

namespace platform::testing {

base::Result<std::unique_ptr<Platform>> PreparePlatform(const std::string& name) {
  if (name == "ptrace") return std::unique_ptr<Platform>(TRY(ptrace::Ptrace::Prepare({})));
  return std::unique_ptr<Platform>(TRY(systrap::Systrap::Prepare({})));
}

void PlatformFixture::SetUp() {
  auto prepared = MakePlatform();
  ASSERT_TRUE(prepared.ok()) << base::ErrnoName(prepared.error().code());
  platform_ = std::move(prepared).value();
  executor_ = std::make_unique<ThreadExecutor>();
  ASSERT_TRUE(platform_->Start(*executor_).ok());
  executor_->Serve(platform_->receivers());
  auto container = platform_->NewContainer();
  ASSERT_TRUE(container.ok());
  container_ = std::move(container).value();
}

void PlatformFixture::TearDown() {
  if (container_ != nullptr) {
    container_ = nullptr;
    WaitFor("all stubs to be gone", [&] { return platform_->stats().live_stubs == 0; });
  }
  if (executor_ != nullptr) executor_->Stop();
  platform_ = nullptr;
}

Registers PlatformFixture::StartAt(const char* label) {
  Registers registers{};
  registers.rip = At(label);
  registers.cs = 0x33;
  registers.ss = 0x2b;
  registers.rflags = 0x202;
  registers.rsp = kData + kDataSize;
  return registers;
}

base::RefPtr<AddressSpace> PlatformFixture::NewSpace() {
  auto space = container_->NewAddressSpace();
  EXPECT_TRUE(space.ok());
  if (!space.ok()) return nullptr;
  base::RefPtr<AddressSpace> result = std::move(space).value();
  AddressSpace::Operation operations[2]{};
  operations[0].range = Range(kCode, 4096);
  operations[0].protection = PROT_READ | PROT_EXEC;
  operations[1].range = Range(kData, kDataSize);
  operations[1].protection = PROT_READ | PROT_WRITE;
  EXPECT_TRUE(result->Apply(operations).ok());
  auto written = result->CopyOut(
      base::GuestAddr(kCode),
      std::as_bytes(std::span(guest_code_begin, static_cast<size_t>(guest_code_end - guest_code_begin))), true);
  EXPECT_TRUE(written.ok());
  return result;
}

std::unique_ptr<GuestThread> PlatformFixture::NewThread(AddressSpace& space, const Registers& registers) {
  auto thread = space.NewThread(registers, ExtendedState());
  EXPECT_TRUE(thread.ok());
  return thread.ok() ? std::move(thread).value() : nullptr;
}

std::optional<uint64_t> PlatformFixture::RunToExit(GuestThread& thread, const Answer& answer) {
  for (;;) {
    Event event = thread.Run();
    if (event.kind == Event::Kind::kInterrupt) continue;
    if (event.kind != Event::Kind::kSyscall) return std::nullopt;
    if (event.number == SYS_exit) return event.arguments[0];
    thread.set_syscall(SyscallAction::kReturn, answer(event));
  }
}

void PlatformFixture::WaitFor(const char* what, const std::function<bool()>& condition) {
  for (int i = 0; i < 10000; i++) {
    if (condition()) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  ADD_FAILURE() << "waited in vain for " << what;
}

}  // namespace platform::testing
