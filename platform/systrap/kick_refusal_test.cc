// SPDX-License-Identifier: Apache-2.0
#include "platform/systrap/kick_refusal.h"

#include <gtest/gtest.h>

namespace platform::systrap {
namespace {

constexpr KickedThread kInHandler{.blocked = true, .asleep = false, .ticks = 10};
constexpr KickedThread kComputed{.blocked = true, .asleep = false, .ticks = 12};
constexpr KickedThread kAsleep{.blocked = true, .asleep = true, .ticks = 10};
constexpr KickedThread kHears{.blocked = false, .asleep = false, .ticks = 12};

TEST(KickRefusalTest, WhoComputesWithTheKickBlockedRefuses) {
  KickRefusal refusal;
  EXPECT_FALSE(refusal.Look(1, kInHandler));
  EXPECT_TRUE(refusal.Look(1, kComputed));
}

TEST(KickRefusalTest, TimeSpentSlowlyAddsUp) {
  KickRefusal refusal;
  KickedThread thread = kInHandler;
  EXPECT_FALSE(refusal.Look(1, thread));
  thread.ticks++;
  EXPECT_FALSE(refusal.Look(1, thread));
  thread.ticks++;
  EXPECT_TRUE(refusal.Look(1, thread));
}

TEST(KickRefusalTest, WhoSleepsTwiceWithTheKickBlockedRefuses) {
  KickRefusal refusal;
  EXPECT_FALSE(refusal.Look(1, kAsleep));
  EXPECT_TRUE(refusal.Look(1, kAsleep));
}

TEST(KickRefusalTest, SlownessIsNoRefusal) {
  KickRefusal refusal;
  for (int i = 0; i < 100; i++) EXPECT_FALSE(refusal.Look(1, kInHandler));
}

TEST(KickRefusalTest, WhoHearsDoesNotRefuse) {
  KickRefusal refusal;
  EXPECT_FALSE(refusal.Look(1, kInHandler));
  EXPECT_FALSE(refusal.Look(1, kHears));
  EXPECT_FALSE(refusal.Look(1, kComputed));
}

// A thread that is kicked all the time, and comes all the time, may be found in its handler at every look.
TEST(KickRefusalTest, LooksAtDifferentKicksAreNotCompared) {
  KickRefusal refusal;
  EXPECT_FALSE(refusal.Look(1, kInHandler));
  EXPECT_FALSE(refusal.Look(2, kComputed));
  EXPECT_FALSE(refusal.Look(3, kAsleep));
  EXPECT_FALSE(refusal.Look(4, kAsleep));
  EXPECT_TRUE(refusal.Look(4, kAsleep));
}

TEST(KickRefusalTest, ParsesFutexWaits) {
  auto wait = ParseFutexWait("202 0x7fff40001040 0x0 0xfffffffd 0x0 0x0 0x0 0x7fff40000ff8 0x7fff00000213\n");
  ASSERT_TRUE(wait.has_value());
  EXPECT_EQ(wait->address, 0x7fff40001040u);
  EXPECT_EQ(wait->value, 0xfffffffdu);
  for (const char* text :
       {"running\n", "", "-1 0x7ffd 0x12\n", "20 0x1 0x2 0x3 0x4 0x5 0x6 0x7 0x8\n", "202", "202 0x1"}) {
    EXPECT_FALSE(ParseFutexWait(text).has_value()) << text;
  }
}

TEST(KickRefusalTest, ParsesProcessorTime) {
  EXPECT_EQ(ParseProcessorTicks("12 (a) b) R 1 2 3 4 5 6 7 8 9 10 30 12 0 0 20 0 1"), 42u);
  EXPECT_EQ(ParseProcessorTicks("12 (a) R 1 2 3"), 0u);
  EXPECT_EQ(ParseProcessorTicks(""), 0u);
}

}  // namespace
}  // namespace platform::systrap
