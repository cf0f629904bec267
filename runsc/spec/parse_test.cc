// SPDX-License-Identifier: Apache-2.0
#include "runsc/spec/parse.h"

#include <sys/resource.h>

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runsc/spec/names.h"
#include "runsc/spec/write.h"

namespace runsc::spec {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr char kMinimal[] = R"({"ociVersion":"1.0.2","root":{"path":"rootfs"},
  "process":{"args":["sh"],"cwd":"/"}})";

// A configuration whose process has the given members besides args and cwd.
std::string WithProcess(const std::string& members) {
  return R"({"ociVersion":"1.0.2","root":{"path":"r"},"process":{"args":["sh"],"cwd":"/",)" + members + "}}";
}

std::string WithLinux(const std::string& members) {
  return R"({"ociVersion":"1.0.2","root":{"path":"r"},"process":{"args":["sh"],"cwd":"/"},"linux":{)" + members + "}}";
}

TEST(ParseSpecTest, ReadsTheSmallestConfiguration) {
  StatusOr<Spec> spec = ParseSpec(kMinimal, "config.json");
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_EQ(spec->root->path, "rootfs");
  EXPECT_FALSE(spec->root->readonly);
  EXPECT_THAT(spec->process->args, ElementsAre("sh"));
  EXPECT_FALSE(spec->process->capabilities.has_value());
}

TEST(ParseSpecTest, ReadsEverySectionThatEnginesWrite) {
  StatusOr<Spec> parsed = ParseSpec(R"({
    "ociVersion": "1.2.0",
    "hostname": "h", "domainname": "d",
    "annotations": {"a.b": "c"},
    "root": {"path": "/r", "readonly": true},
    "process": {
      "terminal": true, "consoleSize": {"height": 24, "width": 80},
      "user": {"uid": 1000, "gid": 4294967295, "umask": 18, "additionalGids": [5, 6], "username": "u"},
      "args": ["a", ""], "env": ["A=b", "C="], "cwd": "/w",
      "capabilities": {"bounding": ["CAP_CHOWN", "CAP_CHECKPOINT_RESTORE"], "ambient": null},
      "rlimits": [{"type": "RLIMIT_NOFILE", "soft": 1, "hard": 18446744073709551615}],
      "noNewPrivileges": true, "apparmorProfile": "p", "oomScoreAdj": -999, "selinuxLabel": "s",
      "scheduler": {"policy": "SCHED_BATCH", "nice": 3, "flags": ["SCHED_FLAG_RECLAIM"]},
      "ioPriority": {"class": "IOPRIO_CLASS_BE", "priority": 4},
      "execCPUAffinity": {"initial": "0-1", "final": "1"}
    },
    "mounts": [{"destination": "/d", "type": "bind", "source": "/s", "options": ["rbind", "ro"],
                "uidMappings": [{"containerID": 0, "hostID": 1, "size": 2}]}],
    "hooks": {"prestart": [{"path": "/h", "args": ["h", "x"], "env": ["k=v"], "timeout": 5}], "poststop": [{"path": "/p"}]},
    "linux": {
      "uidMappings": [{"containerID": 0, "hostID": 100000, "size": 65536}],
      "sysctl": {"net.ipv4.ip_forward": "1"},
      "cgroupsPath": "/c/d",
      "namespaces": [{"type": "pid"}, {"type": "network", "path": "/proc/1/ns/net"}],
      "devices": [{"path": "/dev/fuse", "type": "c", "major": 10, "minor": 229, "fileMode": 438, "uid": 0, "gid": 0}],
      "resources": {
        "devices": [{"allow": false, "access": "rwm"}],
        "memory": {"limit": 1048576, "swap": -1, "disableOOMKiller": false},
        "cpu": {"shares": 512, "quota": -1, "period": 100000, "cpus": "0", "burst": 5},
        "pids": {"limit": 100},
        "blockIO": {"weight": 10, "throttleReadBpsDevice": [{"major": 8, "minor": 0, "rate": 600}]},
        "hugepageLimits": [{"pageSize": "2MB", "limit": 9}],
        "network": {"classID": 7, "priorities": [{"name": "eth0", "priority": 5}]},
        "rdma": {"mlx": {"hcaHandles": 3}},
        "unified": {"memory.high": "1"}
      },
      "seccomp": {"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 38, "architectures": ["SCMP_ARCH_X86_64"],
        "syscalls": [{"names": ["read"], "action": "SCMP_ACT_ALLOW",
                      "args": [{"index": 5, "value": 1, "valueTwo": 2, "op": "SCMP_CMP_MASKED_EQ"}]}]},
      "rootfsPropagation": "rslave",
      "maskedPaths": ["/proc/kcore"], "readonlyPaths": ["/proc/sys"],
      "personality": {"domain": "LINUX32"},
      "timeOffsets": {"monotonic": {"secs": -5, "nanosecs": 6}},
      "intelRdt": {"closID": "x"}
    },
    "vm": {"hypervisor": 5}, "unknown": [1, 2]
  })",
                                    "config.json");
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  const Process& process = *parsed->process;
  EXPECT_EQ(process.user.gid, 4294967295U);
  EXPECT_EQ(process.user.umask, 18U);
  EXPECT_EQ(process.capabilities->bounding, (uint64_t{1} << 40) | 1);
  EXPECT_EQ(process.capabilities->ambient, 0U);
  ASSERT_EQ(process.rlimits.size(), 1U);
  EXPECT_EQ(process.rlimits[0].resource, RLIMIT_NOFILE);
  EXPECT_EQ(process.rlimits[0].hard, UINT64_MAX);
  EXPECT_EQ(process.oom_score_adj, -999);
  EXPECT_EQ(process.scheduler->policy, 3);
  EXPECT_EQ(parsed->mounts[0].uid_mappings[0].size, 2U);
  EXPECT_EQ(parsed->hooks.prestart[0].timeout_seconds, 5);
  const Linux& config = parsed->linux_config;
  EXPECT_EQ(config.FindNamespace(NamespaceType::kNetwork)->path, "/proc/1/ns/net");
  EXPECT_EQ(config.FindNamespace(NamespaceType::kUser), nullptr);
  EXPECT_EQ(config.resources.memory.swap, -1);
  EXPECT_EQ(config.resources.pids_limit, 100);
  EXPECT_EQ(config.resources.rdma.at("mlx").hca_handles, 3U);
  EXPECT_EQ(config.seccomp->default_action, SeccompAction::kErrno);
  EXPECT_EQ(config.seccomp->syscalls[0].args[0].op, SeccompOperator::kMaskedEqual);
  EXPECT_EQ(config.time_offsets.at("monotonic").seconds, -5);
}

