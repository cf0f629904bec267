// SPDX-License-Identifier: Apache-2.0
#include "sentry/net/socket/unix/unix_socket.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "sentry/net/network_namespace.h"
#include "sentry/net/socket/socket_description.h"
#include "sentry/net/socket/socket_families.h"
#include "vfs/eventfd/eventfd.h"
#include "vfs/testing/bytes.h"
#include "vfs/testing/test_context.h"

namespace sentry {
namespace {

using vfs::ErrorOf;
using File = base::RefPtr<vfs::FileDescription>;

class UnixSocketTest : public testing::Test {
 protected:
  struct Ends {
    base::RefPtr<SocketDescription> first, second;
  };
  Ends MakePair(int type = SOCK_STREAM) {
    auto pair = MUST(CreateSocketPair(context_, *network_, {AF_UNIX, type, 0}));
    return {SocketDescription::Create(context_, pair.first, 0), SocketDescription::Create(context_, pair.second, 0)};
  }
  base::Result<size_t> Send(SocketDescription& from, std::string text, std::vector<File> files = {}) {
    vfs::BufferSequence data(std::as_writable_bytes(std::span(text)));
    OutgoingMessage message{.data = data, .control = {.credentials = {}, .files = std::move(files)}};
    WaitPoint wait;
    return from.socket().TrySend({context_}, message, wait);
  }
  struct Received {
    std::string text;
    std::vector<File> files;
  };
  base::Result<Received> Receive(SocketDescription& by, int flags = 0) {
    Received received{std::string(100, '\0'), {}};
    vfs::BufferSequence data(std::as_writable_bytes(std::span(received.text)));
    IncomingMessage message{.data = data, .flags = flags};
    received.text.resize(TRY(by.socket().TryReceive(context_, message)));
    received.files = std::move(message.control.files);
    return received;
  }
  // A file whose last reference can be seen to go.
  File Witness() { return vfs::CreateEventFd(context_, 0, 0, false); }

