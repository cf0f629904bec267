// SPDX-License-Identifier: Apache-2.0
// Several threads on one tree, under the lock order checker (debug builds) and ThreadSanitizer: nothing deadlocks, no
// file is lost or doubled, counts add up.
#include <dirent.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/fs.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <atomic>
#include <functional>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "vfs/mount.h"
#include "vfs/operations.h"
#include "vfs/testing/bytes.h"
#include "vfs/testing/test_context.h"
#include "vfs/tmpfs/tmpfs.h"

namespace vfs {
namespace {

class ConcurrencyTest : public testing::Test {
 protected:
  static constexpr int kThreads = 4;

  void Run(const std::function<void(Context&, std::mt19937&, int)>& step, int steps) {
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        TestContext context;
        std::mt19937 random(static_cast<unsigned>(t));
        for (int i = 0; i < steps; ++i) step(context, random, t);
      });
    }
    for (auto& thread : threads) thread.join();
  }

  class Names : public DirectorySink {
   public:
    bool Add(std::string_view name, uint64_t, uint8_t type, int64_t) override {
      if (name == "." || name == "..") return true;
      EXPECT_TRUE(names.emplace(name).second) << name << " seen twice";
      if (type == DT_DIR) directories.emplace(name);
      return true;
    }
    std::set<std::string> names, directories;
  };
  Names List(const std::string& name) {
    Names names;
    auto directory = MUST(Open(context_, at_, name, {.flags = O_RDONLY | O_DIRECTORY}));
    MUST(directory->ReadDirectory(context_, names));
    return names;
  }
  // Files and directories below, checking link counts and that every way back up leads where it came from.
  std::pair<int, int> Count(const std::string& name) {
    int files = 0, directories = 1;
    Names names = List(name);
    EXPECT_EQ(MUST(Stat(context_, at_, name, {})).links, 2 + names.directories.size()) << name;
    for (const std::string& child : names.names) {
      std::string path = name + "/" + child;
      if (!names.directories.contains(child)) {
        ++files;
        continue;
      }
      EXPECT_EQ(MUST(Walk(context_, at_, path + "/..", {})), MUST(Walk(context_, at_, name, {})));
      auto [below_files, below_directories] = Count(path);
      files += below_files;
      directories += below_directories;
    }
    return {files, directories};
  }

  TestContext context_;
  base::RefPtr<MountNamespace> mounts_ = MountNamespace::Create(
      Mount::Create(Tmpfs::Create(context_, {.pages = 10000, .inodes = 10000}), kMountRelatime, "tmpfs"));
  StartPoint at_{mounts_->root(), mounts_->root()};
};

std::string Somewhere(std::mt19937& random) {
  static const char* const kNames[] = {"a", "b", "c"};
  std::string path;
  for (unsigned i = 0; i <= random() % 3; ++i) path += std::string("/") + kNames[random() % 3];
  return path;
}

TEST_F(ConcurrencyTest, EverythingAtOnce) {
  Run(
      [&](Context& context, std::mt19937& random, int) {
        std::string one = Somewhere(random), other = Somewhere(random);
        switch (random() % 10) {
          case 0:
          case 1:
            (void)MakeDirectory(context, at_, one, 0755);
            break;
          case 2:
            (void)Open(context, at_, one, {.flags = O_CREAT | O_WRONLY, .mode = 0644});
            break;
          case 3:
            (void)Unlink(context, at_, one);
            break;
          case 4:
            (void)RemoveDirectory(context, at_, one);
            break;
          case 5:
          case 6:
            (void)Rename(context, at_, one, at_, other, 0);
            break;
          case 7:
            (void)Rename(context, at_, one, at_, other, RENAME_EXCHANGE);
            break;
          case 8:
            if (auto path = Walk(context, at_, one, {}); path.ok()) (void)MakeLink(context, *path, at_, other);
            break;
          default:
            if (auto path = Walk(context, at_, one + "/../.", {}); path.ok()) (void)PathName(*path, at_.root);
        }
      },
      5000);
  (void)Count("/.");
}

TEST_F(ConcurrencyTest, ExclusiveCreationHasOneWinner) {
  std::atomic<int> wins{0};
  std::atomic<int> turn{0};
  Run(
      [&](Context& context, std::mt19937&, int) {
        int round = turn.fetch_add(1) / kThreads;
        auto made = Open(context, at_, "/f" + std::to_string(round), {.flags = O_CREAT | O_EXCL, .mode = 0600});
        if (made.ok()) {
          ++wins;
        } else {
          EXPECT_EQ(made.error().code(), EEXIST);
        }
      },
      1000);
  EXPECT_EQ(wins, 1000);
  EXPECT_EQ(Count("/.").first, 1000);
}

