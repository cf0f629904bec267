// SPDX-License-Identifier: Apache-2.0
// Every operation of the server, asked for as a well-behaved client asks.
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <string>

#include "gofer/protocol/limits.h"
#include "gofer/server/testing/client.h"
#include "gtest/gtest.h"

namespace gofer {
namespace {

using testing::Client;
using testing::ServerThread;
using testing::TempDirectory;

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
  wire::Operation operation_;
};

TEST_F(OperationsTest, HelloTellsTheMounts) {
  operation_.mutable_hello()->set_version(kProtocolVersion);
  wire::Result result = client_.Do(operation_);
  ASSERT_EQ(result.hello().mounts_size(), 2);
  EXPECT_FALSE(result.hello().mounts(0).read_only());
  EXPECT_TRUE(result.hello().mounts(1).read_only());
}

TEST_F(OperationsTest, HelloRefusesOtherVersions) {
  operation_.mutable_hello()->set_version(kProtocolVersion + 1);
  EXPECT_EQ(client_.Do(operation_).error(), EPROTO);
}

TEST_F(OperationsTest, WalkReturnsTheAttributesOfEachComponent) {
  ASSERT_EQ(mkdir(tree_.Join("a").c_str(), 0750), 0);
  ASSERT_EQ(mkdir(tree_.Join("a/b").c_str(), 0700), 0);
  tree_.Write("a/b/c", "hello");
  wire::Result result = client_.Walk(root_, {"a", "b", "c"});
  ASSERT_EQ(result.error(), 0u);
  ASSERT_EQ(result.nodes_size(), 3);
  EXPECT_EQ(result.nodes(0).attributes().mode(), S_IFDIR | 0750u);
  EXPECT_EQ(result.nodes(1).attributes().mode(), S_IFDIR | 0700u);
  const wire::Attributes& file = result.nodes(2).attributes();
  struct stat status = Stat("a/b/c");
  EXPECT_EQ(file.mode(), status.st_mode);
  EXPECT_EQ(file.size(), 5u);
  EXPECT_EQ(file.inode(), status.st_ino);
  EXPECT_EQ(file.links(), 1u);
  EXPECT_EQ(file.uid(), status.st_uid);
  EXPECT_EQ(file.modify_seconds(), status.st_mtim.tv_sec);
  EXPECT_EQ(file.modify_nanoseconds(), status.st_mtim.tv_nsec);
}

TEST_F(OperationsTest, WalkTellsHowFarItGot) {
  ASSERT_EQ(mkdir(tree_.Join("a").c_str(), 0755), 0);
  tree_.Write("a/file", "");
  ASSERT_EQ(symlink("a", tree_.Join("link").c_str()), 0);
  wire::Result missing = client_.Walk(root_, {"a", "missing", "x"});
  EXPECT_EQ(missing.error(), ENOENT);
  EXPECT_EQ(missing.nodes_size(), 1);
  wire::Result through_file = client_.Walk(root_, {"a", "file", "x"});
  EXPECT_EQ(through_file.error(), ENOTDIR);
  EXPECT_EQ(through_file.nodes_size(), 2);
  wire::Result through_link = client_.Walk(root_, {"link", "file"});
  EXPECT_EQ(through_link.error(), ELOOP);
  ASSERT_EQ(through_link.nodes_size(), 1);
  EXPECT_EQ(through_link.nodes(0).attributes().mode() & S_IFMT, uint32_t{S_IFLNK});
}

TEST_F(OperationsTest, WalkAndOpenInOneRoundTrip) {
  ASSERT_EQ(mkdir(tree_.Join("a").c_str(), 0755), 0);
  tree_.Write("a/file", "contents");
  wire::Request request;
  wire::Walk& walk = *request.add_operations()->mutable_walk();
  walk.set_node(root_);
  walk.add_names("a");
  walk.add_names("file");
  request.add_operations()->mutable_open();
  wire::Response response = client_.Call(request);
  ASSERT_EQ(response.results_size(), 2);
  ASSERT_TRUE(response.results(1).descriptor());
  ASSERT_EQ(client_.descriptors().size(), 1u);
  char buffer[16];
  EXPECT_EQ(pread(client_.descriptors()[0].get(), buffer, sizeof(buffer), 0), 8);
  EXPECT_EQ(fcntl(client_.descriptors()[0].get(), F_GETFL) & O_ACCMODE, O_RDONLY);
}

TEST_F(OperationsTest, BatchEndsAtTheFirstError) {
  wire::Request request;
  request.add_operations()->mutable_stat()->set_node(root_);
  wire::Walk& walk = *request.add_operations()->mutable_walk();
  walk.set_node(root_);
  walk.add_names("missing");
  request.add_operations()->mutable_open();
  wire::Response response = client_.Call(request);
  ASSERT_EQ(response.results_size(), 2);
  EXPECT_EQ(response.results(0).error(), 0u);
  EXPECT_EQ(response.results(1).error(), ENOENT);
}

TEST_F(OperationsTest, OpenForWriting) {
  tree_.Write("file", "old");
  operation_.mutable_open()->set_node(client_.Find(root_, {"file"}));
  operation_.mutable_open()->set_write(true);
  ASSERT_EQ(client_.Do(operation_).error(), 0u);
  ASSERT_EQ(pwrite(client_.descriptors().at(0).get(), "new", 3, 0), 3);
  EXPECT_EQ(tree_.Read("file"), "new");
}

TEST_F(OperationsTest, OpensOnlyRegularFiles) {
  ASSERT_EQ(mkfifo(tree_.Join("fifo").c_str(), 0644), 0);
  ASSERT_EQ(symlink("fifo", tree_.Join("link").c_str()), 0);
  for (uint64_t node : {root_, client_.Find(root_, {"fifo"}), client_.Find(root_, {"link"})}) {
    operation_.mutable_open()->set_node(node);
    EXPECT_EQ(client_.Do(operation_).error(), EPERM);
    EXPECT_TRUE(client_.descriptors().empty());
  }
}

TEST_F(OperationsTest, AnOpenFileOutlivesItsNames) {
  tree_.Write("file", "still here");
  uint64_t node = client_.Find(root_, {"file"});
  ASSERT_EQ(unlink(tree_.Join("file").c_str()), 0);
  operation_.mutable_open()->set_node(node);
  ASSERT_EQ(client_.Do(operation_).error(), 0u);
  char buffer[16];
  EXPECT_EQ(pread(client_.descriptors().at(0).get(), buffer, sizeof(buffer), 0), 10);
  operation_.mutable_stat()->set_node(node);
  EXPECT_EQ(client_.Do(operation_).attributes().links(), 0u);
}

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
  EXPECT_EQ(client_.Do(operation_).data(), std::string("user.first\0user.second\0", 23));
  operation_.mutable_remove_xattr()->set_node(file);
  operation_.mutable_remove_xattr()->set_name("user.first");
  EXPECT_EQ(client_.Do(operation_).error(), 0u);
  EXPECT_EQ(client_.Do(operation_).error(), ENODATA);
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

TEST_F(OperationsTest, MountsDoNotMix) {
  tree_.Write("file", "");
  TempDirectory other;
  ServerThread server(tree_.path(), [&](Config& config) {
    config.mounts.push_back({.root = base::UniqueFd(open(other.path().c_str(), O_PATH | O_CLOEXEC))});
  });
  Client client(std::move(server.socket()));
  client.Hello();
  uint64_t first = client.Attach(0);
  uint64_t second = client.Attach(2);
  wire::Link& link = *operation_.mutable_link();
  link.set_node(client.Find(first, {"file"}));
  link.set_parent(second);
  link.set_name("new");
  EXPECT_EQ(client.Do(operation_).error(), EXDEV);
  wire::Rename& rename = *operation_.mutable_rename();
  rename.set_parent(first);
  rename.set_name("file");
  rename.set_new_parent(second);
  rename.set_new_name("new");
  EXPECT_EQ(client.Do(operation_).error(), EXDEV);
}

TEST_F(OperationsTest, ClonedConnectionsShareTheNodes) {
  tree_.Write("file", "shared");
  uint64_t file = client_.Find(root_, {"file"});
  operation_.mutable_clone();
  wire::Result result = client_.Do(operation_);
  ASSERT_TRUE(result.descriptor());
  Client second(std::move(client_.descriptors().at(0)));
  operation_.mutable_stat()->set_node(file);
  EXPECT_EQ(second.Do(operation_).error(), EPROTO) << "a hello comes first";
  second.Hello();
  EXPECT_EQ(second.Do(operation_).attributes().size(), 6u);
  wire::Request forget;
  forget.add_forget(file);
  second.Call(forget);
  EXPECT_EQ(client_.Do(operation_).error(), EBADF);
}

TEST_F(OperationsTest, HostFifosAndSocketsByExplicitFlag) {
  ASSERT_EQ(mkfifo(tree_.Join("fifo").c_str(), 0644), 0);
  base::UniqueFd listener(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  tree_.Join("socket").copy(address.sun_path, sizeof(address.sun_path) - 1);
  ASSERT_EQ(bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  ASSERT_EQ(listen(listener.get(), 1), 0);
  operation_.mutable_connect()->set_node(client_.Find(root_, {"socket"}));
  operation_.mutable_connect()->set_type(SOCK_STREAM);
  EXPECT_EQ(client_.Do(operation_).error(), EPERM);

  ServerThread server(tree_.path(), [](Config& config) { config.host_fifos = config.host_sockets = true; });
  Client client(std::move(server.socket()));
  client.Hello();
  uint64_t root = client.Attach();
  operation_.mutable_connect()->set_node(client.Find(root, {"socket"}));
  ASSERT_TRUE(client.Do(operation_).descriptor());
  EXPECT_TRUE(base::UniqueFd(accept(listener.get(), nullptr, nullptr)));
  operation_.mutable_open()->set_node(client.Find(root, {"fifo"}));
  EXPECT_TRUE(client.Do(operation_).descriptor());
}

TEST(GoferTest, EndsWhenTheClientIsGone) {
  TempDirectory tree;
  ServerThread server(tree.path());
  EXPECT_EQ(server.Join(), 0);
}

}  // namespace
}  // namespace gofer
