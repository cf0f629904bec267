// SPDX-License-Identifier: Apache-2.0
#include "platform/systrap/call_window.h"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace platform::systrap {
namespace {

constexpr base::GuestAddr kBuffer{0x1000};

std::span<const std::byte> Bytes(std::string_view text) { return std::as_bytes(std::span(text)); }

class CallWindowTest : public testing::Test {
 protected:
  // The text came along from `address`, and there is room at `out`.
  void Open(base::GuestAddr address, std::string_view text, base::GuestAddr out, size_t room) {
    memcpy(slot_.data(), text.data(), text.size());
    window_.Open(slot_, address, text.size(), out, room);
  }
  std::string Close() {
    CallWindow::Written written = window_.Close();
    return std::string(reinterpret_cast<const char*>(written.bytes.data()), written.bytes.size());
  }
  CallWindow window_;
  std::array<std::byte, 100> slot_;
};

TEST_F(CallWindowTest, ServesReadsInsideWhatCameAlong) {
  std::array<char, 3> to{};
  auto read = [&](uint64_t at, size_t size) {
    return window_.Read(base::GuestAddr(at), std::as_writable_bytes(std::span(to)).first(size));
  };
  EXPECT_FALSE(read(0x1000, 1));
  Open(kBuffer, "abcd", {}, 0);
  EXPECT_TRUE(read(0x1001, 3));
  EXPECT_EQ(std::string_view(to.data(), 3), "bcd");
  EXPECT_FALSE(read(0x1002, 3));
  EXPECT_FALSE(read(0xfff, 2));
  EXPECT_FALSE(read(UINT64_MAX, 1));
  EXPECT_FALSE(window_.Write(base::GuestAddr(0x1003), Bytes("x")));
  EXPECT_FALSE(read(0x1001, 3));  // They are no longer what is there.
  EXPECT_EQ(Close(), "");
  Open(kBuffer, "abcd", {}, 0);
  EXPECT_EQ(Close(), "");
  EXPECT_FALSE(read(0x1001, 3));
}

TEST_F(CallWindowTest, ServesStringsThatEndInside) {
  std::array<char, 100> to{};
  EXPECT_EQ(window_.ReadString(kBuffer, to), 0u);
  Open(kBuffer, std::string_view("ab\0cd", 5), {}, 0);
  EXPECT_EQ(window_.ReadString(kBuffer, to), 3u);
  EXPECT_EQ(std::string_view(to.data(), 3), std::string_view("ab\0", 3));
  EXPECT_EQ(window_.ReadString(kBuffer + 2, to), 1u);
  EXPECT_EQ(window_.ReadString(kBuffer + 3, to), 0u);
  EXPECT_EQ(window_.ReadString(kBuffer + 5, to), 0u);
  EXPECT_EQ(window_.ReadString(kBuffer, std::span(to).first(2)), 0u);
  EXPECT_EQ(Close(), "");
}

TEST_F(CallWindowTest, TakesWritesInOrderUpToItsRoom) {
  EXPECT_FALSE(window_.Write(kBuffer, Bytes("ab")));
  Open({}, "", kBuffer, 4);
  EXPECT_FALSE(window_.Covers(kBuffer, 4));
  EXPECT_FALSE(window_.Write(kBuffer + 1, Bytes("b")));
  EXPECT_TRUE(window_.Write(kBuffer, Bytes("ab")));
  EXPECT_TRUE(window_.Write(kBuffer + 2, Bytes("cd")));
  EXPECT_FALSE(window_.Write(kBuffer + 4, Bytes("e")));
  EXPECT_TRUE(window_.Covers(kBuffer + 3, 1));
  EXPECT_TRUE(window_.Covers(base::GuestAddr(0xfff), 2));
  EXPECT_FALSE(window_.Covers(base::GuestAddr(0xfff), 1));
  EXPECT_FALSE(window_.Covers(kBuffer + 4, 1));
  EXPECT_EQ(Close(), "abcd");
  EXPECT_EQ(Close(), "");
}

TEST_F(CallWindowTest, WhatIsWrittenTakesThePlaceOfWhatCameAlong) {
  std::array<char, 4> to{};
  Open(kBuffer, "abcd", kBuffer + 2, 2);
  EXPECT_TRUE(window_.Write(kBuffer + 2, Bytes("e")));
  EXPECT_FALSE(window_.Read(kBuffer, std::as_writable_bytes(std::span(to))));
  EXPECT_TRUE(window_.Read(kBuffer + 2, std::as_writable_bytes(std::span(to)).first(1)));
  EXPECT_EQ(to[0], 'e');
  EXPECT_EQ(Close(), "e");
}

TEST_F(CallWindowTest, DoesNotReachBeyondTheSlot) {
  Open(kBuffer, "", kBuffer, 1000);
  EXPECT_TRUE(window_.Write(kBuffer, std::vector<std::byte>(100)));
  EXPECT_FALSE(window_.Write(kBuffer + 100, Bytes("e")));
  EXPECT_EQ(Close().size(), 100u);
}

}  // namespace
}  // namespace platform::systrap
