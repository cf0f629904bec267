// SPDX-License-Identifier: Apache-2.0
#include "sentry/loader/arguments.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cerrno>
#include <string>
#include <vector>

#include "sentry/mm/testing/fake_platform.h"

namespace sentry {
namespace {

using base::GuestAddr;
using base::kPageSize;

class ArgumentsTest : public testing::Test {
 protected:
  ArgumentsTest() : space_(base::MakeRef<FakeAddressSpace>()), memory_(*space_, GuestAddr(0x7ffe00000000)) {
    MUST(space_->MapAnonymous({kBase, kBase + kSize}, PROT_READ | PROT_WRITE, false, false, nullptr));
  }
  GuestAddr PutString(uint64_t offset, std::string_view text) {
    MUST(memory_.CopyOut(kBase + offset, std::as_bytes(std::span(text))));
    MUST(memory_.Clear(kBase + (offset + text.size()), 1));
    return kBase + offset;
  }
  base::Result<ArgumentBlock> Read(const std::vector<uint64_t>& pointers, uint64_t space = 1 << 20) {
    MUST(UserOut<uint64_t>(kBase).WriteArray(memory_, pointers));
    space_left_ = space;
    return ReadArguments(memory_, UserIn<uint64_t>(kBase), space_left_);
  }

  static constexpr GuestAddr kBase{0x100000};
  static constexpr uint64_t kSize = 64 * kPageSize;
  base::RefPtr<FakeAddressSpace> space_;
  GuestMemory memory_;
  uint64_t space_left_ = 0;
};

TEST_F(ArgumentsTest, ReadsStrings) {
  std::string longer(20000, 'l');
  uint64_t one = PutString(0x8000, "one").value(), empty = PutString(0x7000, "").value();
  uint64_t big = PutString(0x8004, longer).value();
  ArgumentBlock block = MUST(Read({one, empty, big, one, 0}));
  EXPECT_EQ(block.count(), 4u);
  EXPECT_EQ(block.bytes(), std::string("one\0\0", 5) + longer + '\0' + std::string("one\0", 4));
  EXPECT_EQ(space_left_, (1u << 20) - 4 * 8 - block.bytes().size());
  EXPECT_EQ(block.first(), "one");
}

TEST_F(ArgumentsTest, ReadsManyPointers) {
  std::vector<uint64_t> pointers(1000, PutString(0x8000, "x").value());
  pointers.push_back(0);
  EXPECT_EQ(MUST(Read(pointers)).count(), 1000u);
  uint64_t space = 100;
  EXPECT_EQ(MUST(ReadArguments(memory_, UserIn<uint64_t>(GuestAddr(0)), space)).count(), 0u);
}

TEST_F(ArgumentsTest, Fails) {
  EXPECT_EQ(Read({8, 0}).error().code(), EFAULT);
  // An array that runs into nothing.
  uint64_t x = PutString(0x100, "x").value();
  MUST(UserOut<uint64_t>(kBase + (kSize - 8)).Write(memory_, x));
  uint64_t space = 1 << 20;
  EXPECT_EQ(ReadArguments(memory_, UserIn<uint64_t>(kBase + (kSize - 8)), space).error().code(), EFAULT);
  // A string that does.
  MUST(memory_.CopyOut(kBase + (kSize - 4), std::as_bytes(std::span("abcd", 4))));
  EXPECT_EQ(Read({kBase.value() + kSize - 4, 0}).error().code(), EFAULT);
  // 128 KiB with the null is the most.
  PutString(0x8000, std::string(131071, 'x'));
  EXPECT_TRUE(Read({kBase.value() + 0x8000, 0}).ok());
  PutString(0x8000, std::string(131072, 'x'));
  EXPECT_EQ(Read({kBase.value() + 0x8000, 0}).error().code(), E2BIG);
  EXPECT_EQ(Read({x, x, 0}, 17).error().code(), E2BIG);
  EXPECT_TRUE(Read({x, x, 0}, 20).ok());
}

TEST_F(ArgumentsTest, ReplacesTheFirst) {
  ArgumentBlock block, front;
  block.Append("a");
  block.Append("b");
  front.Append("x");
  front.Append("");
  front.Append("z");
  block.ReplaceFirst(front);
  EXPECT_EQ(block.count(), 4u);
  EXPECT_EQ(block.bytes(), std::string("x\0\0z\0b\0", 7));
}

}  // namespace
}  // namespace sentry
