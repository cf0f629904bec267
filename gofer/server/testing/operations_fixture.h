// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/stat.h>

#include <string>
#include <utility>

#include "gofer/protocol/gofer.pb.h"
#include "gofer/server/testing/client.h"
#include "gtest/gtest.h"

namespace gofer::testing {

// A server on a directory of the test's own, a client that has attached to it, read-write and read-only.
class OperationsTest : public ::testing::Test {
 protected:
  OperationsTest() {
    client_.Hello();
    root_ = client_.Attach(0);
    read_only_root_ = client_.Attach(1);
  }

  struct stat Stat(const std::string& name) {
    struct stat status {};
    EXPECT_EQ(lstat(tree_.Join(name).c_str(), &status), 0) << name;
    return status;
  }

  TempDirectory tree_;
  ServerThread server_{tree_.path()};
  Client client_{std::move(server_.socket())};
  uint64_t root_ = 0;
  uint64_t read_only_root_ = 0;
  wire::Operation operation_;  // For the test's use.
};

}  // namespace gofer::testing
