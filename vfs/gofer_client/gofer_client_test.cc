// SPDX-License-Identifier: Apache-2.0
// The gofer's client against the real server: what the scripts of vfs/testing do not see.
#include "vfs/gofer_client/gofer_client.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <map>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "vfs/gofer_client/gofer_file.h"
#include "vfs/gofer_client/gofer_filesystem.h"
#include "vfs/mount.h"
#include "vfs/operations.h"
#include "vfs/testing/gofer_tree.h"
#include "vfs/testing/test_context.h"

namespace vfs {
namespace {

class GoferClientTest : public ::testing::Test {
 protected:
  GoferClientTest() : GoferClientTest(GoferOptions{}) {}
  explicit GoferClientTest(const GoferOptions& options) : tree_(options) {
    at_ = {tree_.root_path(), tree_.root_path()};
  }

  base::RefPtr<FileDescription> Open(const std::string& name, int flags, uint32_t mode = 0644) {
    auto opened = vfs::Open(context_, at_, name, {.flags = flags, .mode = mode});
    EXPECT_TRUE(opened.ok()) << name << ": " << (opened.ok() ? "" : base::ErrnoName(opened.error().code()));
    return opened.ok() ? *opened : nullptr;
  }
  Attributes Stat(const std::string& name) { return MUST(vfs::Stat(context_, at_, name, {.follow = false})); }
  std::string Read(FileDescription& file, size_t length, int64_t offset) {
    std::string text(length, '\0');
    BufferSequence to(std::as_writable_bytes(std::span<char>(text)));
    text.resize(MUST(file.TryReadAt(context_, to, offset)));
    return text;
  }
  base::Result<size_t> Write(FileDescription& file, std::string text, int64_t offset = -1) {
    BufferSequence from(std::as_writable_bytes(std::span<char>(text)));
    return offset < 0 ? file.TryWrite(context_, from) : file.TryWriteAt(context_, from, offset);
  }
  uint64_t Requests() { return tree_.client().request_count(); }
  struct stat HostStat(const std::string& name) {
    struct stat status {};
    EXPECT_EQ(lstat(tree_.host(name).c_str(), &status), 0) << name;
    return status;
  }

