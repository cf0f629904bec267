// SPDX-License-Identifier: Apache-2.0
#include "base/version.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace base {
namespace {

TEST(VersionTest, HasThreeNumbers) { EXPECT_THAT(Version(), testing::MatchesRegex("[0-9]+[.][0-9]+[.][0-9]+")); }

}  // namespace
}  // namespace base