struct Malformed {
  const char* name;
  std::string text;
  const char* message;
};

void PrintTo(const Malformed& malformed, std::ostream* out) { *out << malformed.text; }

class MalformedSpecTest : public testing::TestWithParam<Malformed> {};

TEST_P(MalformedSpecTest, IsRefusedNamingThePlace) {
  StatusOr<Spec> spec = ParseSpec(GetParam().text, "config.json");
  ASSERT_FALSE(spec.ok());
  EXPECT_THAT(Message(spec.status()), HasSubstr(GetParam().message));
  EXPECT_THAT(Message(spec.status()), testing::StartsWith("config.json: "));
}

INSTANTIATE_TEST_SUITE_P(
    All, MalformedSpecTest,
    testing::Values(
        Malformed{"Empty", "", "line 1, byte 0: syntax error"},
        Malformed{"Truncated", "{\"ociVersion\":\n\"1.0\",", "line 2, byte 21: syntax error"},
        Malformed{"Garbage", "{\n\"root\": nope}", "line 2, byte 11: syntax error"},
        Malformed{"NotUtf8", "{\"a\": \"\xff\"}", "syntax error"}, Malformed{"TwoDocuments", "{} {}", "syntax error"},
        Malformed{"NotAnObject", "[1]", "expected an object, found array"},
        Malformed{"NoVersion", R"({"root":{"path":"r"}})", "ociVersion: missing"},
        Malformed{"VersionNumber", R"({"ociVersion":1})", "ociVersion: expected a string, found number"},
        Malformed{"Version2", R"({"ociVersion":"2.0.0"})", "ociVersion: version \"2.0.0\" is not supported"},
        Malformed{"RootPathMissing", R"({"ociVersion":"1.0.2","root":{}})", "root.path: missing"},
        Malformed{"RootPathNull", R"({"ociVersion":"1.0.2","root":{"path":null}})", "root.path: missing"},
        Malformed{"RootPathEmpty", R"({"ociVersion":"1.0.2","root":{"path":""}})", "root.path: is empty"},
        Malformed{"RootReadonlyText", R"({"ociVersion":"1.0.2","root":{"path":"r","readonly":"yes"}})",
                  "root.readonly: expected true or false, found string"},
        Malformed{"ArgsMissing", R"({"ociVersion":"1.0.2","process":{"cwd":"/"}})", "process.args: missing"},
        Malformed{"ArgsEmpty", R"({"ociVersion":"1.0.2","process":{"args":[],"cwd":"/"}})", "process.args: is empty"},
        Malformed{"ArgsType", R"({"ociVersion":"1.0.2","process":{"args":["a","b",3],"cwd":"/"}})",
                  "process.args[2]: expected a string, found number"},
        Malformed{"ArgsNul", R"({"ociVersion":"1.0.2","process":{"args":["a\u0000b"],"cwd":"/"}})",
                  "process.args[0]: contains a NUL character"},
        Malformed{"Argv0Empty", R"({"ociVersion":"1.0.2","process":{"args":[""],"cwd":"/"}})",
                  "process.args[0]: is empty"},
        Malformed{"CwdRelative", R"({"ociVersion":"1.0.2","process":{"args":["a"],"cwd":"w"}})",
                  "process.cwd: \"w\" is not an absolute path"},
        Malformed{"EnvWithoutEquals", WithProcess(R"("env":["A=b","C"])"), "process.env[1]: is not of the form"},
        Malformed{"UidNegative", WithProcess(R"("user":{"uid":-1})"),
                  "process.user.uid: expected an integer from 0 to 4294967295, found -1"},
        Malformed{"UidFraction", WithProcess(R"("user":{"uid":1.5})"), "process.user.uid: expected an integer"},
        Malformed{"UidHuge", WithProcess(R"("user":{"uid":4294967296})"), "found 4294967296"},
        Malformed{"Umask", WithProcess(R"("user":{"umask":512})"), "process.user.umask: has bits outside 0777"},
        Malformed{"Capability", WithProcess(R"("capabilities":{"effective":["CAP_CHOWN","CAP_FLY"]})"),
                  "process.capabilities.effective[1]: unknown capability \"CAP_FLY\""},
        Malformed{"CapabilityType", WithProcess(R"("capabilities":["CAP_CHOWN"])"),
                  "process.capabilities: expected an object, found array"},
        Malformed{"RlimitName", WithProcess(R"("rlimits":[{"type":"RLIMIT_FOO","soft":1,"hard":1}])"),
                  "process.rlimits[0].type: unknown resource limit \"RLIMIT_FOO\""},
        Malformed{"RlimitOrder", WithProcess(R"("rlimits":[{"type":"RLIMIT_CPU","soft":2,"hard":1}])"),
                  "process.rlimits[0]: soft limit 2 is above the hard limit 1"},
        Malformed{"RlimitTwice",
                  WithProcess(
                      R"("rlimits":[{"type":"RLIMIT_CPU","soft":1,"hard":1},{"type":"RLIMIT_CPU","soft":1,"hard":1}])"),
                  "process.rlimits[1]: RLIMIT_CPU appears twice"},
        Malformed{"RlimitHardMissing", WithProcess(R"("rlimits":[{"type":"RLIMIT_CPU","soft":2}])"),
                  "process.rlimits[0].hard: missing"},
        Malformed{"OomScore", WithProcess(R"("oomScoreAdj":1001)"), "process.oomScoreAdj: is not from -1000 to 1000"},
        Malformed{"NamespaceType", WithLinux(R"("namespaces":[{"type":"net"}])"),
                  "linux.namespaces[0].type: unknown namespace type \"net\""},
        Malformed{"NamespaceTwice", WithLinux(R"("namespaces":[{"type":"pid"},{"type":"pid"}])"),
                  "linux.namespaces[1]: namespace type \"pid\" appears twice"},
        Malformed{"NamespacePath", WithLinux(R"("namespaces":[{"type":"pid","path":"x"}])"),
                  "linux.namespaces[0].path: \"x\" is not an absolute path"},
        Malformed{"MappingSize", WithLinux(R"("uidMappings":[{"containerID":0,"hostID":0,"size":0}])"),
                  "linux.uidMappings[0]: maps no id"},
        Malformed{"MappingWraps", WithLinux(R"("gidMappings":[{"containerID":0,"hostID":4294967295,"size":2}])"),
                  "linux.gidMappings[0]: reaches beyond the largest id"},
        Malformed{"DeviceType", WithLinux(R"("devices":[{"path":"/dev/x","type":"z"}])"),
                  "linux.devices[0].type: unknown device type \"z\""},
        Malformed{"SeccompAction", WithLinux(R"("seccomp":{"defaultAction":"ALLOW"})"),
                  "linux.seccomp.defaultAction: unknown seccomp action \"ALLOW\""},
        Malformed{"SeccompIndex",
                  WithLinux(R"("seccomp":{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["read"],
                    "action":"SCMP_ACT_ALLOW","args":[{"index":6,"value":0,"op":"SCMP_CMP_EQ"}]}]})"),
                  "linux.seccomp.syscalls[0].args[0].index: is not from 0 to 5"},
        Malformed{"Propagation", WithLinux(R"("rootfsPropagation":"sharing")"), "linux.rootfsPropagation: unknown"},
        Malformed{"MaskedPath", WithLinux(R"("maskedPaths":["/a","b"])"),
                  "linux.maskedPaths[1]: \"b\" is not an absolute"},
        Malformed{"SysctlType", WithLinux(R"("sysctl":{"kernel.x":1})"), "linux.sysctl.kernel.x: expected a string"},
        Malformed{"MemoryType", WithLinux(R"("resources":{"memory":{"limit":"1G"}})"),
                  "linux.resources.memory.limit: expected an integer, found string"},
        Malformed{"MountDestination", R"({"ociVersion":"1.0.2","mounts":[{"type":"proc"}]})",
                  "mounts[0].destination: missing"},
        Malformed{"HookPath", R"({"ociVersion":"1.0.2","hooks":{"poststop":[{"path":"h"}]}})",
                  "hooks.poststop[0].path: \"h\" is not an absolute path"},
        Malformed{"HookTimeout", R"({"ociVersion":"1.0.2","hooks":{"prestart":[{"path":"/h","timeout":0}]}})",
                  "hooks.prestart[0].timeout: is not greater than 0"},
        Malformed{"Clock", WithLinux(R"("timeOffsets":{"realtime":{"secs":1}})"), "unknown clock \"realtime\""}),
    [](const testing::TestParamInfo<Malformed>& info) { return info.param.name; });