  TestContext context_;
  GoferTree tree_;
  StartPoint at_;
};

class SharedGoferClientTest : public GoferClientTest {
 protected:
  SharedGoferClientTest() : GoferClientTest(GoferOptions{.shared = true}) {}
};

TEST_F(GoferClientTest, StatShowsWhatTheHostShows) {
  tree_.directory().Write("file", "hello");
  ASSERT_EQ(chmod(tree_.host("file").c_str(), 04751), 0);
  struct stat host = HostStat("file");
  Attributes seen = Stat("file");
  EXPECT_EQ(seen.inode, host.st_ino);
  EXPECT_EQ(seen.mode, host.st_mode);
  EXPECT_EQ(seen.size, 5u);
  EXPECT_EQ(seen.blocks, static_cast<uint64_t>(host.st_blocks));
  EXPECT_EQ(seen.block_size, static_cast<uint32_t>(host.st_blksize));
  EXPECT_EQ(seen.modify_time, (Timestamp{host.st_mtim.tv_sec, static_cast<uint32_t>(host.st_mtim.tv_nsec)}));
  EXPECT_EQ(seen.change_time, (Timestamp{host.st_ctim.tv_sec, static_cast<uint32_t>(host.st_ctim.tv_nsec)}));
  // The device is ours.
  EXPECT_EQ(seen.device_major, 0u);
  EXPECT_EQ(seen.device_minor, tree_.root()->filesystem().device_minor());
}

TEST_F(GoferClientTest, ExclusiveMountsAskOnce) {
  ASSERT_EQ(mkdir(tree_.host("d").c_str(), 0755), 0);
  tree_.directory().Write("d/file", "text");
  auto file = Open("d/file", O_RDONLY);
  EXPECT_EQ(Read(*file, 100, 0), "text");
  Stat("d/file");
  EXPECT_EQ(vfs::Stat(context_, at_, "d/missing", {}).error().code(), ENOENT);
  uint64_t before = Requests();
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(Read(*Open("d/file", O_RDONLY), 100, 0), "text");
    Stat("d/file");
    Stat("d");
    EXPECT_EQ(vfs::Stat(context_, at_, "d/missing", {}).error().code(), ENOENT);
  }
  EXPECT_EQ(Requests(), before);
}

TEST_F(SharedGoferClientTest, SharedMountsSeeOutsideChanges) {
  tree_.directory().Write("file", "one");
  EXPECT_EQ(Stat("file").size, 3u);
  tree_.directory().Write("file", "three");
  EXPECT_EQ(Stat("file").size, 5u);
  EXPECT_EQ(vfs::Stat(context_, at_, "new", {}).error().code(), ENOENT);
  tree_.directory().Write("new", "");
  EXPECT_EQ(Stat("new").size, 0u);
  // Another file under the name.
  auto old = Open("file", O_RDONLY);
  tree_.directory().Write("other", "replaced");
  ASSERT_EQ(rename(tree_.host("other").c_str(), tree_.host("file").c_str()), 0);
  EXPECT_EQ(Read(*Open("file", O_RDONLY), 100, 0), "replaced");
  EXPECT_EQ(Read(*old, 100, 0), "three");
  ASSERT_EQ(unlink(tree_.host("file").c_str()), 0);
  EXPECT_EQ(vfs::Stat(context_, at_, "file", {}).error().code(), ENOENT);
}

TEST_F(GoferClientTest, CreateWriteReadBack) {
  uint64_t before = Requests();
  auto file = Open("new", O_RDWR | O_CREAT | O_EXCL, 0640);
  ASSERT_NE(file, nullptr);
  EXPECT_EQ(Requests() - before, 2u) << "one to look the name up, one to create and open";
  EXPECT_EQ(MUST(Write(*file, "hello ")), 6u);
  EXPECT_EQ(MUST(Write(*file, "world")), 5u);
  EXPECT_EQ(tree_.directory().Read("new"), "hello world");
  EXPECT_EQ(Read(*file, 100, 6), "world");
  Attributes seen = Stat("new");
  struct stat host = HostStat("new");
  EXPECT_EQ(seen.size, 11u);
  EXPECT_EQ(seen.mode, S_IFREG | 0640u);
  EXPECT_EQ(seen.modify_time.nanoseconds, host.st_mtim.tv_nsec);
  EXPECT_EQ(Requests() - before, 2u) << "data and attributes come from the descriptor";
}

TEST_F(GoferClientTest, LargeTransfersGoInPieces) {
  std::string large(1'000'003, '\0');
  for (size_t i = 0; i < large.size(); ++i) large[i] = static_cast<char>(i * 7 + i / 4096);
  auto file = Open("large", O_RDWR | O_CREAT);
  EXPECT_EQ(MUST(Write(*file, large)), large.size());
  EXPECT_EQ(tree_.directory().Read("large"), large);
  EXPECT_EQ(Read(*file, large.size() + 100, 0), large);
  EXPECT_EQ(Read(*file, 100, static_cast<int64_t>(large.size())), "");
}

TEST_F(GoferClientTest, ADescriptorForReadingIsUpgraded) {
  tree_.directory().Write("file", "abc");
  auto reader = Open("file", O_RDONLY);
  EXPECT_EQ(Read(*reader, 10, 0), "abc");
  auto writer = Open("file", O_WRONLY);
  EXPECT_EQ(MUST(Write(*writer, "XY", 1)), 2u);
  EXPECT_EQ(Read(*reader, 10, 0), "aXY");
}

TEST_F(GoferClientTest, AppendingGoesToTheEnd) {
  auto one = Open("log", O_WRONLY | O_CREAT | O_APPEND);
  auto other = Open("log", O_RDWR | O_APPEND);
  EXPECT_EQ(MUST(Write(*one, "aa")), 2u);
  EXPECT_EQ(MUST(Write(*other, "bbb")), 3u);
  EXPECT_EQ(MUST(Write(*one, "c")), 1u);
  EXPECT_EQ(MUST(Write(*one, "d", 0)), 1u) << "pwrite appends too";
  EXPECT_EQ(tree_.directory().Read("log"), "aabbbcd");
  EXPECT_EQ(one->offset(), 6);
  EXPECT_EQ(other->offset(), 5);
}

TEST_F(GoferClientTest, FileSizeLimit) {
  auto file = Open("file", O_RDWR | O_CREAT);
  context_.set_file_size_limit(10);
  EXPECT_EQ(MUST(Write(*file, "0123456", 5)), 5u);
  EXPECT_EQ(Write(*file, "x", 10).error().code(), EFBIG);
  auto appender = Open("file", O_WRONLY | O_APPEND);
  EXPECT_EQ(Write(*appender, "x").error().code(), EFBIG);
  EXPECT_EQ(file->Allocate(context_, 0, 0, 11).error().code(), EFBIG);
  EXPECT_EQ(TruncateDescription(context_, *file, 11).error().code(), EFBIG);
  EXPECT_EQ(HostStat("file").st_size, 10);
}

TEST_F(GoferClientTest, TruncateAllocateAndHoles) {
  auto file = Open("file", O_RDWR | O_CREAT);
  MUST(Write(*file, "0123456789"));
  uint64_t before = Requests();
  MUST(TruncateDescription(context_, *file, 4));
  EXPECT_EQ(Stat("file").size, 4u);
  MUST(file->Allocate(context_, 0, 0, 1 << 20));
  EXPECT_EQ(Stat("file").size, 1u << 20);
  EXPECT_EQ(Requests(), before);
  EXPECT_EQ(MUST(file->Seek(context_, 0, SEEK_END)), 1 << 20);
  EXPECT_EQ(MUST(file->Seek(context_, 0, SEEK_DATA)), 0);
  EXPECT_EQ(file->Seek(context_, 2 << 20, SEEK_DATA).error().code(), ENXIO);
  MUST(file->Sync(context_, false));
  MUST(file->Sync(context_, true));
}

TEST_F(GoferClientTest, SetIdBitsGoWhenAnOrdinaryUserWrites) {
  tree_.directory().Write("file", "x");
  ASSERT_EQ(chmod(tree_.host("file").c_str(), 06777), 0);
  MUST(Write(*Open("file", O_WRONLY), "y"));
  EXPECT_EQ(HostStat("file").st_mode & 07777, 06777u) << "root keeps them";
  EXPECT_EQ(Stat("file").mode & 07777, 06777u);
  context_.BecomeUser(1000, 1000);
  MUST(Write(*Open("file", O_WRONLY), "z"));
  EXPECT_EQ(HostStat("file").st_mode & 07777, 0777u);
  EXPECT_EQ(Stat("file").mode & 07777, 0777u);
}

TEST_F(GoferClientTest, RemovedAndRenamedFilesStayUsable) {
  auto file = Open("file", O_RDWR | O_CREAT);
  MUST(Write(*file, "data"));
  MUST(Rename(context_, at_, "file", at_, "renamed", 0));
  EXPECT_EQ(tree_.directory().Read("renamed"), "data");
  MUST(Unlink(context_, at_, "renamed"));
  tree_.client().descriptor_cache().set_limit(0);
  Open("other", O_RDWR | O_CREAT);
  Open("another", O_RDWR | O_CREAT);
  EXPECT_EQ(Read(*file, 10, 0), "data") << "asked for again, by its node";
  EXPECT_EQ(MUST(file->Stat(context_)).links, 0u);
  EXPECT_EQ(access(tree_.host("renamed").c_str(), F_OK), -1);
}

TEST_F(GoferClientTest, HardLinksAreOneInode) {
  tree_.directory().Write("one", "1");
  ASSERT_EQ(link(tree_.host("one").c_str(), tree_.host("two").c_str()), 0);
  auto one = Open("one", O_RDWR);
  auto two = Open("two", O_RDONLY);
  EXPECT_EQ(&one->inode(), &two->inode());
  MUST(Write(*one, "2"));
  EXPECT_EQ(Read(*two, 10, 0), "2");
  MUST(MakeLink(context_, one->path(), at_, "three"));
  EXPECT_EQ(Stat("two").links, 3u);
  MUST(Unlink(context_, at_, "one"));
  EXPECT_EQ(Stat("two").links, 2u);
}

TEST_F(GoferClientTest, DescriptorsAreBounded) {
  tree_.client().descriptor_cache().set_limit(20);
  std::map<int, base::RefPtr<FileDescription>> open;
  for (int i = 0; i < 200; ++i) {
    open[i] = Open("file" + std::to_string(i), O_RDWR | O_CREAT);
    MUST(Write(*open[i], std::to_string(i)));
  }
  EXPECT_LE(tree_.client().descriptor_cache().size(), 40u);
  for (int i = 0; i < 200; ++i) EXPECT_EQ(Read(*open[i], 10, 0), std::to_string(i));
  EXPECT_LE(tree_.client().descriptor_cache().size(), 40u);
}

TEST_F(GoferClientTest, MappingsShareOneObjectPerMode) {
  tree_.directory().Write("file", "mapped");
  auto file = Open("file", O_RDWR);
  auto read_only = MUST(file->Map(context_, false, true));
  EXPECT_FALSE(read_only->writable());
  EXPECT_EQ(fcntl(read_only->host_fd(), F_GETFL) & O_ACCMODE, O_RDONLY) << "a private mapping needs no more";
  EXPECT_EQ(MUST(file->Map(context_, true, false)), read_only);
  auto writable = MUST(file->Map(context_, true, true));
  ASSERT_NE(writable, read_only);
  void* address = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, writable->host_fd(), 0);
  ASSERT_NE(address, MAP_FAILED);
  Timestamp before = Stat("file").modify_time;
  memcpy(address, "M", 1);
  munmap(address, 4096);
  EXPECT_EQ(Read(*file, 10, 0), "Mapped");
  EXPECT_EQ(Stat("file").modify_time.nanoseconds, HostStat("file").st_mtim.tv_nsec);
  EXPECT_LE(before, Stat("file").modify_time);
}

