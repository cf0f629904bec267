// SPDX-License-Identifier: Apache-2.0
// Links, directories, filesystems, extended attributes.
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <map>
#include <string>

#include "gmock/gmock.h"
#include "gofer/server/testing/operations_fixture.h"
#include "gtest/gtest.h"

namespace gofer {
namespace {

using testing::Client;
using testing::OperationsTest;
using testing::ServerThread;
using testing::TempDirectory;

TEST_F(OperationsTest, ReadLink) {
  ASSERT_EQ(symlink("../some/where", tree_.Join("link").c_str()), 0);
  operation_.mutable_read_link()->set_node(client_.Find(root_, {"link"}));
  EXPECT_EQ(client_.Do(operation_).data(), "../some/where");
  operation_.mutable_read_link()->set_node(root_);
  EXPECT_EQ(client_.Do(operation_).error(), EINVAL);
}

// Reads a whole directory; how often it had to ask goes to `requests`.
std::map<std::string, uint32_t> ReadAll(Client& client, uint64_t node, int* requests, bool always_seek) {
  std::map<std::string, uint32_t> entries;
  wire::Operation operation;
  for (uint64_t cookie = 0;;) {
    operation.mutable_read_directory()->set_node(node);
    operation.mutable_read_directory()->set_cookie(cookie);
    wire::Result result = client.Do(operation);
    ++*requests;
    EXPECT_EQ(result.error(), 0u);
    for (const wire::Entry& entry : result.directory().entries()) {
      EXPECT_TRUE(entries.emplace(entry.name(), entry.type()).second) << entry.name() << " came twice";
    }
    if (result.error() != 0 || result.directory().end()) return entries;
    cookie = result.directory().cookie();
    if (always_seek) {
      // Another directory in between makes the server lose its place.
      wire::Operation other;
      other.mutable_read_directory()->set_node(client.Find(node, {"0"}));
      client.Do(other);
    }
  }
}

TEST_F(OperationsTest, ReadDirectoryInPieces) {
  ASSERT_EQ(mkdir(tree_.Join("0").c_str(), 0755), 0);
  constexpr int kFiles = 3000;
  std::string padding(100, 'x');
  for (int i = 1; i < kFiles; ++i) {
    base::UniqueFd file(open(tree_.Join(std::to_string(i) + padding).c_str(), O_CREAT | O_WRONLY, 0600));
    ASSERT_TRUE(file);
  }
  for (bool always_seek : {false, true}) {
    SCOPED_TRACE(always_seek ? "seeking" : "going on");
    int requests = 0;
    std::map<std::string, uint32_t> entries = ReadAll(client_, root_, &requests, always_seek);
    EXPECT_EQ(entries.size(), size_t{kFiles});
    EXPECT_EQ(entries["0"], DT_DIR);
    EXPECT_EQ(entries["1" + padding], DT_REG);
    EXPECT_GT(requests, 1);
    EXPECT_LT(requests, 20);
  }
}

TEST_F(OperationsTest, ReadDirectoryOfAnEmptyOneAndOfAFile) {
  ASSERT_EQ(mkdir(tree_.Join("d").c_str(), 0755), 0);
  tree_.Write("file", "");
  operation_.mutable_read_directory()->set_node(client_.Find(root_, {"d"}));
  wire::Result result = client_.Do(operation_);
  EXPECT_EQ(result.directory().entries_size(), 0);
  EXPECT_TRUE(result.directory().end());
  operation_.mutable_read_directory()->set_node(client_.Find(root_, {"file"}));
  EXPECT_EQ(client_.Do(operation_).error(), ENOTDIR);
}

TEST_F(OperationsTest, StatFilesystemAndSync) {
  tree_.Write("file", "");
  uint64_t file = client_.Find(root_, {"file"});
  operation_.mutable_stat_filesystem()->set_node(file);
  wire::Result result = client_.Do(operation_);
  EXPECT_GT(result.filesystem().blocks(), 0u);
  EXPECT_EQ(result.filesystem().name_length(), 255u);
  for (uint64_t node : {root_, file}) {
    operation_.mutable_sync()->set_node(node);
    EXPECT_EQ(client_.Do(operation_).error(), 0u);
    operation_.mutable_sync()->set_data_only(true);
    EXPECT_EQ(client_.Do(operation_).error(), 0u);
    operation_.mutable_sync()->set_filesystem(true);
    EXPECT_EQ(client_.Do(operation_).error(), 0u);
  }
}

TEST_F(OperationsTest, ExtendedAttributes) {
  tree_.Write("file", "");
  if (setxattr(tree_.Join("file").c_str(), "user.first", "1", 1, 0) != 0) GTEST_SKIP() << "no user xattrs here";
  uint64_t file = client_.Find(root_, {"file"});
  wire::SetXattr& set = *operation_.mutable_set_xattr();
  set.set_node(file);
  set.set_name("user.second");
  set.set_value(std::string("a\0b", 3));
  set.set_flags(XATTR_REPLACE);
  EXPECT_EQ(client_.Do(operation_).error(), ENODATA);
  set.set_flags(XATTR_CREATE);
  EXPECT_EQ(client_.Do(operation_).error(), 0u);
  EXPECT_EQ(client_.Do(operation_).error(), EEXIST);
  operation_.mutable_get_xattr()->set_node(file);
  operation_.mutable_get_xattr()->set_name("user.second");
  EXPECT_EQ(client_.Do(operation_).data(), std::string("a\0b", 3));
  operation_.mutable_list_xattr()->set_node(file);
  // Filesystems differ in the order.
  EXPECT_THAT(client_.Do(operation_).data(), ::testing::AnyOf(std::string("user.first\0user.second\0", 23),
                                                              std::string("user.second\0user.first\0", 23)));
  operation_.mutable_remove_xattr()->set_node(file);
  operation_.mutable_remove_xattr()->set_name("user.first");
  EXPECT_EQ(client_.Do(operation_).error(), 0u);
  EXPECT_EQ(client_.Do(operation_).error(), ENODATA);
}

}  // namespace
}  // namespace gofer
