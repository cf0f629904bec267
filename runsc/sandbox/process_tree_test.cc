// SPDX-License-Identifier: Apache-2.0
// The processes of a container: what they are, what they may do, and that none outlives the others.
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runsc/testing/runsc_process.h"
#include "runsc/util/files.h"

namespace runsc {
namespace {

using testing::ContainsRegex;
using testing::HasSubstr;
using testing::StartsWith;

using ProcessTreeTest = RunscTest;

TEST_F(ProcessTreeTest, RunPassesOutputAndExitCodeThrough) {
  WriteConfig({"echo", "hello"});
  Outcome outcome = Runsc({"run", "-b", bundle(), "c1"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(outcome.out, "hello\n");
  EXPECT_EQ(outcome.err, "");
  WriteConfig({"exit", "7"});
  EXPECT_EQ(Runsc({"run", "-b", bundle(), "c1"}).code, 7);
  WriteConfig({"die", "15"});
  EXPECT_EQ(Runsc({"run", "-b", bundle(), "c1"}).code, 128 + SIGTERM);
}

TEST_F(ProcessTreeTest, TheSandboxHasNothingItNeedNotHave) {
  WriteConfig({"probe"});
  Outcome outcome = Runsc({"run", "-b", bundle(), "c1"});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  // Process 1 of its own pid namespace, as nobody, without a capability, under a filter.
  EXPECT_THAT(outcome.out, HasSubstr("\nPid:\t1\n"));
  EXPECT_THAT(outcome.out, HasSubstr("\nUid:\t0\t0\t0\t0\n"));
  EXPECT_THAT(outcome.out, HasSubstr("\nGroups:\t \n"));
  for (const char* set : {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"}) {
    EXPECT_THAT(outcome.out, HasSubstr(std::string("\n") + set + ":\t0000000000000000\n"));
  }
  EXPECT_THAT(outcome.out, HasSubstr("\nNoNewPrivs:\t1\n"));
  EXPECT_THAT(outcome.out, HasSubstr("\nSeccomp:\t2\n"));
  // One mount, which is empty and read-only.
  EXPECT_THAT(outcome.out, ContainsRegex("\n[0-9]+ [0-9]+ [0-9:]+ / / ro,nosuid,nodev,noexec,"));
  EXPECT_THAT(outcome.out, HasSubstr("\nroot: . ..\n"));
  EXPECT_EQ(outcome.out.find("ext4"), std::string::npos);
}

TEST_F(ProcessTreeTest, TheSandboxRunsAsNobodyAndNobodyMayLookIntoIt) {
  WriteConfig({"sleep"});
  ASSERT_EQ(Runsc({"run", "-d", "-b", bundle(), "c1"}).code, 0);
  ContainerState state = *ReadState(root(), "c1");
  std::string proc = "/proc/" + std::to_string(state.sandbox.pid);
  EXPECT_THAT(*ReadFile(proc + "/status"), HasSubstr("\nUid:\t65534\t65534\t65534\t65534\n"));
  EXPECT_THAT(*ReadFile(proc + "/uid_map"), ContainsRegex("^ +0 +65534 +1\n$"));
  EXPECT_THAT(*ReadFile(proc + "/setgroups"), "deny\n");
  // Files of a process that is not dumpable belong to root.
  struct stat status;
  ASSERT_EQ(stat((proc + "/environ").c_str(), &status), 0);
  EXPECT_EQ(status.st_uid, 0U);
  // Where the host lets us.
  bool lowered = WriteExistingFile("/proc/self/oom_score_adj", "-1000").ok();
  WriteExistingFile("/proc/self/oom_score_adj", "0").IgnoreError();
  EXPECT_EQ(*ReadFile(proc + "/oom_score_adj"), lowered ? "-1000\n" : "0\n");
  EXPECT_EQ(Runsc({"delete", "-f", "c1"}).code, 0);
}

TEST_F(ProcessTreeTest, TheGoferHasFiveCapabilitiesAndAFilter) {
  WriteConfig({"sleep"});
  ASSERT_EQ(Runsc({"run", "-d", "-b", bundle(), "c1"}).code, 0);
  ContainerState state = *ReadState(root(), "c1");
  std::string proc = "/proc/" + std::to_string(state.gofer.pid);
  std::string text = *ReadFile(proc + "/status");
  // CHOWN, DAC_OVERRIDE, DAC_READ_SEARCH, FOWNER, FSETID and SETFCAP.
  EXPECT_THAT(text, HasSubstr("\nCapEff:\t000000008000001f\n"));
  EXPECT_THAT(text, HasSubstr("\nCapBnd:\t0000000000000000\n"));
  EXPECT_THAT(text, HasSubstr("\nSeccomp:\t2\n"));
  EXPECT_THAT(text, HasSubstr("\nNoNewPrivs:\t1\n"));
  EXPECT_THAT(*ReadFile(proc + "/mountinfo"), ContainsRegex("^[0-9]+ [0-9]+ [0-9:]+ / / ro[^\n]*\n$"));
  char own[64], theirs[64];
  for (const char* name : {"net", "mnt", "ipc", "uts", "pid"}) {
    ssize_t a = readlink((std::string("/proc/self/ns/") + name).c_str(), own, sizeof(own));
    ssize_t b = readlink((proc + "/ns/" + name).c_str(), theirs, sizeof(theirs));
    ASSERT_TRUE(a > 0 && b > 0);
    EXPECT_NE(std::string(own, static_cast<size_t>(a)), std::string(theirs, static_cast<size_t>(b))) << name;
  }
  EXPECT_EQ(Runsc({"delete", "-f", "c1"}).code, 0);
}

TEST_F(ProcessTreeTest, WhatTheSentrySaysAtItsEndIsWhatTheUserReads) {
  WriteConfig({"refuse", "no such program"});
  Outcome outcome = Runsc({"run", "-b", bundle(), "c1"});
  EXPECT_EQ(outcome.code, 128);
  EXPECT_EQ(outcome.err, "runsc: no such program\n");
  EXPECT_NE(access((root() + "/c1").c_str(), F_OK), 0);
}

TEST_F(ProcessTreeTest, AMissingHostDirectoryIsNamed) {
  WriteConfig({"exit", "0"}, R"("mounts":[{"destination":"/x","type":"bind","source":"/no/such"}])");
  Outcome outcome = Runsc({"run", "-b", bundle(), "c1"});
  EXPECT_EQ(outcome.code, 128);
  EXPECT_EQ(outcome.err,
            "runsc: " + bundle() + "/config.json: mounts[0].source: /no/such: No such file or directory\n");
  ASSERT_EQ(rmdir((bundle() + "/rootfs").c_str()), 0);
  outcome = Runsc({"create", "-b", bundle(), "c1"});
  EXPECT_EQ(outcome.code, 128);
  EXPECT_THAT(outcome.err, HasSubstr("config.json: root.path: " + bundle() + "/rootfs: No such file"));
}

TEST_F(ProcessTreeTest, ADyingSentryTakesTheGoferWithIt) {
  WriteConfig({"sleep"});
  ASSERT_EQ(Runsc({"run", "-d", "-b", bundle(), "c1"}).code, 0);
  ContainerState state = *ReadState(root(), "c1");
  ASSERT_EQ(kill(state.sandbox.pid, SIGKILL), 0);
  WaitUntilGone(state.gofer);
  EXPECT_EQ(ReadState(root(), "c1")->status, ContainerStatus::kStopped);
  EXPECT_EQ(Runsc({"delete", "c1"}).code, 0);
}

TEST_F(ProcessTreeTest, ADyingGoferTakesTheSandboxWithIt) {
  WriteConfig({"sleep"});
  ASSERT_EQ(Runsc({"run", "-d", "-b", bundle(), "c1"}).code, 0);
  ContainerState state = *ReadState(root(), "c1");
  ASSERT_EQ(kill(state.gofer.pid, SIGKILL), 0);
  WaitUntilGone(state.sandbox);
  EXPECT_EQ(Runsc({"delete", "c1"}).code, 0);
}

TEST_F(ProcessTreeTest, AnAttachedRunscTakesTheSandboxWithIt) {
  WriteConfig({"sleep"});
  pid_t runsc = StartRunsc({"run", "-b", bundle(), "c1"});
  ContainerState state = WaitForStatus("c1", ContainerStatus::kRunning);
  ASSERT_EQ(kill(runsc, SIGKILL), 0);
  EXPECT_EQ(Finish(runsc).code, 128 + SIGKILL);
  WaitUntilGone(state.sandbox);
  WaitUntilGone(state.gofer);
  EXPECT_EQ(Runsc({"delete", "c1"}).code, 0);
}

TEST_F(ProcessTreeTest, SignalsToAnAttachedRunscGoToTheContainer) {
  WriteConfig({"sleep"});
  for (int signal : {SIGTERM, SIGINT, SIGUSR1, SIGHUP}) {
    pid_t runsc = StartRunsc({"run", "-b", bundle(), "c1"});
    WaitForStatus("c1", ContainerStatus::kRunning);
    ASSERT_EQ(kill(runsc, signal), 0);
    EXPECT_EQ(Finish(runsc).code, 128 + signal);
  }
}

// Kills a starting runsc after a random time, again and again: whatever it has started must go.
TEST_F(ProcessTreeTest, ARunscKilledWhileStartingLeavesNoProcess) {
  WriteConfig({"sleep"});
  unsigned seed = 1;
  for (int round = 0; round < 25; ++round) {
    std::string id = "k" + std::to_string(getpid()) + "-" + std::to_string(round);
    pid_t runsc = StartRunsc({"create", "-b", bundle(), id});
    usleep(static_cast<useconds_t>(rand_r(&seed) % 60'000));
    kill(runsc, SIGKILL);
    Finish(runsc);
    StatusOr<ContainerState> state = ReadState(root(), id);
    // A child that has not come to its exec yet holds the lock still, for a moment.
    while (state.ok() && state->status == ContainerStatus::kCreating) state = ReadState(root(), id);
    if (!state.ok() || state->status == ContainerStatus::kStopped) {
      // Nobody has to be told: they end by themselves.
      while (!ProcessesOf(id).empty()) sched_yield();
    }
    if (!state.ok()) continue;
    EXPECT_EQ(Runsc({"delete", "-f", id}).code, 0);
    while (!ProcessesOf(id).empty()) sched_yield();
  }
}

}  // namespace
}  // namespace runsc