TEST_F(GoferClientTest, SpecialFilesAreOnlyNames) {
  ASSERT_EQ(mkfifo(tree_.host("fifo").c_str(), 0644), 0);
  MUST(MakeNode(context_, at_, "socket", S_IFSOCK | 0600, 0, 0));
  EXPECT_EQ(Stat("fifo").mode, S_IFIFO | 0644u);
  EXPECT_TRUE(S_ISSOCK(HostStat("socket").st_mode));
  EXPECT_EQ(vfs::Open(context_, at_, "socket", {.flags = O_RDWR}).error().code(), ENXIO);
}

TEST_F(GoferClientTest, NodesAreForgotten) {
  for (int i = 0; i < 500; ++i) tree_.directory().Write("file" + std::to_string(i), "");
  size_t before = gofer::testing::CountDescriptors();
  for (int i = 0; i < 500; ++i) Stat("file" + std::to_string(i));
  EXPECT_GE(gofer::testing::CountDescriptors(), before + 500);
  tree_.root()->filesystem().dentry_cache().Clear();
  Stat("file0");
  EXPECT_LE(gofer::testing::CountDescriptors(), before + 5);
}

TEST_F(GoferClientTest, ADeadGoferGivesEio) {
  tree_.directory().Write("file", "still");
  tree_.directory().Write("unopened", "");
  auto file = Open("file", O_RDWR);
  tree_.Kill();
  EXPECT_EQ(Read(*file, 10, 0), "still");
  EXPECT_EQ(MUST(Write(*file, "S")), 1u);
  EXPECT_EQ(Stat("file").size, 5u);
  EXPECT_EQ(vfs::Stat(context_, at_, "unopened", {}).error().code(), EIO);
  EXPECT_EQ(vfs::Open(context_, at_, "new", {.flags = O_RDWR | O_CREAT}).error().code(), EIO);
  EXPECT_EQ(ChangeMode(context_, file->path(), 0600).error().code(), EIO);
  EXPECT_EQ(StatFilesystem(context_, file->path()).error().code(), EIO);
}

