// SPDX-License-Identifier: Apache-2.0
// Attaching, walking, opening, connecting; the protocol around them.
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "gofer/protocol/limits.h"
#include "gofer/server/testing/operations_fixture.h"
#include "gtest/gtest.h"

namespace gofer {
namespace {

using testing::Client;
using testing::OperationsTest;
using testing::ServerThread;
using testing::TempDirectory;

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
