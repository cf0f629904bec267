// SPDX-License-Identifier: Apache-2.0
#include "vfs/tmpfs/tmpfs.h"

#include <dirent.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/falloc.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "vfs/mount.h"
#include "vfs/operations.h"
#include "vfs/testing/bytes.h"
#include "vfs/testing/test_context.h"
#include "vfs/tmpfs/tmpfs_directory.h"

namespace vfs {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

class TmpfsTest : public testing::Test {
 protected:
  TmpfsTest() { Mount({}); }

  void Mount(const TmpfsOptions& options, unsigned flags = kMountRelatime) {
    at_ = {};
    mounts_ = MountNamespace::Create(vfs::Mount::Create(Tmpfs::Create(context_, options), flags, "tmpfs"));
    at_ = {mounts_->root(), mounts_->root()};
  }
  base::RefPtr<FileDescription> OpenFile(const std::string& name, int flags = O_RDWR | O_CREAT, uint32_t mode = 0644) {
    return MUST(Open(context_, at_, name, {.flags = flags, .mode = mode}));
  }
  Attributes StatOf(const std::string& name) { return MUST(Stat(context_, at_, name, {})); }
  FilesystemStatus Status() { return MUST(StatFilesystem(context_, at_.root)); }
  uint64_t UsedPages() {
    FilesystemStatus status = Status();
    return status.blocks - status.blocks_free;
  }
  uint64_t UsedInodes() {
    FilesystemStatus status = Status();
    return status.files - status.files_free;
  }