TEST(ParseSpecTest, SurvivesDeepNesting) {
  std::string text(200000, '[');
  EXPECT_FALSE(ParseSpec(text, "config.json").ok());
  EXPECT_FALSE(ParseSpec(text + std::string(200000, ']'), "config.json").ok());
}

TEST(LoadSpecTest, NamesTheMissingFile) {
  StatusOr<LoadedSpec> loaded = LoadSpec("/nonexistent");
  ASSERT_FALSE(loaded.ok());
  EXPECT_EQ(Message(loaded.status()), "/nonexistent/config.json: No such file or directory");
}

TEST(WriteSpecTest, DefaultSpecIsReadBack) {
  std::string text = SpecToJson(DefaultSpec());
  StatusOr<Spec> parsed = ParseSpec(text, "config.json");
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(SpecToJson(*parsed), text);
  EXPECT_EQ(parsed->linux_config.namespaces.size(), 6U);
  EXPECT_EQ(parsed->process->rlimits[0].hard, 1024U);
}

TEST(WriteSpecTest, EveryFieldOfAProcessIsReadBack) {
  constexpr char kFull[] = R"({"terminal":true,"consoleSize":{"height":1,"width":2},
    "user":{"uid":1,"gid":2,"umask":3,"additionalGids":[4],"username":"n"},"args":["a","b c"],"env":["X=1"],"cwd":"/x",
    "capabilities":{"bounding":["CAP_KILL"],"effective":[],"inheritable":["CAP_BPF"],"permitted":[],"ambient":[]},
    "rlimits":[{"type":"RLIMIT_CORE","hard":9,"soft":8}],"noNewPrivileges":true,"apparmorProfile":"q","oomScoreAdj":5,
    "selinuxLabel":"l","scheduler":{"policy":"SCHED_FIFO","nice":0,"priority":7,"flags":["SCHED_FLAG_DL_OVERRUN"],
    "runtime":1,"deadline":2,"period":3},"ioPriority":{"class":"IOPRIO_CLASS_IDLE","priority":6},
    "execCPUAffinity":{"initial":"0","final":"1"}})";
  StatusOr<Process> first = ParseProcess(kFull, "process.json");
  ASSERT_TRUE(first.ok()) << first.status();
  StatusOr<Process> second = ParseProcess(ProcessToJson(*first), "process.json");
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ(ProcessToJson(*first), ProcessToJson(*second));
  EXPECT_EQ(second->user.umask, 3U);
  EXPECT_EQ(second->scheduler->flags, 4U);
  EXPECT_EQ(second->capabilities->inheritable, uint64_t{1} << 39);
}

TEST(NamesTest, SignalsAreFoundByNameAndNumber) {
  EXPECT_EQ(SignalNumber("TERM"), 15);
  EXPECT_EQ(SignalNumber("sigterm"), 15);
  EXPECT_EQ(SignalNumber("9"), 9);
  EXPECT_EQ(SignalNumber("SIGRTMIN+3"), 37);
  EXPECT_EQ(SignalNumber("RTMAX-1"), 63);
  EXPECT_EQ(SignalNumber("0"), std::nullopt);
  EXPECT_EQ(SignalNumber("65"), std::nullopt);
  EXPECT_EQ(SignalNumber("RTMIN+31"), std::nullopt);
  EXPECT_EQ(SignalNumber("FOO"), std::nullopt);
  EXPECT_EQ(SignalNumber(""), std::nullopt);
}

}  // namespace
}  // namespace runsc::spec
