// SPDX-License-Identifier: Apache-2.0
#include "vfs/dentry.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <map>
#include <memory>
#include <string>

#include "vfs/mount.h"
#include "vfs/operations.h"
#include "vfs/testing/test_context.h"

namespace vfs {
namespace {

// A filesystem that counts how often it is asked, and whose names can change behind the vfs's back.
class FakeFilesystem : public Filesystem {
 public:
  explicit FakeFilesystem(NameCache cache) : cache_(cache) {}
  std::string_view type_name() const override { return "fake"; }
  base::Result<FilesystemStatus> Status(Context&) override { return FilesystemStatus{}; }
  NameCache name_cache() const override { return cache_; }
  bool Revalidate(Context&, Inode& directory, std::string_view name, Inode& inode) override;

  const NameCache cache_;
  int lookups = 0;
  int revalidations = 0;
  int alive = 0;
};

class FakeInode : public Inode {
 public:
  FakeInode(base::RefPtr<FakeFilesystem> filesystem, uint32_t mode) : Inode(filesystem, mode), mode_(mode) {
    ++fake().alive;
  }
  ~FakeInode() override { --fake().alive; }
  FakeFilesystem& fake() const { return static_cast<FakeFilesystem&>(filesystem()); }

  base::Result<Attributes> Stat(Context&) override { return Attributes{.mode = mode_, .links = 1}; }
  base::Result<void> SetAttributes(Context&, const AttributeChange&) override { return base::Errno(EPERM); }
  base::Result<base::RefPtr<FileDescription>> Open(Context&, const Path&, int) override { return base::Errno(ENXIO); }
  base::Result<base::RefPtr<Inode>> Lookup(Context&, std::string_view name) override {
    ++fake().lookups;
    auto it = names.find(name);
    if (it == names.end()) return base::Errno(ENOENT);
    base::RefPtr<FakeFilesystem> filesystem(&fake());
    // Made when asked for, as those of a host's files are.
    if (it->second == 'd') return base::RefPtr<Inode>(base::MakeRef<FakeInode>(filesystem, S_IFDIR | 0755));
    return base::RefPtr<Inode>(base::MakeRef<FakeInode>(filesystem, S_IFREG | 0644));
  }
  base::Result<void> Unlink(Context&, std::string_view name, Inode&) override {
    names.erase(names.find(name));
    return {};
  }
  base::Result<base::RefPtr<Inode>> Create(Context&, std::string_view name, const CreateOptions& options) override {
    names.emplace(name, S_ISDIR(options.mode) ? 'd' : 'f');
    return base::RefPtr<Inode>(base::MakeRef<FakeInode>(base::RefPtr<FakeFilesystem>(&fake()), options.mode));
  }

  std::map<std::string, char, std::less<>> names;

 private:
  const uint32_t mode_;
};

bool FakeFilesystem::Revalidate(Context&, Inode& directory, std::string_view name, Inode&) {
  ++revalidations;
  return static_cast<FakeInode&>(directory).names.contains(name);
}

class DentryTest : public testing::Test {
 protected:
  void Make(NameCache cache) {
    filesystem_ = base::MakeRef<FakeFilesystem>(cache);
    root_inode_ = base::MakeRef<FakeInode>(filesystem_, S_IFDIR | 0755);
    root_inode_->names = {{"a", 'f'}, {"b", 'f'}, {"d", 'd'}};
    auto mount = Mount::Create(Dentry::CreateRoot(root_inode_), 0, "fake");
    at_ = {mount->root_path(), mount->root_path()};
  }
  base::Result<Path> Find(const std::string& name) { return Walk(context_, at_, name, {}); }
  size_t cached() { return filesystem_->dentry_cache().size(); }

