// SPDX-License-Identifier: Apache-2.0
#include "runsc/state/state.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runsc/util/files.h"

namespace runsc {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class StateTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/runsc-state-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    root_ = std::string(name) + "/a/b";
    top_ = name;
  }
  void TearDown() override { ASSERT_EQ(system(("rm -r " + top_).c_str()), 0); }

  // A child that lives until it is killed.
  ProcessId StartChild() {
    pid_t pid = fork();
    if (pid == 0) {
      pause();
      _exit(0);
    }
    return {pid, *StartTime(pid)};
  }
  void EndChild(const ProcessId& child) {
    kill(child.pid, SIGKILL);
    waitpid(child.pid, nullptr, 0);
  }

  std::string root_, top_;
};

TEST(ContainerIdTest, AcceptsWhatEnginesUse) {
  for (const char* id : {"a", "0", "a.b", "..a", "a_b-c+d", "4e5f0a", "-x"})
    EXPECT_TRUE(CheckContainerId(id).ok()) << id;
  EXPECT_TRUE(CheckContainerId(std::string(128, 'x')).ok());
}

TEST(ContainerIdTest, RefusesWhatCouldLeaveTheDirectory) {
  for (const char* id : {"", ".", "..", "a/b", "/", "a b", "a\nb", "ä", "a\\b", "*"}) {
    EXPECT_THAT(Message(CheckContainerId(id)), HasSubstr("invalid container id")) << id;
  }
  EXPECT_FALSE(CheckContainerId(std::string(129, 'x')).ok());
}

TEST_F(StateTest, AContainerOfTheSameIdIsRefused) {
  StatusOr<LockedContainer> first = LockedContainer::Create(root_, "c1");
  ASSERT_TRUE(first.ok()) << first.status();
  StatusOr<LockedContainer> second = LockedContainer::Create(root_, "c1");
  EXPECT_EQ(Message(second.status()), "container with id \"c1\" already exists");
}

TEST_F(StateTest, EverythingSavedIsLoaded) {
  ProcessId child = StartChild();
  {
    StatusOr<LockedContainer> made = LockedContainer::Create(root_, "c1");
    ASSERT_TRUE(made.ok()) << made.status();
    ContainerState& state = made->state();
    state.bundle = "/b \"x\"";
    state.oci_version = "1.0.2";
    state.status = ContainerStatus::kRunning;
    state.sandbox = child;
    state.gofer = {7, 8};
    state.created_ns = 1'700'000'000'123'456'789;
    state.owner = "0";
    state.annotations = {{"k", "v"}};
    state.cgroups = {"/a", "/b"};
    ASSERT_TRUE(made->Save().ok());
  }
  StatusOr<LockedContainer> loaded = LockedContainer::Load(root_, "c1");
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  const ContainerState& state = loaded->state();
  EXPECT_EQ(state.bundle, "/b \"x\"");
  EXPECT_EQ(state.status, ContainerStatus::kRunning);
  EXPECT_EQ(state.sandbox.pid, child.pid);
  EXPECT_EQ(state.sandbox.start_time, child.start_time);
  EXPECT_EQ(state.created_ns, 1'700'000'000'123'456'789);
  EXPECT_EQ(state.annotations.at("k"), "v");
  EXPECT_THAT(state.cgroups, ElementsAre("/a", "/b"));
  EXPECT_THAT(PublicStateJson(state, false), HasSubstr("\"created\":\"2023-11-14T22:13:20.123456789Z\""));
  EndChild(child);
  StatusOr<ContainerState> ended = ReadState(root_, "c1");
  ASSERT_TRUE(ended.ok());
  EXPECT_EQ(ended->status, ContainerStatus::kStopped);
  EXPECT_THAT(PublicStateJson(*ended, false), HasSubstr("\"pid\":0"));
}