// Whoever waits for a connection of its own is told too; a lost connection is not handed on.
TEST_F(GoferClientTest, ADeadGoferLetsNobodyWait) {
  constexpr int kThreads = 8;
  for (int i = 0; i < 400; ++i) tree_.directory().Write("f" + std::to_string(i), "");
  std::atomic<int> answered{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      TestContext context;
      for (int i = t; i < 400; i += kThreads) {
        auto result = vfs::Stat(context, at_, "f" + std::to_string(i), {});
        EXPECT_TRUE(result.ok() || result.error().code() == EIO);
        ++answered;
      }
    });
  }
  while (answered.load() < 50) std::this_thread::yield();
  tree_.Kill();
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(answered.load(), 400);
}

// What the host says of a descriptor's owner goes through the sentry's user namespace.
TEST_F(GoferClientTest, OwnersComeFromTheGoferThoughTheFileIsOpen) {
  auto file = Open("file", O_RDWR | O_CREAT);
  MUST(ChangeOwner(context_, file->path(), base::KUid(1000), base::KGid(1001)));
  EXPECT_EQ(HostStat("file").st_uid, 1000u);
  ASSERT_EQ(chown(tree_.host("file").c_str(), 65534, 65534), 0);  // As the descriptor may show it.
  MUST(Write(*file, "text"));
  Attributes seen = MUST(file->Stat(context_));
  EXPECT_EQ(seen.size, 4u);
  EXPECT_EQ(seen.uid, base::KUid(1000));
  EXPECT_EQ(seen.gid, base::KGid(1001));
  MUST(ChangeOwner(context_, file->path(), base::KUid(7), std::nullopt));
  EXPECT_EQ(HostStat("file").st_uid, 7u);
  EXPECT_EQ(Stat("file").uid, base::KUid(7));
}