  TestContext context_;
  base::RefPtr<FakeFilesystem> filesystem_;
  base::RefPtr<FakeInode> root_inode_;
  StartPoint at_;
};

TEST_F(DentryTest, TrustedNamesAreAskedForOnce) {
  Make(NameCache::kTrusted);
  Inode* first = MUST(Find("a")).dentry->inode().get();
  EXPECT_EQ(MUST(Find("a")).dentry->inode().get(), first);
  EXPECT_EQ(filesystem_->lookups, 1);
  EXPECT_FALSE(Find("x").ok());
  EXPECT_FALSE(Find("x").ok());
  EXPECT_EQ(filesystem_->lookups, 2);
  // What was missing can be made.
  MUST(MakeNode(context_, at_, "x", S_IFREG | 0600, 0, 0));
  EXPECT_TRUE(Find("x").ok());
  EXPECT_EQ(filesystem_->lookups, 2);
  MUST(Unlink(context_, at_, "x"));
  EXPECT_FALSE(Find("x").ok());
  EXPECT_EQ(filesystem_->lookups, 2);
  EXPECT_EQ(filesystem_->revalidations, 0);
}

TEST_F(DentryTest, RevalidatedNamesAreCheckedEachTime) {
  Make(NameCache::kRevalidated);
  Path a = MUST(Find("a"));
  EXPECT_EQ(filesystem_->lookups, 1);
  EXPECT_EQ(filesystem_->revalidations, 0);
  EXPECT_EQ(MUST(Find("a")).dentry, a.dentry);
  EXPECT_EQ(filesystem_->lookups, 1);
  EXPECT_EQ(filesystem_->revalidations, 1);
  // Missing names are not remembered: somebody else may make them.
  EXPECT_FALSE(Find("x").ok());
  root_inode_->names.emplace("x", 'f');
  EXPECT_TRUE(Find("x").ok());
  // Somebody else removes one.
  root_inode_->names.erase("a");
  EXPECT_FALSE(Find("a").ok());
  EXPECT_TRUE(a.dentry->is_deleted());
  root_inode_->names.emplace("a", 'f');
  EXPECT_NE(MUST(Find("a")).dentry, a.dentry);
}

TEST_F(DentryTest, UncachedNamesGoWithTheirUsers) {
  Make(NameCache::kUncached);
  int alive = filesystem_->alive;
  {
    Path d = MUST(Find("d"));
    EXPECT_EQ(filesystem_->alive, alive + 1);
    EXPECT_EQ(MUST(Find("d")).dentry, d.dentry);
  }
  EXPECT_EQ(filesystem_->alive, alive);
  EXPECT_EQ(cached(), 0u);
}

TEST_F(DentryTest, WhatIsMountedOnStaysEvenIfTheFilesystemForgets) {
  Make(NameCache::kRevalidated);
  auto mounts = MountNamespace::Create(Mount::Create(Dentry::CreateRoot(root_inode_), 0, "fake"));
  at_ = {mounts->root(), mounts->root()};
  auto other = base::MakeRef<FakeFilesystem>(NameCache::kTrusted);
  auto other_root = base::MakeRef<FakeInode>(other, S_IFDIR | 0755);
  MUST(mounts->Attach(Mount::Create(Dentry::CreateRoot(other_root), 0, "other"), MUST(Find("d"))));
  root_inode_->names.erase("d");
  EXPECT_EQ(MUST(Find("d")).dentry->inode().get(), other_root.get());
}

TEST_F(DentryTest, TheCacheIsBounded) {
  Make(NameCache::kTrusted);
  filesystem_->dentry_cache().set_limit(50);
  for (int i = 0; i < 1000; ++i) root_inode_->names.emplace("n" + std::to_string(i), 'f');
  for (int i = 0; i < 1000; ++i) MUST(Find("n" + std::to_string(i)));
  EXPECT_LE(cached(), 51u);
  EXPECT_LE(filesystem_->alive, 60);
  EXPECT_EQ(filesystem_->lookups, 1000);
  // Missing names count as well.
  for (int i = 0; i < 1000; ++i) EXPECT_FALSE(Find("m" + std::to_string(i)).ok());
  EXPECT_LE(cached(), 51u);
}

TEST_F(DentryTest, UsedDentriesOutliveAScan) {
  Make(NameCache::kTrusted);
  filesystem_->dentry_cache().set_limit(50);
  for (int i = 0; i < 2000; ++i) root_inode_->names.emplace("n" + std::to_string(i), 'f');
  Path held = MUST(Find("a"));
  for (int i = 0; i < 2000; ++i) {
    MUST(Find("n" + std::to_string(i)));
    MUST(Find("b"));
  }
  EXPECT_EQ(MUST(Find("a")).dentry, held.dentry);
  EXPECT_EQ(MUST(Find("b")).dentry->inode()->type(), uint32_t{S_IFREG});
  // Each name once; "a" and "b" were never asked for again.
  EXPECT_EQ(filesystem_->lookups, 2002);
}

TEST_F(DentryTest, RemovedFilesLeaveTheCacheAtOnce) {
  Make(NameCache::kTrusted);
  int alive = filesystem_->alive;
  MUST(Find("a"));
  EXPECT_EQ(filesystem_->alive, alive + 1);
  MUST(Unlink(context_, at_, "a"));
  EXPECT_EQ(filesystem_->alive, alive);
}

TEST_F(DentryTest, TheCacheGoesWithTheLastMount) {
  Make(NameCache::kTrusted);
  MUST(Find("a"));
  EXPECT_FALSE(Find("x").ok());
  auto bind = Mount::Create(at_.root.dentry, 0, "again");
  at_ = {};
  EXPECT_EQ(cached(), 2u);
  bind = nullptr;
  EXPECT_EQ(cached(), 0u);
  EXPECT_EQ(filesystem_->alive, 1);
}

}  // namespace
}  // namespace vfs