TEST_F(StateTest, AnotherProcessWithThePidOfADeadSandboxIsNotTheSandbox) {
  ProcessId child = StartChild();
  StatusOr<LockedContainer> made = LockedContainer::Create(root_, "c1");
  made->state().status = ContainerStatus::kRunning;
  made->state().sandbox = {child.pid, child.start_time - 1};
  ASSERT_TRUE(made->Save().ok());
  EXPECT_EQ(ReadState(root_, "c1")->status, ContainerStatus::kStopped);
  EndChild(child);
}

TEST_F(StateTest, AnUnfinishedCreationIsCreatingWhileItsCreatorLives) {
  {
    StatusOr<LockedContainer> made = LockedContainer::Create(root_, "c1");
    ASSERT_TRUE(made.ok());
    EXPECT_EQ(ReadState(root_, "c1")->status, ContainerStatus::kCreating);
    ASSERT_TRUE(made->Save().ok());
    EXPECT_EQ(ReadState(root_, "c1")->status, ContainerStatus::kCreating);
  }
  EXPECT_EQ(ReadState(root_, "c1")->status, ContainerStatus::kStopped);
  EXPECT_EQ(LockedContainer::Load(root_, "c1")->state().status, ContainerStatus::kStopped);
}

TEST_F(StateTest, LoadWaitsForTheLock) {
  StatusOr<LockedContainer> made = LockedContainer::Create(root_, "c1");
  ASSERT_TRUE(made->Save().ok());
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  pid_t pid = fork();
  if (pid == 0) {
    // The lock belongs to the open file, which this process shares: it must not hold it too.
    dup2(ends[1], 3);
    close_range(4, ~0U, 0);
    bool good = write(3, "x", 1) == 1;
    StatusOr<LockedContainer> loaded = LockedContainer::Load(root_, "c1");
    _exit(good && absl::IsNotFound(loaded.status()) ? 0 : 1);
  }
  char byte;
  ASSERT_EQ(read(ends[0], &byte, 1), 1);
  // Whether it waits already or comes later: it finds the container gone, not half of it.
  ASSERT_TRUE(made->Remove().ok());
  int status = -1;
  waitpid(pid, &status, 0);
  EXPECT_EQ(status, 0);
  close(ends[0]);
  close(ends[1]);
}

TEST_F(StateTest, RemoveLeavesNothing) {
  StatusOr<LockedContainer> made = LockedContainer::Create(root_, "c1");
  ASSERT_TRUE(made->SaveConfig("{}").ok());
  ASSERT_TRUE(made->Save().ok());
  ASSERT_TRUE(made->Remove().ok());
  EXPECT_NE(access((root_ + "/c1").c_str(), F_OK), 0);
  EXPECT_EQ(Message(ReadState(root_, "c1").status()), "container \"c1\" does not exist");
  EXPECT_THAT(*ListContainers(root_), ElementsAre());
}

TEST_F(StateTest, ListIsSortedAndPassesOverOtherFiles) {
  EXPECT_THAT(*ListContainers(root_), ElementsAre());
  ASSERT_TRUE(LockedContainer::Create(root_, "b").ok());
  ASSERT_TRUE(LockedContainer::Create(root_, "a").ok());
  ASSERT_TRUE(ReplaceFile(root_, "file", "x", 0600).ok());
  ASSERT_EQ(mkdir((root_ + "/not an id").c_str(), 0700), 0);
  EXPECT_THAT(*ListContainers(root_), ElementsAre("a", "b"));
}

TEST_F(StateTest, ABrokenStateFileIsNamed) {
  ASSERT_TRUE(LockedContainer::Create(root_, "c1").ok());
  ASSERT_TRUE(ReplaceFile(root_ + "/c1", "state.json", "{\"id\":1}", 0600).ok());
  EXPECT_EQ(Message(ReadState(root_, "c1").status()), root_ + "/c1/state.json: id: expected a string, found number");
}

}  // namespace
}  // namespace runsc
