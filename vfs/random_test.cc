// SPDX-License-Identifier: Apache-2.0
// Random calls on a few names, on our tmpfs and on the host's: each must answer the same. What Linux's fs.protected_*
// settings forbid (links to others' files, sticky directories everybody may write) is left out: we have no such
// settings.
#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <string>
#include <vector>

#include "vfs/testing/script.h"

namespace vfs {
namespace {

class CallMaker {
 public:
  explicit CallMaker(unsigned seed) : random_(seed) {}

  std::string Next() {
    static const std::vector<std::string> kModes{"755", "700", "777", "1777", "2775", "0", "111"};
    static const std::vector<std::string> kFlags{"r",
                                                 "w",
                                                 "rw",
                                                 "r+dir",
                                                 "w+creat",
                                                 "w+creat+excl",
                                                 "r+trunc",
                                                 "w+creat+trunc",
                                                 "r+nofollow",
                                                 "w+creat+nofollow",
                                                 "r+path+nofollow",
                                                 "rw+append"};
    static const std::vector<std::string> kHow{"", "", "", " noreplace", " exchange"};
    switch (random_() % 24) {
      case 0:
      case 1:
        return "mkdir " + Name() + " " + Pick(kModes);
      case 2:
        return "mknod " + Name() + " f " + Pick(kModes);
      case 3:
      case 4:
        return "symlink " + Name() + " " + Name();
      case 5:
        if (!root_) return "stat " + Name();
        return (random_() % 2 == 0 ? "link " : "linkfollow ") + Name() + " " + Name();
      case 6:
        return "unlink " + Name();
      case 7:
        return "rmdir " + Name();
      case 8:
      case 9:
      case 10:
        return "rename " + Name() + " " + Name() + Pick(kHow);
      case 11:
        return "open " + Name() + " " + Pick(kFlags) + " " + Pick(kModes);
      case 12:
        return "stat " + Name();
      case 13:
        return "lstat " + Name();
      case 14:
        return "where " + Name();
      case 15:
        return "readlink " + Name();
      case 16:
        return "list " + Name();
      case 17:
        return "chmod " + Name() + " " + Pick(kModes);
      case 18:
        return "lchown " + Name() + " " + std::to_string(random_() % 3) + " " + std::to_string(random_() % 3);
      case 19:
        return "access " + Name() + " " + Pick({"r", "w", "x", "rwx"});
      case 20:
        root_ = random_() % 2 == 0;
        return "as " + (root_ ? "0 0" : Pick({"1 1", "2 2 group=1", "1 2 caps=1", "1 2 caps=3"}));
      case 21:
        return "chdir " + Name();
      case 22:
        return "write " + Name() + " text";
      default:
        return "truncate " + Name() + " " + std::to_string(random_() % 3 * 3000);
    }
  }

 private:
  std::string Pick(const std::vector<std::string>& from) { return from[random_() % from.size()]; }
  std::string Name() {
    static const std::vector<std::string> kParts{"a", "b", "c", "a", "b", "c", "..", "."};
    std::string name = random_() % 8 == 0 ? "/" : "";
    size_t count = 1 + random_() % 3;
    for (size_t i = 0; i < count; ++i) name += (i != 0 ? "/" : "") + Pick(kParts);
    if (random_() % 10 == 0) name += '/';
    return name;
  }

  std::mt19937 random_;
  bool root_ = true;
};

// A merged directory of an overlay has one link, whatever is in it (Linux's overlayfs too).
std::string WithoutDirectoryLinks(const std::string& answer) {
  size_t links = answer.starts_with("dir ") ? answer.find(" n=") : std::string::npos;
  return answer.substr(0, links);
}

class RandomTest : public testing::TestWithParam<unsigned> {};

TEST_P(RandomTest, AnswersAsLinux) {
  if (!NativeAvailable()) GTEST_SKIP() << "needs root for a native tmpfs";
  CallMaker maker(GetParam());
  std::vector<std::string> calls;
  for (int i = 0; i < 3000; ++i) calls.push_back(maker.Next());
  std::vector<std::string> native = RunNative(calls);
  ASSERT_EQ(native.size(), calls.size());
  for (const auto& filesystem : MakeScriptFilesystems()) {
    auto target = MakeVfsTarget(*filesystem);
    bool counts_links = filesystem->name() != "overlay";
    for (size_t i = 0; i < calls.size(); ++i) {
      std::string ours = target->Run(SplitWords(calls[i]));
      std::string expected = native[i];
      if (!counts_links) {
        ours = WithoutDirectoryLinks(ours);
        expected = WithoutDirectoryLinks(expected);
      }
      ASSERT_EQ(ours, expected) << filesystem->name() << ", call " << i << ": " << calls[i];
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomTest, testing::Range(1u, 13u));

}  // namespace
}  // namespace vfs