TEST_F(ConcurrencyTest, RenamesNeitherLoseNorDouble) {
  for (const char* directory : {"/a", "/b", "/c", "/a/x"}) MUST(MakeDirectory(context_, at_, directory, 0755));
  constexpr int kFiles = 20;
  for (int i = 0; i < kFiles; ++i) {
    MUST(MakeNode(context_, at_, "/a/f" + std::to_string(i), S_IFREG | 0600, 0, 0));
  }
  Run(
      [&](Context& context, std::mt19937& random, int) {
        static const char* const kDirectories[] = {"/a/", "/b/", "/c/", "/a/x/"};
        std::string name = "f" + std::to_string(random() % kFiles);
        (void)Rename(context, at_, kDirectories[random() % 4] + name, at_, kDirectories[random() % 4] + name, 0);
      },
      4000);
  auto [files, directories] = Count("/.");
  EXPECT_EQ(files, kFiles);
  EXPECT_EQ(directories, 5);
}

TEST_F(ConcurrencyTest, DirectoriesMovedIntoEachOtherMakeNoCircle) {
  for (const char* directory : {"/a", "/b", "/c", "/d"}) MUST(MakeDirectory(context_, at_, directory, 0755));
  Run(
      [&](Context& context, std::mt19937& random, int) {
        static const char* const kNames[] = {"a", "b", "c", "d"};
        // From wherever it is: the names move about.
        std::string from, to;
        for (unsigned i = 0; i <= random() % 3; ++i) from += std::string("/") + kNames[random() % 4];
        for (unsigned i = 0; i <= random() % 3; ++i) to += std::string("/") + kNames[random() % 4];
        (void)Rename(context, at_, from, at_, to, RENAME_NOREPLACE);
      },
      5000);
  EXPECT_EQ(Count("/.").second, 5);
}

TEST_F(ConcurrencyTest, MountsComeAndGoUnderWalkers) {
  MUST(MakeDirectory(context_, at_, "/m", 0755));
  MUST(MakeDirectory(context_, at_, "/m/under", 0755));
  Run(
      [&](Context& context, std::mt19937&, int thread) {
        if (thread == 0) {
          auto place = Walk(context, at_, "/m", {});
          auto mount = Mount::Create(Tmpfs::Create(context, {}), kMountRelatime, "tmpfs");
          if (place.ok()) (void)mounts_->Attach(std::move(mount), *place);
        } else if (thread == 1) {
          auto place = Walk(context, at_, "/m", {});
          if (place.ok()) (void)mounts_->Unmount(std::move(place).value(), MNT_DETACH);
        } else {
          if (auto path = Walk(context, at_, "/m/under/../..", {}); path.ok()) {
            EXPECT_EQ(*path, at_.root);
          }
          (void)Open(context, at_, "/m/new", {.flags = O_CREAT | O_WRONLY, .mode = 0600});
          (void)mounts_->List(at_.root);
        }
      },
      1000);
  while (mounts_->List(at_.root).size() > 1) {
    MUST(mounts_->Unmount(MUST(Walk(context_, at_, "/m", {})), MNT_DETACH));
  }
  EXPECT_TRUE(Walk(context_, at_, "/m/under", {}).ok());
}

TEST_F(ConcurrencyTest, AppendsAllArrive) {
  MUST(MakeNode(context_, at_, "/log", S_IFREG | 0600, 0, 0));
  Run(
      [&](Context& context, std::mt19937&, int thread) {
        auto file = MUST(Open(context, at_, "/log", {.flags = O_WRONLY | O_APPEND}));
        MUST(WriteText(context, *file, std::string(10, static_cast<char>('a' + thread))));
      },
      500);
  auto file = MUST(Open(context_, at_, "/log", {.flags = O_RDONLY}));
  std::string all = MUST(ReadText(context_, *file, 100'000));
  ASSERT_EQ(all.size(), size_t{kThreads} * 500 * 10);
  for (size_t at = 0; at < all.size(); at += 10) ASSERT_EQ(all.substr(at, 10), std::string(10, all[at]));
}

}  // namespace
}  // namespace vfs