  TestContext context_;
  base::RefPtr<MountNamespace> mounts_;
  StartPoint at_;
};

TEST_F(TmpfsTest, OptionsAreRead) {
  auto parse = [](std::string_view data) { return TmpfsOptions::Parse(data, 1 << 30); };
  EXPECT_EQ(parse("")->pages, (1u << 29) / 4096);
  EXPECT_EQ(parse("")->mode, 01777u);
  EXPECT_EQ(parse("size=64m")->pages, 64u * 256);
  EXPECT_EQ(parse("size=65536k,mode=755,uid=3,gid=4")->mode, 0755u);
  EXPECT_EQ(parse("uid=3,gid=4")->gid.value(), 4u);
  EXPECT_EQ(parse("size=4097")->pages, 2u);
  EXPECT_EQ(parse("size=50%")->pages, (1u << 29) / 4096);
  EXPECT_EQ(parse("size=0")->pages, 0u);
  EXPECT_EQ(parse("nr_inodes=10k")->inodes, 10240u);
  EXPECT_EQ(parse("huge=never,inode64,,size=4k")->pages, 1u);
  for (const char* bad : {"size=", "size=x", "size=4q", "size=101%", "mode=9", "uid=-1", "uid=4294967295", "color=red",
                          "size=99999999999t", "nr_inodes=1 "}) {
    EXPECT_EQ(ErrorOf(parse(bad)), EINVAL) << bad;
  }
}

TEST_F(TmpfsTest, SmallAndLargeContents) {
  for (size_t size : {1ul, 4095ul, 4096ul, 4097ul, 65536ul, 200001ul}) {
    std::string text(size, '\0');
    for (size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + i % 23);
    auto file = OpenFile("f" + std::to_string(size));
    ASSERT_EQ(*WriteText(context_, *file, text), size);
    EXPECT_EQ(*ReadTextAt(context_, *file, size + 10, 0), text) << size;
    EXPECT_EQ(*ReadTextAt(context_, *file, 10, static_cast<int64_t>(size)), "");
    EXPECT_EQ(*ReadTextAt(context_, *file, 10, static_cast<int64_t>(size) - 1), text.substr(size - 1));
    EXPECT_EQ(StatOf("f" + std::to_string(size)).blocks, (size + 4095) / 4096 * 8) << size;
  }
}

TEST_F(TmpfsTest, HolesReadAsZeroAndTakeNothing) {
  Mount({.pages = 1000, .inodes = 10});
  auto file = OpenFile("f");
  ASSERT_EQ(*WriteTextAt(context_, *file, "end", 1'000'000), 3u);
  EXPECT_EQ(StatOf("f").size, 1'000'003u);
  EXPECT_EQ(UsedPages(), 1u);
  EXPECT_EQ(*ReadTextAt(context_, *file, 4, 5000), std::string(4, '\0'));
  EXPECT_EQ(*file->Seek(context_, 0, SEEK_DATA), 1'000'000 / 4096 * 4096);
  EXPECT_EQ(*file->Seek(context_, 0, SEEK_HOLE), 0);
  EXPECT_EQ(*file->Seek(context_, 1'000'001, SEEK_HOLE), 1'000'003);
  EXPECT_EQ(ErrorOf(file->Seek(context_, 1'000'003, SEEK_DATA)), ENXIO);
  EXPECT_EQ(*WriteTextAt(context_, *file, std::string(8192, 'x'), 4096), 8192u);
  EXPECT_EQ(UsedPages(), 3u);
  // Filled in from the front: what is there already is not counted again.
  EXPECT_EQ(*WriteTextAt(context_, *file, std::string(16384, 'y'), 0), 16384u);
  EXPECT_EQ(UsedPages(), 5u);
  EXPECT_EQ(ErrorOf(file->Allocate(context_, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4096, 8192)), 0);
  EXPECT_EQ(UsedPages(), 3u);
  EXPECT_EQ(ErrorOf(file->Allocate(context_, FALLOC_FL_PUNCH_HOLE, 4096, 8192)), EOPNOTSUPP);
  EXPECT_EQ(ErrorOf(file->Allocate(context_, 0, 4096, 8192)), 0);
  EXPECT_EQ(UsedPages(), 5u);
  MUST(TruncateDescription(context_, *file, 4097));
  EXPECT_EQ(UsedPages(), 2u);
  MUST(TruncateDescription(context_, *file, 0));
  EXPECT_EQ(UsedPages(), 0u);
}

TEST_F(TmpfsTest, SizeLimit) {
  Mount({.pages = 4, .inodes = 100});
  auto file = OpenFile("f");
  EXPECT_EQ(*WriteText(context_, *file, std::string(20000, 'x')), 16384u);
  EXPECT_EQ(ErrorOf(WriteText(context_, *file, "x")), ENOSPC);
  auto other = OpenFile("g");
  EXPECT_EQ(ErrorOf(WriteText(context_, *other, "x")), ENOSPC);
  // What exists can be written again.
  EXPECT_EQ(*WriteTextAt(context_, *file, std::string(16384, 'y'), 0), 16384u);
  MUST(TruncateDescription(context_, *file, 8193));
  EXPECT_EQ(UsedPages(), 3u);
  EXPECT_EQ(*WriteText(context_, *other, "x"), 1u);
  EXPECT_EQ(ErrorOf(file->Allocate(context_, 0, 0, 16384)), ENOSPC);
  EXPECT_EQ(UsedPages(), 4u);
  file = nullptr;
  MUST(Unlink(context_, at_, "f"));
  EXPECT_EQ(UsedPages(), 1u);
  other = nullptr;
  MUST(Unlink(context_, at_, "g"));
  EXPECT_EQ(UsedPages(), 0u);
}

TEST_F(TmpfsTest, InodeLimit) {
  Mount({.pages = 0, .inodes = 4});
  EXPECT_EQ(UsedInodes(), 1u);
  MUST(MakeDirectory(context_, at_, "d", 0755));
  MUST(MakeSymlink(context_, "d", at_, "l"));
  auto file = OpenFile("f");
  EXPECT_EQ(ErrorOf(MakeDirectory(context_, at_, "d2", 0755)), ENOSPC);
  EXPECT_EQ(ErrorOf(MakeSymlink(context_, "d", at_, "l2")), ENOSPC);
  EXPECT_EQ(ErrorOf(Open(context_, at_, "f2", {.flags = O_CREAT | O_WRONLY, .mode = 0600})), ENOSPC);
  // Open but removed, it still counts.
  MUST(Unlink(context_, at_, "f"));
  EXPECT_EQ(UsedInodes(), 4u);
  file = nullptr;
  EXPECT_EQ(UsedInodes(), 3u);
  MUST(RemoveDirectory(context_, at_, "d"));
  MUST(Unlink(context_, at_, "l"));
  EXPECT_EQ(UsedInodes(), 1u);
  EXPECT_EQ(Status().blocks, 0u);
}

TEST_F(TmpfsTest, FileSizeLimitOfTheProcess) {
  auto file = OpenFile("f");
  context_.set_file_size_limit(10);
  EXPECT_EQ(*WriteText(context_, *file, "0123456789abc"), 10u);
  EXPECT_EQ(ErrorOf(WriteText(context_, *file, "x")), EFBIG);
  EXPECT_EQ(*WriteText(context_, *file, ""), 0u);
  EXPECT_EQ(ErrorOf(TruncateDescription(context_, *file, 11)), EFBIG);
  EXPECT_EQ(ErrorOf(TruncateDescription(context_, *file, 10)), 0);
  EXPECT_EQ(ErrorOf(file->Allocate(context_, 0, 0, 11)), EFBIG);
}

TEST_F(TmpfsTest, Appending) {
  auto one = OpenFile("f", O_CREAT | O_WRONLY | O_APPEND);
  auto other = OpenFile("f", O_WRONLY);
  MUST(WriteText(context_, *one, "aaa"));
  MUST(WriteText(context_, *other, "bbbbb"));
  MUST(WriteText(context_, *one, "cc"));
  EXPECT_EQ(*one->Seek(context_, 0, SEEK_CUR), 7);
  MUST(WriteTextAt(context_, *one, "dd", 0));
  auto reader = OpenFile("f", O_RDONLY);
  EXPECT_EQ(*ReadText(context_, *reader, 100), "bbbbbccdd");
  MUST(other->SetStatusFlags(context_, O_APPEND));
  MUST(WriteText(context_, *other, "e"));
  EXPECT_EQ(StatOf("f").size, 10u);
}

TEST_F(TmpfsTest, Times) {
  context_.set_now(100 * kSecond);
  auto file = OpenFile("f");
  auto times = [&] {
    Attributes attributes = StatOf("f");
    return std::vector<int64_t>{attributes.access_time.seconds, attributes.modify_time.seconds,
                                attributes.change_time.seconds, attributes.birth_time.seconds};
  };
  EXPECT_EQ(times(), (std::vector<int64_t>{100, 100, 100, 100}));
  EXPECT_EQ(StatOf("/").modify_time.seconds, 100);
  context_.set_now(110 * kSecond);
  MUST(WriteText(context_, *file, "x"));
  EXPECT_EQ(times(), (std::vector<int64_t>{100, 110, 110, 100}));
  context_.set_now(120 * kSecond);
  MUST(ReadTextAt(context_, *file, 1, 0));
  EXPECT_EQ(times(), (std::vector<int64_t>{120, 110, 110, 100}));
  // Relatime: read again after no change, within a day.
  context_.set_now(130 * kSecond);
  MUST(ReadTextAt(context_, *file, 1, 0));
  EXPECT_EQ(times()[0], 120);
  context_.set_now((120 + 24 * 3600) * kSecond);
  MUST(ReadTextAt(context_, *file, 1, 0));
  EXPECT_EQ(times()[0], 120 + 24 * 3600);
  context_.set_now(200'000 * kSecond);
  MUST(ChangeMode(context_, MUST(Walk(context_, at_, "f", {})), 0600));
  EXPECT_EQ(times()[2], 200'000);
  EXPECT_EQ(times()[1], 110);
  MUST(Rename(context_, at_, "f", at_, "g", 0));
  EXPECT_EQ(StatOf("/").modify_time.seconds, 200'000);
}

TEST_F(TmpfsTest, NoAccessTimesWhereNotWanted) {
  Mount({}, kMountNoAtime);
  context_.set_now(100 * kSecond);
  auto file = OpenFile("f");
  MUST(WriteText(context_, *file, "x"));
  context_.set_now(200 * kSecond);
  MUST(ReadTextAt(context_, *file, 1, 0));
  EXPECT_EQ(StatOf("f").access_time.seconds, 100);
}

TEST_F(TmpfsTest, MappingMovesToAMemfd) {
  auto file = OpenFile("f");
  MUST(WriteText(context_, *file, "hello"));
  auto mappable = MUST(file->Map(context_, true, true));
  EXPECT_EQ(mappable.get(), MUST(OpenFile("f")->Map(context_, true, true)).get());
  EXPECT_EQ(mappable->host_fd(), MUST(OpenFile("f", O_RDONLY)->Map(context_, false, false))->host_fd());
  char text[6] = {};
  ASSERT_EQ(pread(mappable->host_fd(), text, 5, 0), 5);
  EXPECT_STREQ(text, "hello");
  // What a guest writes through the mapping is what others read, and counts.
  ASSERT_EQ(pwrite(mappable->host_fd(), "J", 1, 0), 1);
  EXPECT_EQ(*ReadTextAt(context_, *file, 10, 0), "Jello");
  MUST(TruncateDescription(context_, *file, 100'000));
  ASSERT_EQ(pwrite(mappable->host_fd(), "x", 1, 50'000), 1);
  EXPECT_EQ(StatOf("f").blocks, 16u);
}

struct Name {
  std::string name;
  uint8_t type = 0;
  int64_t next = 0;
};

class Collector : public DirectorySink {
 public:
  explicit Collector(size_t most = SIZE_MAX) : most_(most) {}
  bool Add(std::string_view name, uint64_t, uint8_t type, int64_t next) override {
    if (names.size() == most_) return false;
    names.push_back({std::string(name), type, next});
    return true;
  }
  std::string Joined() const {
    std::string text;
    for (const Name& name : names) text += (text.empty() ? "" : " ") + name.name;
    return text;
  }
  std::vector<Name> names;

 private:
  size_t most_;
};

TEST_F(TmpfsTest, ReadingADirectoryInPieces) {
  MUST(MakeDirectory(context_, at_, "d", 0755));
  for (const char* name : {"d/a", "d/b", "d/c"}) OpenFile(name);
  MUST(MakeSymlink(context_, "a", at_, "d/l"));
  auto directory = OpenFile("d", O_RDONLY | O_DIRECTORY);
  std::string all;
  for (;;) {
    Collector one(1);
    MUST(directory->ReadDirectory(context_, one));
    if (one.names.empty()) break;
    all += one.names[0].name + std::to_string(one.names[0].type) + " ";
  }
  EXPECT_EQ(all, ".4 ..4 a8 b8 c8 l10 ");
}

TEST_F(TmpfsTest, PlacesInADirectoryHold) {
  MUST(MakeDirectory(context_, at_, "d", 0755));
  for (const char* name : {"d/a", "d/b", "d/c", "d/e"}) OpenFile(name);
  auto directory = OpenFile("d", O_RDONLY | O_DIRECTORY);
  Collector first(3);
  MUST(directory->ReadDirectory(context_, first));
  EXPECT_EQ(first.Joined(), ". .. a");
  // What was read goes, what is to come goes, something new comes: the rest is neither missed nor seen twice.
  MUST(Unlink(context_, at_, "d/a"));
  MUST(Unlink(context_, at_, "d/b"));
  OpenFile("d/new");
  Collector rest;
  MUST(directory->ReadDirectory(context_, rest));
  EXPECT_EQ(rest.Joined(), "c e");
  // From the start again: now with the new one.
  EXPECT_EQ(*directory->Seek(context_, 0, SEEK_SET), 0);
  Collector again;
  MUST(directory->ReadDirectory(context_, again));
  EXPECT_EQ(again.Joined(), ". .. c e new");
  // A kept place.
  int64_t behind_c = again.names[2].next;
  MUST(Unlink(context_, at_, "d/c"));
  EXPECT_EQ(*directory->Seek(context_, behind_c, SEEK_SET), behind_c);
  Collector from_there;
  MUST(directory->ReadDirectory(context_, from_there));
  EXPECT_EQ(from_there.Joined(), "e new");
}

TEST_F(TmpfsTest, ReadingWhileMakingNamesEnds) {
  auto directory = OpenFile("/", O_RDONLY | O_DIRECTORY);
  for (int i = 0; i < 10; ++i) OpenFile("f" + std::to_string(i));
  int seen = 0;
  for (;;) {
    Collector one(1);
    MUST(directory->ReadDirectory(context_, one));
    if (one.names.empty()) break;
    ASSERT_LT(++seen, 100);
    OpenFile("new" + std::to_string(seen));
  }
  EXPECT_EQ(seen, 12);
}

TEST_F(TmpfsTest, DeepTreesGoDownWithoutRecursion) {
  // Deeper than any stack of ours would take.
  constexpr int kDepth = 200'000;
  Path here = at_.root;
  for (int i = 0; i < kDepth; ++i) {
    StartPoint at{at_.root, here};
    MUST(MakeDirectory(context_, at, "d", 0755));
    here = MUST(Walk(context_, at, "d", {}));
  }
  // All of a path's dentries go at once, then all inodes.
  here = {};
  at_ = {};
  mounts_ = nullptr;
}

TEST_F(TmpfsTest, NothingOutlivesItsMount) {
  for (int i = 0; i < 100; ++i) OpenFile("f" + std::to_string(i));
  MUST(MakeDirectory(context_, at_, "d", 0755));
  OpenFile("d/x");
  (void)Stat(context_, at_, "missing", {});
  base::RefPtr<Filesystem> filesystem(&at_.root.mount->filesystem());
  at_ = {};
  mounts_ = nullptr;
  EXPECT_EQ(filesystem->reference_count(), 1u);
}

TEST_F(TmpfsTest, UnnamedFilesGetNamesByLink) {
  Mount({.pages = 100, .inodes = 100});
  MUST(MakeDirectory(context_, at_, "d", 0755));
  auto file = OpenFile("d", O_TMPFILE | O_RDWR, 0640);
  MUST(WriteText(context_, *file, "text"));
  EXPECT_EQ(MUST(file->Stat(context_)).links, 0u);
  EXPECT_EQ(PathName(file->path(), at_.root).Shown(),
            "/d/#" + std::to_string(MUST(file->Stat(context_)).inode) + " (deleted)");
  MUST(MakeLink(context_, file->path(), at_, "named"));
  EXPECT_EQ(StatOf("named").size, 4u);
  EXPECT_EQ(StatOf("named").links, 1u);
  auto exclusive = OpenFile("d", O_TMPFILE | O_RDWR | O_EXCL, 0640);
  EXPECT_EQ(ErrorOf(MakeLink(context_, exclusive->path(), at_, "other")), ENOENT);
  MUST(Unlink(context_, at_, "named"));
  EXPECT_EQ(UsedInodes(), 4u);
  file = exclusive = nullptr;
  EXPECT_EQ(UsedInodes(), 2u);
}

}  // namespace
}  // namespace vfs
