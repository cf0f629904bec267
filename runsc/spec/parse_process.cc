// SPDX-License-Identifier: Apache-2.0
#include <linux/sched.h>

#include "runsc/spec/names.h"
#include "runsc/spec/parse_sections.h"

namespace runsc::spec {
namespace {

constexpr EnumName<int> kPolicies[] = {
    {"SCHED_OTHER", SCHED_NORMAL},     {"SCHED_FIFO", SCHED_FIFO}, {"SCHED_RR", SCHED_RR},
    {"SCHED_BATCH", SCHED_BATCH},      {"SCHED_ISO", 4},           {"SCHED_IDLE", SCHED_IDLE},
    {"SCHED_DEADLINE", SCHED_DEADLINE}};

constexpr EnumName<uint64_t> kSchedulerFlags[] = {
    {"SCHED_FLAG_RESET_ON_FORK", SCHED_FLAG_RESET_ON_FORK},  {"SCHED_FLAG_RECLAIM", SCHED_FLAG_RECLAIM},
    {"SCHED_FLAG_DL_OVERRUN", SCHED_FLAG_DL_OVERRUN},        {"SCHED_FLAG_KEEP_POLICY", SCHED_FLAG_KEEP_POLICY},
    {"SCHED_FLAG_KEEP_PARAMS", SCHED_FLAG_KEEP_PARAMS},      {"SCHED_FLAG_UTIL_CLAMP_MIN", SCHED_FLAG_UTIL_CLAMP_MIN},
    {"SCHED_FLAG_UTIL_CLAMP_MAX", SCHED_FLAG_UTIL_CLAMP_MAX}};

// ioprio_set(2)'s classes. <linux/ioprio.h> of Debian's 6.1.192 names a parameter "class", which is no C++.
constexpr EnumName<int> kIoClasses[] = {{"IOPRIO_CLASS_RT", 1}, {"IOPRIO_CLASS_BE", 2}, {"IOPRIO_CLASS_IDLE", 3}};

constexpr int kOomScoreMin = -1000;
constexpr int kOomScoreMax = 1000;
constexpr int kMaxUmask = 0777;

}  // namespace

static bool Read(const Node& node, User* out) {
  Object object(node);
  object.Optional("uid", &out->uid).Optional("gid", &out->gid).Optional("additionalGids", &out->additional_gids);
  object.Optional("username", &out->username).OptionalWith("umask", [out](const Node& umask) {
    if (!Read(umask, &out->umask)) return false;
    return *out->umask <= kMaxUmask || umask.Fail("has bits outside 0777");
  });
  return object.ok();
}

static bool Read(const Node& node, ConsoleSize* out) {
  // The specification says uint; a terminal's size is two 16-bit fields (ioctl_tty(2)).
  return Object(node).Required("height", &out->height).Required("width", &out->width).ok();
}

static auto CapabilitySet(uint64_t* out) {
  return [out](const Node& node) {
    std::vector<std::string> names;
    return ReadArray(node, &names, [out](const Node& element, std::string* name) {
      if (!Read(element, name)) return false;
      std::optional<int> number = CapabilityNumber(*name);
      if (!number) return FailUnknownName(element, "capability", *name);
      *out |= uint64_t{1} << *number;
      return true;
    });
  };
}

static bool Read(const Node& node, Capabilities* out) {
  return Object(node)
      .OptionalWith("bounding", CapabilitySet(&out->bounding))
      .OptionalWith("effective", CapabilitySet(&out->effective))
      .OptionalWith("inheritable", CapabilitySet(&out->inheritable))
      .OptionalWith("permitted", CapabilitySet(&out->permitted))
      .OptionalWith("ambient", CapabilitySet(&out->ambient))
      .ok();
}

static bool Read(const Node& node, Rlimit* out) {
  Object object(node);
  object.RequiredWith("type", [out](const Node& type) {
    std::string name;
    if (!Read(type, &name)) return false;
    std::optional<int> number = RlimitNumber(name);
    if (!number) return FailUnknownName(type, "resource limit", name);
    out->resource = *number;
    return true;
  });
  object.Required("soft", &out->soft).Required("hard", &out->hard);
  if (!object.ok()) return false;
  if (out->soft > out->hard) {
    return node.Fail("soft limit " + std::to_string(out->soft) + " is above the hard limit " +
                     std::to_string(out->hard));
  }
  return true;
}

static bool ReadRlimits(const Node& node, std::vector<Rlimit>* out) {
  if (!Read(node, out)) return false;
  uint64_t seen = 0;
  for (size_t i = 0; i < out->size(); ++i) {
    uint64_t bit = uint64_t{1} << (*out)[i].resource;
    if ((seen & bit) != 0) {
      return node.Element(i).Fail(std::string(RlimitName((*out)[i].resource)) + " appears twice");
    }
    seen |= bit;
  }
  return true;
}

static bool Read(const Node& node, Scheduler* out) {
  Object object(node);
  object.RequiredWith(
      "policy", [out](const Node& policy) { return ReadEnum(policy, "scheduling policy", kPolicies, &out->policy); });
  object.Optional("nice", &out->nice).Optional("priority", &out->priority).Optional("runtime", &out->runtime);
  object.Optional("deadline", &out->deadline).Optional("period", &out->period);
  object.OptionalWith("flags", [out](const Node& flags) {
    std::vector<uint64_t> bits;
    bool good = ReadArray(flags, &bits, [](const Node& element, uint64_t* bit) {
      return ReadEnum(element, "scheduling flag", kSchedulerFlags, bit);
    });
    for (uint64_t bit : bits) out->flags |= bit;
    return good;
  });
  return object.ok();
}

static bool Read(const Node& node, IoPriority* out) {
  return Object(node)
      .RequiredWith("class",
                    [out](const Node& name) { return ReadEnum(name, "I/O class", kIoClasses, &out->io_class); })
      .OptionalWith("priority",
                    [out](const Node& priority) {
                      if (!Read(priority, &out->priority)) return false;
                      return (out->priority >= 0 && out->priority <= 7) || priority.Fail("is not from 0 to 7");
                    })
      .ok();
}

static bool Read(const Node& node, CpuAffinity* out) {
  return Object(node).Optional("initial", &out->initial).Optional("final", &out->final).ok();
}

static bool ReadEnvironment(const Node& node, std::vector<std::string>* out) {
  return ReadArray(node, out, [](const Node& element, std::string* entry) {
    if (!Read(element, entry)) return false;
    size_t equals = entry->find('=');
    return (equals != std::string::npos && equals != 0) || element.Fail("is not of the form NAME=VALUE");
  });
}

bool Read(const Node& node, Process* out) {
  Object object(node);
  object.Optional("terminal", &out->terminal)
      .Optional("consoleSize", &out->console_size)
      .Optional("user", &out->user)
      .Required("args", &out->args)
      .OptionalWith("env", [out](const Node& env) { return ReadEnvironment(env, &out->env); })
      .RequiredWith("cwd", [out](const Node& cwd) { return ReadAbsolutePath(cwd, &out->cwd); })
      .Optional("capabilities", &out->capabilities)
      .OptionalWith("rlimits", [out](const Node& rlimits) { return ReadRlimits(rlimits, &out->rlimits); })
      .Optional("noNewPrivileges", &out->no_new_privileges)
      .Optional("apparmorProfile", &out->apparmor_profile)
      .OptionalWith("oomScoreAdj",
                    [out](const Node& score) {
                      if (!Read(score, &out->oom_score_adj)) return false;
                      int value = *out->oom_score_adj;
                      return (value >= kOomScoreMin && value <= kOomScoreMax) ||
                             score.Fail("is not from -1000 to 1000");
                    })
      .Optional("selinuxLabel", &out->selinux_label)
      .Optional("scheduler", &out->scheduler)
      .Optional("ioPriority", &out->io_priority)
      .Optional("execCPUAffinity", &out->exec_cpu_affinity);
  if (!object.ok()) return false;
  static const nlohmann::json kNone;
  if (out->args.empty()) return node.Member("args", kNone).Fail("is empty: no program to run");
  if (out->args[0].empty()) return node.Member("args[0]", kNone).Fail("is empty: no program to run");
  return true;
}

}  // namespace runsc::spec
