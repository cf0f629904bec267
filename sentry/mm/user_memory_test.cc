// SPDX-License-Identifier: Apache-2.0
#include "sentry/mm/user_memory.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string>

#include "sentry/mm/guest_io_sequence.h"
#include "sentry/mm/layout.h"
#include "sentry/mm/testing/fake_platform.h"

namespace sentry {
namespace {

using base::GuestAddr;
using base::GuestRange;
using base::kPageSize;
using base::abi::Iovec;
using base::abi::Timespec;

// Copying out needs a type without padding; copying in one for which any bytes will do.
struct Padded {
  char a;
  int b;
};
static_assert(!GuestWritable<Padded> && GuestReadable<Padded>);
static_assert(!GuestReadable<int*> && !GuestReadable<bool> && !GuestReadable<std::string>);
static_assert(GuestWritable<Timespec> && GuestWritable<Iovec> && GuestWritable<uint32_t>);
template <typename T>
concept RawReadable = requires(T in, vfs::UserMemory& memory) {
  in.Read(memory);
};
static_assert(!RawReadable<UserIn<Timespec>> && !RawReadable<UserIn<Iovec>> && RawReadable<UserIn<int>>);

// Two readable and writable pages, a read-only one behind them, then nothing.
class UserMemoryTest : public testing::Test {
 protected:
  static constexpr GuestAddr kBase{0x100000};
  static constexpr GuestAddr kMax{0x7ffe00000000};

  UserMemoryTest() : space_(base::MakeRef<FakeAddressSpace>()), memory_(*space_, kMax) {
    MUST(space_->MapAnonymous({kBase, kBase + 2 * kPageSize}, PROT_READ | PROT_WRITE, false, false, nullptr));
    MUST(space_->MapAnonymous({kBase + 2 * kPageSize, kBase + 3 * kPageSize}, PROT_READ, false, false, nullptr));
    // The last guest page is mapped, and so is what lies behind: the platform's own, never to be touched.
    MUST(space_->MapAnonymous({GuestAddr(kMax.value() - kPageSize), kMax + kPageSize}, PROT_READ | PROT_WRITE, false,
                              false, nullptr));
  }

  void Put(GuestAddr address, std::string_view text) { MUST(memory_.CopyOut(address, std::as_bytes(std::span(text)))); }

