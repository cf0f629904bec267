// SPDX-License-Identifier: Apache-2.0
#include "sentry/task/credential_changes.h"

#include <gtest/gtest.h>

#include <cerrno>

namespace sentry {
namespace {

using base::KGid;
using base::KUid;

constexpr vfs::CapabilitySet kSetuid = 1 << 7;
constexpr vfs::CapabilitySet kSetpcap = 1 << 8;
constexpr vfs::CapabilitySet kChown = 1 << 0;
constexpr vfs::CapabilitySet kNetRaw = 1 << 13;

base::RefPtr<vfs::Credentials> Root() {
  auto root = base::MakeRef<vfs::Credentials>();
  root->permitted = root->effective = root->bounding = kAllCapabilities;
  return root;
}

base::RefPtr<vfs::Credentials> User(uint32_t real, uint32_t effective, uint32_t saved) {
  auto user = base::MakeRef<vfs::Credentials>();
  user->ruid = KUid(real);
  user->euid = user->fsuid = KUid(effective);
  user->suid = KUid(saved);
  user->rgid = KGid(real);
  user->egid = user->fsgid = KGid(effective);
  user->sgid = KGid(saved);
  user->bounding = kAllCapabilities;
  return user;
}

TEST(CredentialChangesTest, RootLeavesForGoodWithSetuid) {
  auto now = SetUid(*Root(), KUid(1000));
  ASSERT_TRUE(now.ok());
  vfs::Credentials& c = **now;
  EXPECT_EQ(c.ruid, KUid(1000));
  EXPECT_EQ(c.euid, KUid(1000));
  EXPECT_EQ(c.suid, KUid(1000));
  EXPECT_EQ(c.fsuid, KUid(1000));
  EXPECT_EQ(c.permitted, 0u);
  EXPECT_EQ(c.effective, 0u);
  EXPECT_EQ(SetUid(c, KUid(0)).error().code(), EPERM);
}

TEST(CredentialChangesTest, SeteuidLowersAndRaisesTheEffectiveSetOnly) {
  auto lowered = SetResuid(*Root(), std::nullopt, KUid(1000), std::nullopt);
  ASSERT_TRUE(lowered.ok());
  EXPECT_EQ((*lowered)->permitted, kAllCapabilities);
  EXPECT_EQ((*lowered)->effective, 0u);
  EXPECT_EQ((*lowered)->fsuid, KUid(1000));
  auto raised = SetResuid(**lowered, std::nullopt, KUid(0), std::nullopt);
  ASSERT_TRUE(raised.ok());
  EXPECT_EQ((*raised)->effective, kAllCapabilities);
}

TEST(CredentialChangesTest, KeepCapsKeepsThePermittedSet) {
  auto keep = SetKeepCaps(*Root(), true);
  ASSERT_TRUE(keep.ok());
  (*keep)->ambient = kChown;
  auto now = SetResuid(**keep, KUid(5), KUid(5), KUid(5));
  ASSERT_TRUE(now.ok());
  EXPECT_EQ((*now)->permitted, kAllCapabilities);
  EXPECT_EQ((*now)->effective, 0u);
  EXPECT_EQ((*now)->ambient, 0u);
}

TEST(CredentialChangesTest, NoSetuidFixupLeavesTheSetsAlone) {
  auto root = Root();
  root->securebits = kSecureNoSetuidFixup;
  auto now = SetUid(*root, KUid(7));
  ASSERT_TRUE(now.ok());
  EXPECT_EQ((*now)->effective, kAllCapabilities);
}

TEST(CredentialChangesTest, AnOrdinaryUserMovesAmongItsOwnIds) {
  auto user = User(1, 2, 3);
  EXPECT_TRUE(SetUid(*user, KUid(1)).ok());
  EXPECT_TRUE(SetUid(*user, KUid(3)).ok());
  // The effective id is not among those setuid may choose.
  EXPECT_EQ(SetUid(*user, KUid(2)).error().code(), EPERM);
  EXPECT_TRUE(SetResuid(*user, KUid(3), KUid(1), KUid(2)).ok());
  EXPECT_EQ(SetResuid(*user, KUid(4), std::nullopt, std::nullopt).error().code(), EPERM);
  EXPECT_EQ(SetReuid(*user, KUid(3), std::nullopt).error().code(), EPERM);
  EXPECT_TRUE(SetReuid(*user, std::nullopt, KUid(3)).ok());
}

TEST(CredentialChangesTest, SetreuidSavesTheEffectiveId) {
  auto user = User(1, 2, 2);
  auto now = SetReuid(*user, std::nullopt, KUid(1));
  ASSERT_TRUE(now.ok());
  // Not when only the effective id changes, to the real one.
  EXPECT_EQ((*now)->suid, KUid(2));
  now = SetReuid(*user, KUid(2), KUid(1));
  ASSERT_TRUE(now.ok());
  EXPECT_EQ((*now)->suid, KUid(1));
  EXPECT_EQ((*now)->ruid, KUid(2));
}

TEST(CredentialChangesTest, GroupsFollowTheSameRulesWithoutCapabilities) {
  auto user = User(1, 2, 3);
  EXPECT_EQ(SetGid(*user, KGid(2)).error().code(), EPERM);
  EXPECT_TRUE(SetResgid(*user, KGid(3), KGid(1), KGid(2)).ok());
  EXPECT_EQ(SetResgid(*user, std::nullopt, std::nullopt, KGid(9)).error().code(), EPERM);
  auto root = SetGid(*Root(), KGid(9));
  ASSERT_TRUE(root.ok());
  EXPECT_EQ((*root)->sgid, KGid(9));
  EXPECT_EQ((*root)->effective, kAllCapabilities);
}

TEST(CredentialChangesTest, FsuidMovesTheFilesystemCapabilities) {
  auto lowered = SetFsuid(*Root(), KUid(1));
  ASSERT_TRUE(lowered.ok());
  EXPECT_EQ((*lowered)->effective & kChown, 0u);
  EXPECT_NE((*lowered)->effective & kSetuid, 0u);
  auto raised = SetFsuid(**lowered, KUid(0));
  ASSERT_TRUE(raised.ok());
  EXPECT_EQ((*raised)->effective, kAllCapabilities);
  EXPECT_EQ(SetFsuid(*User(1, 1, 1), KUid(2)).error().code(), EPERM);
}

TEST(CredentialChangesTest, CapsetOnlyGivesUp) {
  auto root = Root();
  auto now = SetCapabilities(*root, kChown, kChown | kSetuid, kChown);
  ASSERT_TRUE(now.ok());
  EXPECT_EQ((*now)->effective, kChown);
  EXPECT_EQ(SetCapabilities(**now, kChown, kChown | kNetRaw, 0).error().code(), EPERM);
  EXPECT_EQ(SetCapabilities(**now, kNetRaw, kChown, 0).error().code(), EPERM);
  // Without CAP_SETPCAP, inheritable gets what is permitted at most.
  EXPECT_EQ(SetCapabilities(**now, 0, kChown, kNetRaw).error().code(), EPERM);
  EXPECT_TRUE(SetCapabilities(**now, 0, kChown, kSetuid).ok());
  // With it, what the bounding set has.
  root->bounding &= ~kNetRaw;
  EXPECT_EQ(SetCapabilities(*root, 0, 0, kNetRaw).error().code(), EPERM);
}

TEST(CredentialChangesTest, CapsetTrimsTheAmbientSet) {
  auto root = Root();
  root->inheritable = kChown | kNetRaw;
  root->ambient = kChown | kNetRaw;
  auto now = SetCapabilities(*root, 0, kChown, kChown | kNetRaw);
  ASSERT_TRUE(now.ok());
  EXPECT_EQ((*now)->ambient, kChown);
}

TEST(CredentialChangesTest, AmbientNeedsPermittedAndInheritable) {
  auto root = Root();
  EXPECT_EQ(ChangeAmbient(*root, 0, true).error().code(), EPERM);
  root->inheritable = kChown;
  auto now = ChangeAmbient(*root, 0, true);
  ASSERT_TRUE(now.ok());
  EXPECT_EQ((*now)->ambient, kChown);
  EXPECT_EQ((*ChangeAmbient(**now, 0, false))->ambient, 0u);
  root->securebits = kSecureNoAmbientRaise;
  EXPECT_EQ(ChangeAmbient(*root, 0, true).error().code(), EPERM);
}

TEST(CredentialChangesTest, SecurebitsLock) {
  auto root = Root();
  auto locked = SetSecurebits(*root, kSecureNoRoot | kSecureNoRoot << 1);
  ASSERT_TRUE(locked.ok());
  EXPECT_EQ(SetSecurebits(**locked, kSecureNoRoot << 1).error().code(), EPERM);
  EXPECT_EQ(SetSecurebits(**locked, kSecureNoRoot).error().code(), EPERM);
  EXPECT_EQ(SetSecurebits(*root, 0x100).error().code(), EPERM);
  root->effective &= ~kSetpcap;
  EXPECT_EQ(SetSecurebits(*root, 0).error().code(), EPERM);
  root->securebits = kSecureKeepCaps << 1;
  EXPECT_EQ(SetKeepCaps(*root, true).error().code(), EPERM);
}

TEST(CredentialChangesTest, DumpableGoesWithTheIds) {
  auto root = Root();
  EXPECT_FALSE(LosesDumpable(*root, *root->Copy()));
  EXPECT_TRUE(LosesDumpable(*root, **SetUid(*root, KUid(1))));
  EXPECT_TRUE(LosesDumpable(*root, **SetFsgid(*root, KGid(1))));
  // Giving up capabilities is harmless.
  EXPECT_FALSE(LosesDumpable(*root, **SetCapabilities(*root, 0, 0, 0)));
}

}  // namespace
}  // namespace sentry
