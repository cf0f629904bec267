// SPDX-License-Identifier: Apache-2.0
// Creating, changing attributes, linking, unlinking, renaming.
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <vector>

#include "gofer/server/testing/operations_fixture.h"
#include "gtest/gtest.h"

namespace gofer {
namespace {

using testing::Client;
using testing::OperationsTest;
using testing::ServerThread;
using testing::TempDirectory;

struct CreateCase {
  const char* name;
  uint32_t mode;
};

TEST_F(OperationsTest, CreateMakesEveryType) {
  const CreateCase kCases[] = {{"regular", S_IFREG | 0640},
                               {"directory", S_IFDIR | 0751},
                               {"fifo", S_IFIFO | 0600},
                               {"socket", S_IFSOCK | 0777},
                               {"whiteout", S_IFCHR | 0600}};
  for (const CreateCase& test : kCases) {
    SCOPED_TRACE(test.name);
    wire::Result result = client_.Create(root_, test.name, test.mode);
    ASSERT_EQ(result.error(), 0u);
    ASSERT_EQ(result.nodes_size(), 1);
    EXPECT_EQ(result.nodes(0).attributes().mode(), test.mode);
    EXPECT_EQ(Stat(test.name).st_mode, test.mode);
    EXPECT_EQ(result.parent().inode(), Stat(".").st_ino);
    EXPECT_EQ(client_.Create(root_, test.name, test.mode).error(), EEXIST);
  }
  EXPECT_EQ(client_.Create(root_, "link", S_IFLNK | 0777, "/no/where").error(), 0u);
  char target[32] = {};
  EXPECT_EQ(readlink(tree_.Join("link").c_str(), target, sizeof(target)), 9);
}

TEST_F(OperationsTest, CreateSetsOwnerAndSetIdBitsTogether) {
  if (getuid() != 0) GTEST_SKIP() << "needs root to give files away";
  wire::Create& create = *operation_.mutable_create();
  create.set_parent(root_);
  create.set_uid(1234);
  create.set_gid(4321);
  for (uint32_t mode : {S_IFREG | 06755u, S_IFDIR | 02775u, S_IFDIR | 01777u, S_IFREG | 0444u}) {
    create.set_name("file" + std::to_string(mode));
    create.set_mode(mode);
    wire::Result result = client_.Do(operation_);
    ASSERT_EQ(result.error(), 0u);
    EXPECT_EQ(result.nodes(0).attributes().uid(), 1234u);
    EXPECT_EQ(result.nodes(0).attributes().gid(), 4321u);
    EXPECT_EQ(result.nodes(0).attributes().mode(), mode);
    EXPECT_EQ(Stat(create.name()).st_mode, mode);
  }
}

TEST_F(OperationsTest, CreateAndOpenInOneOperation) {
  wire::Create& create = *operation_.mutable_create();
  create.set_parent(root_);
  create.set_name("file");
  create.set_mode(S_IFREG | 0400);
  create.set_open(true);
  wire::Result result = client_.Do(operation_);
  ASSERT_EQ(result.error(), 0u);
  ASSERT_TRUE(result.descriptor());
  EXPECT_EQ(write(client_.descriptors().at(0).get(), "x", 1), 1);
  EXPECT_EQ(tree_.Read("file"), "x");
}

TEST_F(OperationsTest, AFileWithoutANameCanBeGivenOne) {
  wire::Create& create = *operation_.mutable_create();
  create.set_parent(root_);
  create.set_mode(S_IFREG | 0600);
  create.set_unnamed(true);
  create.set_open(true);
  wire::Result result = client_.Do(operation_);
  if (result.error() == EOPNOTSUPP) GTEST_SKIP() << "no O_TMPFILE here";
  ASSERT_EQ(result.error(), 0u);
  EXPECT_EQ(result.nodes(0).attributes().links(), 0u);
  ASSERT_EQ(write(client_.descriptors().at(0).get(), "late", 4), 4);
  wire::Link& link = *operation_.mutable_link();
  link.set_node(result.nodes(0).id());
  link.set_parent(root_);
  link.set_name("named");
  ASSERT_EQ(client_.Do(operation_).error(), 0u);
  EXPECT_EQ(tree_.Read("named"), "late");
}

TEST_F(OperationsTest, DeviceNodesAreRefused) {
  wire::Create& create = *operation_.mutable_create();
  create.set_parent(root_);
  create.set_name("null");
  create.set_mode(S_IFCHR | 0666);
  create.set_rdevice(uint64_t{1} << 32 | 3);
  EXPECT_EQ(client_.Do(operation_).error(), EPERM);
}

TEST_F(OperationsTest, SetAttributesChangesWhatIsSet) {
  tree_.Write("file", "0123456789");
  struct stat before = Stat("file");
  wire::SetAttributes& change = *operation_.mutable_set_attributes();
  change.set_node(client_.Find(root_, {"file"}));
  change.set_permissions(04711);
  change.set_size(4);
  change.set_modify_seconds(-5);
  change.set_modify_nanoseconds(7);
  wire::Result result = client_.Do(operation_);
  ASSERT_EQ(result.error(), 0u);
  struct stat after = Stat("file");
  EXPECT_EQ(after.st_mode, S_IFREG | 04711u);
  EXPECT_EQ(after.st_size, 4);
  EXPECT_EQ(after.st_mtim.tv_sec, -5);
  EXPECT_EQ(after.st_mtim.tv_nsec, 7);
  EXPECT_EQ(after.st_atim.tv_sec, before.st_atim.tv_sec);
  EXPECT_EQ(after.st_uid, before.st_uid);
  EXPECT_EQ(result.attributes().mode(), S_IFREG | 04711u);
  EXPECT_EQ(result.attributes().size(), 4u);
  EXPECT_EQ(result.attributes().modify_seconds(), -5);
}

TEST_F(OperationsTest, SetAttributesOfALinkNotOfItsTarget) {
  tree_.Write("file", "");
  ASSERT_EQ(symlink("file", tree_.Join("link").c_str()), 0);
  uint64_t link = client_.Find(root_, {"link"});
  wire::SetAttributes& change = *operation_.mutable_set_attributes();
  change.set_node(link);
  change.set_modify_seconds(1000);
  ASSERT_EQ(client_.Do(operation_).error(), 0u);
  EXPECT_EQ(Stat("link").st_mtim.tv_sec, 1000);
  EXPECT_NE(Stat("file").st_mtim.tv_sec, 1000);
  if (getuid() == 0) {
    change.Clear();
    change.set_node(link);
    change.set_uid(77);
    ASSERT_EQ(client_.Do(operation_).error(), 0u);
    EXPECT_EQ(Stat("link").st_uid, 77u);
    EXPECT_EQ(Stat("file").st_uid, 0u);
  }
  change.Clear();
  change.set_node(link);
  change.set_permissions(0600);
  EXPECT_EQ(client_.Do(operation_).error(), EOPNOTSUPP);
  change.Clear();
  change.set_node(link);
  change.set_size(0);
  EXPECT_EQ(client_.Do(operation_).error(), EINVAL);
}

TEST_F(OperationsTest, LinkMakesAnotherName) {
  tree_.Write("file", "x");
  wire::Link& link = *operation_.mutable_link();
  link.set_node(client_.Find(root_, {"file"}));
  link.set_parent(root_);
  link.set_name("other");
  wire::Result result = client_.Do(operation_);
  ASSERT_EQ(result.error(), 0u);
  EXPECT_EQ(result.attributes().links(), 2u);
  EXPECT_EQ(Stat("other").st_ino, Stat("file").st_ino);
  EXPECT_EQ(client_.Do(operation_).error(), EEXIST);
}

TEST_F(OperationsTest, LinkOfASymbolicLinkIsNotOfItsTarget) {
  ASSERT_EQ(symlink("/etc/passwd", tree_.Join("link").c_str()), 0);
  wire::Link& link = *operation_.mutable_link();
  link.set_node(client_.Find(root_, {"link"}));
  link.set_parent(root_);
  link.set_name("other");
  ASSERT_EQ(client_.Do(operation_).error(), 0u);
  EXPECT_TRUE(S_ISLNK(Stat("other").st_mode));
}

TEST_F(OperationsTest, UnlinkTellsWhatIsLeft) {
  tree_.Write("file", "");
  uint64_t node = client_.Find(root_, {"file"});
  wire::Unlink& unlink = *operation_.mutable_unlink();
  unlink.set_parent(root_);
  unlink.set_name("file");
  unlink.set_node(node);
  unlink.set_directory(true);
  EXPECT_EQ(client_.Do(operation_).error(), ENOTDIR);
  unlink.set_directory(false);
  wire::Result result = client_.Do(operation_);
  ASSERT_EQ(result.error(), 0u);
  EXPECT_EQ(result.attributes().links(), 0u);
  EXPECT_EQ(result.parent().inode(), Stat(".").st_ino);
  EXPECT_EQ(client_.Do(operation_).error(), ENOENT);
}

TEST_F(OperationsTest, RemoveDirectory) {
  ASSERT_EQ(mkdir(tree_.Join("d").c_str(), 0755), 0);
  tree_.Write("d/file", "");
  wire::Unlink& unlink = *operation_.mutable_unlink();
  unlink.set_parent(root_);
  unlink.set_name("d");
  EXPECT_EQ(client_.Do(operation_).error(), EISDIR);
  unlink.set_directory(true);
  EXPECT_EQ(client_.Do(operation_).error(), ENOTEMPTY);
  ASSERT_EQ(::unlink(tree_.Join("d/file").c_str()), 0);
  EXPECT_EQ(client_.Do(operation_).error(), 0u);
}

TEST_F(OperationsTest, RenameMovesReplacesAndExchanges) {
  ASSERT_EQ(mkdir(tree_.Join("d").c_str(), 0755), 0);
  tree_.Write("one", "1");
  tree_.Write("two", "2");
  uint64_t directory = client_.Find(root_, {"d"});
  uint64_t two = client_.Find(root_, {"two"});
  wire::Rename& rename = *operation_.mutable_rename();
  rename.set_parent(root_);
  rename.set_name("one");
  rename.set_new_parent(root_);
  rename.set_new_name("two");
  rename.set_flags(RENAME_NOREPLACE);
  EXPECT_EQ(client_.Do(operation_).error(), EEXIST);
  rename.set_flags(RENAME_EXCHANGE);
  ASSERT_EQ(client_.Do(operation_).error(), 0u);
  EXPECT_EQ(tree_.Read("one"), "2");
  rename.set_flags(0);
  rename.set_replaced(two);  // Named "one" now; not what is replaced: the client's concern only.
  ASSERT_EQ(client_.Do(operation_).error(), 0u);
  EXPECT_EQ(tree_.Read("two"), "2");
  rename.set_name("two");
  rename.set_new_parent(directory);
  rename.set_new_name("three");
  wire::Result result = client_.Do(operation_);
  ASSERT_EQ(result.error(), 0u);
  EXPECT_EQ(tree_.Read("d/three"), "2");
  EXPECT_EQ(result.new_parent().inode(), Stat("d").st_ino);
  EXPECT_EQ(result.parent().inode(), Stat(".").st_ino);
}

TEST_F(OperationsTest, ReadOnlyMountRefusesEveryChange) {
  tree_.Write("file", "x");
  uint64_t file = client_.Find(read_only_root_, {"file"});
  std::vector<wire::Operation> operations(9);
  operations[0].mutable_open()->set_node(file);
  operations[0].mutable_open()->set_write(true);
  wire::Create& create = *operations[1].mutable_create();
  create.set_parent(read_only_root_);
  create.set_name("new");
  create.set_mode(S_IFREG);
  operations[2].mutable_set_attributes()->set_node(file);
  wire::Link& link = *operations[3].mutable_link();
  link.set_node(file);
  link.set_parent(read_only_root_);
  link.set_name("new");
  wire::Unlink& unlink = *operations[4].mutable_unlink();
  unlink.set_parent(read_only_root_);
  unlink.set_name("file");
  wire::Rename& rename = *operations[5].mutable_rename();
  rename.set_parent(read_only_root_);
  rename.set_name("file");
  rename.set_new_parent(root_);
  rename.set_new_name("new");
  wire::SetXattr& set = *operations[6].mutable_set_xattr();
  set.set_node(file);
  set.set_name("user.x");
  operations[7].mutable_remove_xattr()->set_node(file);
  operations[7].mutable_remove_xattr()->set_name("user.x");
  operations[8] = operations[3];
  operations[8].mutable_link()->set_parent(root_);
  for (const wire::Operation& operation : operations) {
    EXPECT_EQ(client_.Do(operation).error(), EROFS) << "operation " << operation.operation_case();
  }
  operation_.mutable_open()->set_node(file);
  EXPECT_EQ(client_.Do(operation_).error(), 0u);
}

}  // namespace
}  // namespace gofer