  base::RefPtr<FakeAddressSpace> space_;
  GuestMemory memory_;
};

TEST_F(UserMemoryTest, ReadsAndWritesValues) {
  UserOut<uint32_t> out(kBase + 4);
  ASSERT_TRUE(out.Write(memory_, 7).ok());
  ASSERT_TRUE(out.Write(memory_, 8, 1).ok());
  EXPECT_EQ(MUST(UserIn<uint32_t>(kBase + 4).Read(memory_)), 7u);
  EXPECT_EQ(MUST(UserIn<uint32_t>(kBase + 4).Read(memory_, 1)), 8u);
}

TEST_F(UserMemoryTest, FaultsAtTheBorders) {
  const GuestAddr end = kBase + 3 * kPageSize;
  EXPECT_TRUE(UserIn<uint32_t>(GuestAddr(end.value() - 4)).Read(memory_).ok());
  EXPECT_EQ(UserIn<uint32_t>(GuestAddr(end.value() - 3)).Read(memory_).error().code(), EFAULT);
  EXPECT_EQ(UserIn<uint32_t>(end).Read(memory_).error().code(), EFAULT);
  EXPECT_EQ(UserIn<uint32_t>(GuestAddr(0)).Read(memory_).error().code(), EFAULT);
  EXPECT_EQ(UserIn<uint32_t>(GuestAddr(UINT64_MAX)).Read(memory_).error().code(), EFAULT);
  EXPECT_EQ(UserIn<uint32_t>(GuestAddr(8)).Read(memory_, UINT64_MAX / 4).error().code(), EFAULT);
  const GuestAddr readonly = kBase + 2 * kPageSize;
  EXPECT_TRUE(UserIn<uint32_t>(readonly).Read(memory_).ok());
  EXPECT_EQ(UserOut<uint32_t>(readonly).Write(memory_, 1).error().code(), EFAULT);
  EXPECT_EQ(UserOut<uint32_t>(GuestAddr(readonly.value() - 2)).Write(memory_, 1).error().code(), EFAULT);
}

TEST_F(UserMemoryTest, NeverTouchesThePlatformsRegion) {
  std::array<std::byte, 16> bytes{};
  EXPECT_TRUE(memory_.CopyIn(GuestAddr(kMax.value() - 16), bytes).ok());
  EXPECT_EQ(memory_.CopyIn(GuestAddr(kMax.value() - 8), bytes).error().code(), EFAULT);
  EXPECT_EQ(MUST(memory_.CopyInSome(GuestAddr(kMax.value() - 8), bytes)), 8u);
  EXPECT_EQ(memory_.CopyIn(kMax, bytes).error().code(), EFAULT);
  EXPECT_EQ(memory_.CopyOut(kMax, bytes).error().code(), EFAULT);
  EXPECT_EQ(memory_.CopyOut(kMax + 64, bytes).error().code(), EFAULT);
}

TEST_F(UserMemoryTest, ReadsStrings) {
  Put(kBase, std::string("hello\0", 6));
  EXPECT_EQ(MUST(UserCString(kBase).ReadPath(memory_)), "hello");
  // Across a page border, longer than a chunk.
  std::string text(3000, 'x');
  Put(kBase + 2000, text + '\0');
  EXPECT_EQ(MUST(UserCString(kBase + 2000).ReadPath(memory_)), text);
  EXPECT_EQ(MUST(UserCString(kBase + 2000).Read(memory_, 3001)), text);
  EXPECT_EQ(UserCString(kBase + 2000).Read(memory_, 3000).error().code(), ENAMETOOLONG);
  EXPECT_EQ(UserCString(kBase + 3 * kPageSize).ReadPath(memory_).error().code(), EFAULT);
}

TEST_F(UserMemoryTest, StringWithoutEndFaultsAtTheEndOfMemory) {
  MUST(space_->MapAnonymous({kBase, kBase + kPageSize}, PROT_READ | PROT_WRITE, false, false, nullptr));
  MUST(space_->Unmap({kBase + kPageSize, kBase + 3 * kPageSize}, nullptr));
  Put(kBase + (kPageSize - 3), "abc");
  EXPECT_EQ(UserCString(kBase + (kPageSize - 3)).ReadPath(memory_).error().code(), EFAULT);
  Put(kBase + (kPageSize - 3), std::string("ab\0", 3));
  EXPECT_EQ(MUST(UserCString(kBase + (kPageSize - 3)).ReadPath(memory_)), "ab");
}

TEST_F(UserMemoryTest, ChecksTimes) {
  struct Case {
    Timespec time;
    int64_t expected;  // Negative: errno.
  };
  const Case cases[] = {{{0, 0}, 0},
                        {{1, 999'999'999}, 1'999'999'999},
                        {{-1, 0}, -EINVAL},
                        {{0, -1}, -EINVAL},
                        {{0, 1'000'000'000}, -EINVAL},
                        {{INT64_MAX, 0}, INT64_MAX},
                        {{9'223'372'036, 854'775'807}, INT64_MAX},
                        {{9'223'372'036, 854'775'808}, INT64_MAX}};
  for (const Case& c : cases) {
    MUST(UserOut<Timespec>(kBase).Write(memory_, c.time));
    base::Result<int64_t> read = ReadTimespec(memory_, UserIn<Timespec>(kBase));
    EXPECT_EQ(read.ok() ? *read : -read.error().code(), c.expected) << c.time.seconds << " " << c.time.nanoseconds;
  }
  EXPECT_EQ(ReadTimespec(memory_, UserIn<Timespec>(GuestAddr(8))).error().code(), EFAULT);
}

TEST_F(UserMemoryTest, SequenceWalksSegments) {
  const std::array<Iovec, 4> vector{{{kBase.value() + 100, 3}, {0, 0}, {kBase.value() + 200, 5}, {1, 0}}};
  MUST(UserOut<Iovec>(kBase).WriteArray(memory_, vector));
  GuestIoSequence to = MUST(GuestIoSequence::Create(memory_, UserIn<Iovec>(kBase), 4));
  EXPECT_EQ(to.remaining(), 8u);
  EXPECT_EQ(MUST(to.CopyOut(std::as_bytes(std::span("abcd", 4)))), 4u);
  EXPECT_EQ(MUST(to.CopyOut(std::as_bytes(std::span("efghijkl", 8)))), 4u);
  EXPECT_EQ(to.remaining(), 0u);
  EXPECT_EQ(MUST(to.CopyOut(std::as_bytes(std::span("x", 1)))), 0u);

  GuestIoSequence from = MUST(GuestIoSequence::Create(memory_, UserIn<Iovec>(kBase), 3));
  from.Truncate(6);
  std::array<char, 16> read{};
  EXPECT_EQ(MUST(from.CopyIn(std::as_writable_bytes(std::span(read)))), 6u);
  EXPECT_STREQ(read.data(), "abcdef");
}

TEST_F(UserMemoryTest, SequenceStopsAtTheFirstInaccessibleByte) {
  GuestIoSequence to = MUST(GuestIoSequence::Create(memory_, UserSpan{kBase + (2 * kPageSize - 2), 10}));
  EXPECT_EQ(MUST(to.CopyOut(std::as_bytes(std::span("abcdef", 6)))), 2u);
  EXPECT_EQ(to.CopyOut(std::as_bytes(std::span("cdef", 4))).error().code(), EFAULT);
  EXPECT_EQ(to.remaining(), 8u);
}

TEST_F(UserMemoryTest, SequenceChecksInLinuxsOrder) {
  auto make = [&](std::initializer_list<Iovec> segments) {
    MUST(UserOut<Iovec>(kBase).WriteArray(memory_, std::span(segments.begin(), segments.size())));
    auto made = GuestIoSequence::Create(memory_, UserIn<Iovec>(kBase), segments.size());
    return made.ok() ? static_cast<int64_t>(made->remaining()) : -made.error().code();
  };
  const uint64_t base = kBase.value();
  EXPECT_EQ(make({{base, uint64_t{1} << 63}}), -EINVAL);
  EXPECT_EQ(make({{uint64_t{1} << 63, 8}, {base, UINT64_MAX}}), -EINVAL);  // Lengths come first.
  EXPECT_EQ(make({{uint64_t{1} << 63, 8}}), -EFAULT);
  EXPECT_EQ(make({{kTaskSize - 8, 9}}), -EFAULT);
  EXPECT_EQ(make({{kTaskSize - 8, 8}}), 8);
  EXPECT_EQ(make({{base, 0x7fffffff}}), 0x7ffff000);
  EXPECT_EQ(make({{base, 0x7fffe000}, {base, 0x2000}, {base, 5}}), 0x7ffff000);
  EXPECT_EQ(GuestIoSequence::Create(memory_, UserIn<Iovec>(kBase), 1025).error().code(), EINVAL);
  EXPECT_EQ(GuestIoSequence::Create(memory_, UserIn<Iovec>(GuestAddr(8)), 1).error().code(), EFAULT);
  EXPECT_EQ(MUST(GuestIoSequence::Create(memory_, UserIn<Iovec>(GuestAddr(8)), 0)).remaining(), 0u);
}

}  // namespace
}  // namespace sentry