// A change that fails leaves it open what it did: the gofer is asked.
TEST_F(GoferClientTest, TheOwnerIsAskedForAfterAFailedChange) {
  auto file = Open("file", O_RDWR | O_CREAT);
  auto& inode = static_cast<GoferInode&>(file->inode());
  { GoferInode::Change change(inode, true); }
  ASSERT_EQ(chown(tree_.host("file").c_str(), 12, 34), 0);
  EXPECT_EQ(Stat("file").uid, base::KUid(12));
  uint64_t before = Requests();
  MUST(Write(*file, "text"));
  EXPECT_EQ(Stat("file").gid, base::KGid(34));
  EXPECT_EQ(Requests(), before);
}

class Names : public DirectorySink {
 public:
  explicit Names(size_t room) : room_(room) {}
  bool Add(std::string_view name, uint64_t inode, uint8_t type, int64_t next_offset) override {
    if (names.size() == room_) return false;
    names.emplace_back(name);
    inodes[std::string(name)] = inode;
    types[std::string(name)] = type;
    last_offset = next_offset;
    return true;
  }
  std::vector<std::string> names;
  std::map<std::string, uint64_t> inodes;
  std::map<std::string, uint8_t> types;
  int64_t last_offset = 0;

 private:
  const size_t room_;
};

TEST_F(GoferClientTest, ReadDirectory) {
  ASSERT_EQ(mkdir(tree_.host("d").c_str(), 0755), 0);
  for (int i = 0; i < 1000; ++i) tree_.directory().Write("d/file" + std::to_string(i), "");
  auto directory = Open("d", O_RDONLY | O_DIRECTORY);
  Names all(5000);
  MUST(directory->ReadDirectory(context_, all));
  EXPECT_EQ(all.names.size(), 1002u);
  EXPECT_EQ(all.names[0], ".");
  EXPECT_EQ(all.names[1], "..");
  EXPECT_EQ(all.inodes["."], Stat("d").inode);
  EXPECT_EQ(all.inodes[".."], Stat("/").inode);
  EXPECT_EQ(all.inodes["file7"], Stat("d/file7").inode);
  EXPECT_EQ(all.types["file7"], DT_REG);
  Names more(10);
  MUST(directory->ReadDirectory(context_, more));
  EXPECT_TRUE(more.names.empty());

  // In pieces, and from the middle, it is the same list; what is removed on the way shows no gap.
  EXPECT_EQ(MUST(directory->Seek(context_, 0, SEEK_SET)), 0);
  std::vector<std::string> pieces;
  for (;;) {
    Names piece(100);
    MUST(directory->ReadDirectory(context_, piece));
    if (piece.names.empty()) break;
    pieces.insert(pieces.end(), piece.names.begin(), piece.names.end());
    if (piece.names.back() != "..") MUST(Unlink(context_, at_, "d/" + piece.names.back()));
  }
  EXPECT_EQ(pieces, all.names);
  uint64_t before = Requests();
  MUST(directory->Seek(context_, 0, SEEK_SET));
  Names rest(5000);
  MUST(directory->ReadDirectory(context_, rest));
  EXPECT_EQ(rest.names.size(), 1002u - 11u);
  EXPECT_GT(Requests(), before) << "names have changed";
  before = Requests();
  Names again(5000);
  MUST(Open("d", O_RDONLY)->ReadDirectory(context_, again));
  EXPECT_EQ(again.names, rest.names);
  EXPECT_EQ(Requests(), before) << "none has changed";
}

}  // namespace
}  // namespace vfs
