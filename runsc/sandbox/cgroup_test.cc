// SPDX-License-Identifier: Apache-2.0
#include "runsc/sandbox/cgroup.h"

#include <unistd.h>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runsc/testing/runsc_process.h"
#include "runsc/util/files.h"

namespace runsc {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::string> Lines(const std::vector<CgroupSetting>& settings) {
  std::vector<std::string> lines;
  for (const CgroupSetting& setting : settings) lines.push_back(setting.file + "=" + setting.value);
  return lines;
}

spec::Resources SomeResources() {
  spec::Resources resources;
  resources.memory.limit = 100;
  resources.memory.swap = 300;
  resources.cpu.shares = 1024;
  resources.cpu.quota = 50000;
  resources.cpu.period = 100000;
  resources.pids_limit = 10;
  resources.unified = {{"memory.high", "7"}};
  return resources;
}

TEST(CgroupSettingsTest, Version1) {
  EXPECT_THAT(Lines(CgroupSettings(SomeResources(), false)),
              ElementsAre("memory.limit_in_bytes=100", "memory.memsw.limit_in_bytes=300", "cpu.shares=1024",
                          "cpu.cfs_period_us=100000", "cpu.cfs_quota_us=50000", "pids.max=276"));
}

TEST(CgroupSettingsTest, Version2) {
  EXPECT_THAT(Lines(CgroupSettings(SomeResources(), true)),
              ElementsAre("memory.max=100", "memory.swap.max=200", "cpu.weight=39", "cpu.max=50000 100000",
                          "pids.max=276", "memory.high=7"));
}

TEST(CgroupSettingsTest, NothingIsSetForWhatIsAbsentZeroOrUnlimited) {
  spec::Resources resources;
  resources.memory.limit = 0;
  resources.cpu.quota = 0;
  resources.pids_limit = -1;
  EXPECT_THAT(Lines(CgroupSettings(resources, true)), ElementsAre());
  resources.memory.limit = -1;
  EXPECT_THAT(Lines(CgroupSettings(resources, true)), ElementsAre("memory.max=max"));
  EXPECT_THAT(Lines(CgroupSettings(resources, false)), ElementsAre("memory.limit_in_bytes=-1"));
}

TEST(CgroupHostTest, FindsHierarchiesOfVersion1) {
  CgroupHost host = CgroupHost::Parse(
      "30 25 0:26 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
      "31 25 0:27 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:9 - cgroup cgroup rw,cpu,cpuacct\n"
      "32 25 0:28 /docker/x /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n",
      "3:cpu,cpuacct:/\n2:memory:/docker/x/y\n0::/\n");
  EXPECT_FALSE(host.version2());
  EXPECT_EQ(host.controllers.at("cpu").root, "/sys/fs/cgroup/cpu,cpuacct");
  EXPECT_EQ(host.controllers.at("cpuacct").own, "/sys/fs/cgroup/cpu,cpuacct");
  EXPECT_EQ(host.controllers.at("memory").own, "/sys/fs/cgroup/memory/y");
}

TEST(CgroupHostTest, FindsVersion2) {
  CgroupHost host = CgroupHost::Parse("30 25 0:26 / /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw,nsdelegate\n",
                                      "0::/user.slice/s.scope\n");
  EXPECT_TRUE(host.version2());
  EXPECT_EQ(host.unified.root, "/sys/fs/cgroup");
  EXPECT_EQ(host.unified.own, "/sys/fs/cgroup/user.slice/s.scope");
}

TEST(CgroupPathTest, SystemdNamesBecomePaths) {
  EXPECT_EQ(*CgroupPath("/a/b", false), "/a/b");
  EXPECT_EQ(*CgroupPath("a-b.slice:runsc:id", true), "/a.slice/a-b.slice/runsc-id.scope");
  EXPECT_EQ(*CgroupPath(":docker:id", true), "/system.slice/docker-id.scope");
  EXPECT_THAT(Message(CgroupPath("/a/b", true).status()), HasSubstr("slice:prefix:name"));
  EXPECT_THAT(Message(CgroupPath("/a/../b", false).status()), HasSubstr("has a \"..\" in it"));
}

using CgroupTest = RunscTest;

TEST_F(CgroupTest, LimitsHoldForTheSandboxAndGoWithIt) {
  StatusOr<CgroupHost> host = CgroupHost::Find();
  ASSERT_TRUE(host.ok()) << host.status();
  std::string name = "/runsc-test-" + std::to_string(getpid());
  WriteConfig({"sleep"}, R"("linux":{"cgroupsPath":")" + name + R"(/c1","resources":{"memory":{"limit":536870912}}})");
  Outcome outcome = Runsc({"create", "-b", bundle(), "c1"});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  bool version2 = host->version2();
  std::string parent = (version2 ? host->unified.root : host->controllers.at("memory").root) + name;
  std::string directory = parent + "/c1";
  EXPECT_EQ(*ReadFile(directory + (version2 ? "/memory.max" : "/memory.limit_in_bytes")), "536870912\n");
  ContainerState state = *ReadState(root(), "c1");
  std::string processes = *ReadFile(directory + "/cgroup.procs");
  EXPECT_THAT(processes, HasSubstr(std::to_string(state.sandbox.pid) + "\n"));
  EXPECT_THAT(processes, HasSubstr(std::to_string(state.gofer.pid) + "\n"));
  EXPECT_EQ(Runsc({"delete", "-f", "c1"}).code, 0);
  EXPECT_NE(access(parent.c_str(), F_OK), 0);
}

TEST_F(CgroupTest, ALimitTheHostRefusesIsNamedAndUndone) {
  std::string name = "/runsc-test-" + std::to_string(getpid());
  WriteConfig({"exit", "0"}, R"("linux":{"cgroupsPath":")" + name + R"(","resources":{"cpu":{"period":1}}})");
  Outcome outcome = Runsc({"run", "-b", bundle(), "c1"});
  EXPECT_EQ(outcome.code, 128);
  EXPECT_THAT(outcome.err, HasSubstr("config.json: linux.resources.cpu."));
  StatusOr<CgroupHost> host = CgroupHost::Find();
  std::string root = host->version2() ? host->unified.root : host->controllers.at("cpu").root;
  EXPECT_NE(access((root + name).c_str(), F_OK), 0);
  EXPECT_EQ(Runsc({"--ignore-cgroups", "run", "-b", bundle(), "c1"}).code, 0);
}

}  // namespace
}  // namespace runsc