  vfs::TestContext context_;
  base::RefPtr<NetworkNamespace> network_ = base::MakeRef<NetworkNamespace>();
};

TEST_F(UnixSocketTest, OnlyUnixFamilyIsThere) {
  auto error = [&](int family, int type, int protocol) {
    return ErrorOf(CreateSocket(context_, *network_, {family, type, protocol}));
  };
  EXPECT_EQ(error(AF_INET, SOCK_STREAM, 0), EAFNOSUPPORT);
  EXPECT_EQ(error(AF_NETLINK, SOCK_RAW, 0), EAFNOSUPPORT);
  EXPECT_EQ(error(-1, SOCK_STREAM, 0), EAFNOSUPPORT);
  EXPECT_EQ(error(AF_UNIX, SOCK_RDM, 0), ESOCKTNOSUPPORT);
  EXPECT_EQ(error(AF_UNIX, 11, 0), EINVAL);
  EXPECT_EQ(error(AF_UNIX, SOCK_STREAM, 3), EPROTONOSUPPORT);
}

TEST_F(UnixSocketTest, ReadersAndWritersAtOnceLoseNothing) {
  Ends ends = MakePair();
  constexpr size_t kTotal = 4 << 20;
  std::atomic<size_t> received{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([&] {
      vfs::TestContext context;
      std::string block(30000, 'w');
      for (size_t sent = 0; sent < kTotal / 2;) {
        vfs::BufferSequence data(
            std::as_writable_bytes(std::span(block)).first(std::min(block.size(), kTotal / 2 - sent)));
        auto count = ends.first->TryWrite(context, data);
        if (count.ok()) sent += *count;
        if (!count.ok()) std::this_thread::yield();
      }
    });
    threads.emplace_back([&] {
      vfs::TestContext context;
      std::string block(50000, '\0');
      while (received < kTotal) {
        vfs::BufferSequence data(std::as_writable_bytes(std::span(block)));
        auto count = ends.second->TryRead(context, data);
        if (count.ok()) received += *count;
        if (!count.ok()) std::this_thread::yield();
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(received, kTotal);
  EXPECT_EQ(ends.first->Readiness(), base::EventMask{POLLOUT | POLLWRNORM | POLLWRBAND});
}

TEST_F(UnixSocketTest, FailedPacketKeepsItsDescriptors) {
  Ends ends = MakePair(SOCK_DGRAM);
  std::string text = "x";
  vfs::BufferSequence data(std::as_writable_bytes(std::span(text)));
  OutgoingMessage message{.data = data, .control = {.credentials = {}, .files = {Witness()}}};
  WaitPoint wait;
  while (Send(*ends.first, std::string(4096, 'f')).ok()) {
  }
  EXPECT_EQ(ErrorOf(ends.first->socket().TrySend({context_}, message, wait)), EAGAIN);
  EXPECT_EQ(data.remaining(), 1u);
  EXPECT_EQ(message.control.files.size(), 1u);
}

TEST_F(UnixSocketTest, DescriptorsOnTheirWayEndWithTheQueue) {
  File witness = Witness();
  Ends ends = MakePair();
  MUST(Send(*ends.first, "x", {witness, witness}));
  EXPECT_EQ(witness->reference_count(), 3u);
  EXPECT_EQ(MUST(Receive(*ends.second, MSG_PEEK)).files.size(), 2u);
  EXPECT_EQ(MUST(Receive(*ends.second)).files.size(), 2u);
  EXPECT_EQ(witness->reference_count(), 1u);
  MUST(Send(*ends.first, "x", {witness}));
  ends.second = nullptr;
  EXPECT_EQ(witness->reference_count(), 1u);
}

TEST_F(UnixSocketTest, GarbageIsFoundAndOnlyGarbage) {
  File witness = Witness();
  Ends reachable = MakePair(), garbage = MakePair(), other = MakePair();
  // `reachable` is on its way through itself, which its holder can undo; `garbage` and `other` hold each other.
  MUST(Send(*reachable.first, "x", {reachable.second, witness}));
  MUST(Send(*garbage.first, "x", {other.second, witness}));
  MUST(Send(*other.first, "x", {garbage.second, witness}));
  EXPECT_EQ(witness->reference_count(), 4u);
  garbage = {};
  other = {};
  EXPECT_EQ(witness->reference_count(), 4u);
  CollectUnixGarbage();
  EXPECT_EQ(witness->reference_count(), 2u);
  EXPECT_EQ(MUST(Receive(*reachable.second)).files.size(), 2u);
  EXPECT_EQ(witness->reference_count(), 1u);
}

TEST_F(UnixSocketTest, GarbageInConnectionsNobodyAccepted) {
  File witness = Witness();
  auto name = ToSocketAddress({UnixName::Kind::kAbstract, "garbage"});
  auto listener =
      SocketDescription::Create(context_, MUST(CreateSocket(context_, *network_, {AF_UNIX, SOCK_STREAM, 0})), 0);
  MUST(listener->socket().Bind({context_}, name));
  MUST(listener->socket().Listen({context_}, 5));
  auto client =
      SocketDescription::Create(context_, MUST(CreateSocket(context_, *network_, {AF_UNIX, SOCK_STREAM, 0})), 0);
  WaitPoint wait;
  MUST(client->socket().TryConnect({context_}, name, wait));
  MUST(Send(*client, "x", {listener, witness}));
  CollectUnixGarbage();
  EXPECT_EQ(witness->reference_count(), 2u);
  listener = nullptr;
  CollectUnixGarbage();
  EXPECT_EQ(witness->reference_count(), 1u);
  EXPECT_EQ(ErrorOf(Receive(*client)), ECONNRESET);
}

TEST_F(UnixSocketTest, CollectingWhileOthersPassSocketsAround) {
  std::atomic<bool> stop{false};
  std::thread collector([&] {
    while (!stop) CollectUnixGarbage();
  });
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      Ends ends = MakePair();
      for (int round = 0; round < 2000; ++round) {
        // The only reference to one end of a pair travels, with a byte waiting in it.
        Ends carried = MakePair();
        MUST(Send(*carried.first, "still here"));
        MUST(Send(*ends.first, "x", {std::move(carried.second)}));
        Received received = MUST(Receive(*ends.second));
        ASSERT_EQ(received.files.size(), 1u);
        auto& back = static_cast<SocketDescription&>(*received.files[0]);
        EXPECT_EQ(MUST(Receive(back)).text, "still here");
      }
    });
  }
  for (auto& thread : threads) thread.join();
  stop = true;
  collector.join();
}

TEST_F(UnixSocketTest, NamesGoWithTheirNamespaceAndSocket) {
  auto name = ToSocketAddress({UnixName::Kind::kAbstract, "name"});
  auto make = [&](NetworkNamespace& network) {
    return SocketDescription::Create(context_, MUST(CreateSocket(context_, network, {AF_UNIX, SOCK_DGRAM, 0})), 0);
  };
  auto first = make(*network_), second = make(*network_);
  MUST(first->socket().Bind({context_}, name));
  EXPECT_EQ(ErrorOf(second->socket().Bind({context_}, name)), EADDRINUSE);
  auto other_network = base::MakeRef<NetworkNamespace>();
  auto elsewhere = make(*other_network);
  WaitPoint wait;
  EXPECT_EQ(ErrorOf(elsewhere->socket().TryConnect({context_}, name, wait)), ECONNREFUSED);
  MUST(elsewhere->socket().Bind({context_}, name));
  first = nullptr;
  EXPECT_EQ(ErrorOf(second->socket().Bind({context_}, name)), 0);
}

}  // namespace
}  // namespace sentry
