// SPDX-License-Identifier: Apache-2.0
#include "gofer/protocol/patience.h"

#include "gtest/gtest.h"

namespace gofer {
namespace {

constexpr int64_t kSoon = Patience::kPatienceNs - 1;
constexpr int64_t kLate = Patience::kPatienceNs;

// How many requests are not looked out for from here on, when all that are come too late.
int Misses(Patience& patience) {
  patience.Note(kLate);
  int count = 0;
  for (; patience.next_ns() == 0; ++count) patience.Note(kSoon);
  return count;
}

TEST(PatienceTest, LooksLessAndLessForThoseWhoComeLate) {
  Patience patience;
  EXPECT_EQ(patience.next_ns(), Patience::kPatienceNs);
  for (int expected : {1, 3, 7, 15, 31, 63, 63}) EXPECT_EQ(Misses(patience), expected);
}

TEST(PatienceTest, KeepsLookingForThoseWhoComeSoon) {
  Patience patience;
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(patience.next_ns(), Patience::kPatienceNs);
    patience.Note(kSoon);
  }
  EXPECT_EQ(Misses(patience), 1);
  EXPECT_EQ(Misses(patience), 3);
  patience.Note(kSoon);
  EXPECT_EQ(Misses(patience), 1);
}

}  // namespace
}  // namespace gofer
