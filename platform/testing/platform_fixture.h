// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "platform/platform.h"
#include "platform/testing/thread_executor.h"

extern "C" {
extern const char guest_code_begin[], guest_code_end[], guest_loop[], guest_exit[], guest_once[], guest_spin[],
    guest_spin_call[], guest_load[], guest_undefined[], guest_breakpoint[], guest_divide[], guest_int80[],
    guest_floating[], guest_wait_word[], guest_call_then_wait[], guest_jump[], guest_call_function[], guest_fs[],
    guest_hot[], guest_hot_site_end[], guest_forge[], guest_echo[], guest_echo_write_end[], guest_echo_read_end[],
    guest_hot_any[], guest_hot_any_end[], guest_forge_site_end[], guest_stat[], guest_stat_end[];
}

namespace platform::testing {

// A running platform with one container, and address spaces that hold the guest code and some data pages.
class PlatformFixture : public ::testing::Test {
 public:
  static constexpr uint64_t kCode = 0x400000;
  static constexpr uint64_t kData = 0x500000;
  static constexpr uint64_t kDataSize = 0x10000;

  // Prepares the platform.
  virtual base::Result<std::unique_ptr<Platform>> MakePlatform() = 0;
  void SetUp() override;
  void TearDown() override;

  // The address of a label of the guest code.
  static uint64_t At(const char* label) { return kCode + static_cast<uint64_t>(label - guest_code_begin); }
  // Registers that start there.
  static Registers StartAt(const char* label);

  // A fresh address space with code and data. On a fiber.
  base::RefPtr<AddressSpace> NewSpace();
  static std::unique_ptr<GuestThread> NewThread(AddressSpace& space, const Registers& registers);

  // Runs the thread to its exit call, answering every other call with `answer`. On a fiber. The status it exits with;
  // nothing when it ended otherwise.
  using Answer = std::function<uint64_t(const Event&)>;
  static std::optional<uint64_t> RunToExit(GuestThread& thread, const Answer& answer);
  static uint64_t Zero(const Event&) { return 0; }

  template <typename T>
  static T Peek(AddressSpace& space, uint64_t address) {
    T value{};
    auto got = space.CopyIn(base::GuestAddr(address), std::as_writable_bytes(std::span(&value, 1)));
    EXPECT_TRUE(got.ok() && got.value() == sizeof(T));
    return value;
  }
  template <typename T>
  static void Poke(AddressSpace& space, uint64_t address, T value) {
    auto put = space.CopyOut(base::GuestAddr(address), std::as_bytes(std::span(&value, 1)));
    EXPECT_TRUE(put.ok() && put.value() == sizeof(T));
  }
  static base::GuestRange Range(uint64_t begin, uint64_t length) {
    return {base::GuestAddr(begin), base::GuestAddr(begin + length)};
  }
  // Waits, polling, until the condition holds; fails the test after ten seconds.
  static void WaitFor(const char* what, const std::function<bool()>& condition);

 protected:
  std::unique_ptr<Platform> platform_;
  std::unique_ptr<ThreadExecutor> executor_;
  std::unique_ptr<Container> container_;
};

// By its name: systrap or ptrace.
base::Result<std::unique_ptr<Platform>> PreparePlatform(const std::string& name);

// For tests of the interface, which run on every platform: the parameter is its name. Instantiate with
// AllPlatforms().
class AnyPlatformFixture : public PlatformFixture, public ::testing::WithParamInterface<std::string> {
 public:
  base::Result<std::unique_ptr<Platform>> MakePlatform() override { return PreparePlatform(GetParam()); }
};

inline auto AllPlatforms() { return ::testing::Values("systrap", "ptrace"); }
inline std::string PlatformName(const ::testing::TestParamInfo<std::string>& info) { return info.param; }

}  // namespace platform::testing
