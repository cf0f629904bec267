// SPDX-License-Identifier: Apache-2.0
#include "runsc/spec/write.h"

#include <sys/resource.h>

#include <nlohmann/json.hpp>

#include "runsc/spec/names.h"

namespace runsc::spec {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kIndent = 2;

Json CapabilityNameList(uint64_t set) {
  Json names = Json::array();
  for (int number = 0; number < 64; ++number) {
    if ((set >> number & 1) != 0) names.push_back(CapabilityName(number));
  }
  return names;
}

Json UserJson(const User& user) {
  Json json = {{"uid", user.uid}, {"gid", user.gid}};
  if (user.umask) json["umask"] = *user.umask;
  if (!user.additional_gids.empty()) json["additionalGids"] = user.additional_gids;
  if (!user.username.empty()) json["username"] = user.username;
  return json;
}

std::string_view PolicyName(int policy) {
  constexpr std::string_view kNames[] = {"SCHED_OTHER", "SCHED_FIFO", "SCHED_RR",      "SCHED_BATCH",
                                         "SCHED_ISO",   "SCHED_IDLE", "SCHED_DEADLINE"};
  return kNames[policy];
}

Json SchedulerJson(const Scheduler& scheduler) {
  constexpr std::string_view kFlags[] = {
      "SCHED_FLAG_RESET_ON_FORK", "SCHED_FLAG_RECLAIM",        "SCHED_FLAG_DL_OVERRUN",    "SCHED_FLAG_KEEP_POLICY",
      "SCHED_FLAG_KEEP_PARAMS",   "SCHED_FLAG_UTIL_CLAMP_MIN", "SCHED_FLAG_UTIL_CLAMP_MAX"};
  Json flags = Json::array();
  for (size_t bit = 0; bit < std::size(kFlags); ++bit) {
    if ((scheduler.flags >> bit & 1) != 0) flags.push_back(kFlags[bit]);
  }
  return {{"policy", PolicyName(scheduler.policy)},
          {"nice", scheduler.nice},
          {"priority", scheduler.priority},
          {"flags", flags},
          {"runtime", scheduler.runtime},
          {"deadline", scheduler.deadline},
          {"period", scheduler.period}};
}

Json ProcessJson(const Process& process) {
  Json json = {{"terminal", process.terminal}};
  if (process.console_size) {
    json["consoleSize"] = {{"height", process.console_size->height}, {"width", process.console_size->width}};
  }
  json["user"] = UserJson(process.user);
  json["args"] = process.args;
  json["env"] = process.env;
  json["cwd"] = process.cwd;
  if (process.capabilities) {
    json["capabilities"] = {{"bounding", CapabilityNameList(process.capabilities->bounding)},
                            {"effective", CapabilityNameList(process.capabilities->effective)},
                            {"inheritable", CapabilityNameList(process.capabilities->inheritable)},
                            {"permitted", CapabilityNameList(process.capabilities->permitted)},
                            {"ambient", CapabilityNameList(process.capabilities->ambient)}};
  }
  Json rlimits = Json::array();
  for (const Rlimit& limit : process.rlimits) {
    rlimits.push_back({{"type", RlimitName(limit.resource)}, {"hard", limit.hard}, {"soft", limit.soft}});
  }
  json["rlimits"] = rlimits;
  json["noNewPrivileges"] = process.no_new_privileges;
  if (!process.apparmor_profile.empty()) json["apparmorProfile"] = process.apparmor_profile;
  if (process.oom_score_adj) json["oomScoreAdj"] = *process.oom_score_adj;
  if (!process.selinux_label.empty()) json["selinuxLabel"] = process.selinux_label;
  if (process.scheduler) json["scheduler"] = SchedulerJson(*process.scheduler);
  if (process.io_priority) {
    constexpr std::string_view kClasses[] = {"", "IOPRIO_CLASS_RT", "IOPRIO_CLASS_BE", "IOPRIO_CLASS_IDLE"};
    json["ioPriority"] = {{"class", kClasses[process.io_priority->io_class]},
                          {"priority", process.io_priority->priority}};
  }
  if (process.exec_cpu_affinity) {
    json["execCPUAffinity"] = {{"initial", process.exec_cpu_affinity->initial},
                               {"final", process.exec_cpu_affinity->final}};
  }
  return json;
}

Json MountJson(const Mount& mount) {
  Json json = {{"destination", mount.destination}};
  if (!mount.type.empty()) json["type"] = mount.type;
  if (!mount.source.empty()) json["source"] = mount.source;
  if (!mount.options.empty()) json["options"] = mount.options;
  return json;
}

// Strings of a command line or of the environment need not be UTF-8; JSON must be. Such bytes are replaced.
std::string Dump(const Json& json, int indent) { return json.dump(indent, ' ', false, Json::error_handler_t::replace); }

uint64_t CapabilityMask(std::initializer_list<std::string_view> names) {
  uint64_t mask = 0;
  for (std::string_view name : names) mask |= uint64_t{1} << *CapabilityNumber(name);
  return mask;
}

}  // namespace

Spec DefaultSpec() {
  Spec spec;
  spec.oci_version = "1.0.2";
  spec.root = Root{"rootfs", false};
  spec.hostname = "runsc";
  Process& process = spec.process.emplace();
  process.terminal = true;
  process.args = {"sh"};
  process.env = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"};
  process.cwd = "/";
  uint64_t set = CapabilityMask({"CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"});
  process.capabilities = Capabilities{set, set, 0, set, 0};
  process.rlimits = {{RLIMIT_NOFILE, 1024, 1024}};
  process.no_new_privileges = true;
  spec.mounts = {
      {"/proc", "proc", "proc", {}},
      {"/dev", "tmpfs", "tmpfs", {"nosuid", "strictatime", "mode=755", "size=65536k"}},
      {"/dev/pts", "devpts", "devpts", {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}},
      {"/dev/shm", "tmpfs", "shm", {"nosuid", "noexec", "nodev", "mode=1777", "size=65536k"}},
      {"/dev/mqueue", "mqueue", "mqueue", {"nosuid", "noexec", "nodev"}},
      {"/sys", "sysfs", "sysfs", {"nosuid", "noexec", "nodev", "ro"}},
      {"/sys/fs/cgroup", "cgroup", "cgroup", {"nosuid", "noexec", "nodev", "relatime", "ro"}}};
  Linux& config = spec.linux_config;
  config.namespaces = {{NamespaceType::kPid, ""}, {NamespaceType::kNetwork, ""}, {NamespaceType::kIpc, ""},
                       {NamespaceType::kUts, ""}, {NamespaceType::kMount, ""},   {NamespaceType::kCgroup, ""}};
  config.masked_paths = {"/proc/acpi",          "/proc/asound",     "/proc/kcore",       "/proc/keys",
                         "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug",
                         "/sys/firmware",       "/proc/scsi"};
  config.readonly_paths = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"};
  return spec;
}

std::string ProcessToJson(const Process& process) { return Dump(ProcessJson(process), -1); }

std::string SpecToJson(const Spec& spec) {
  Json json = {{"ociVersion", spec.oci_version}};
  if (spec.process) json["process"] = ProcessJson(*spec.process);
  if (spec.root) json["root"] = {{"path", spec.root->path}, {"readonly", spec.root->readonly}};
  if (!spec.hostname.empty()) json["hostname"] = spec.hostname;
  if (!spec.domainname.empty()) json["domainname"] = spec.domainname;
  json["mounts"] = Json::array();
  for (const Mount& mount : spec.mounts) json["mounts"].push_back(MountJson(mount));
  if (!spec.annotations.empty()) json["annotations"] = spec.annotations;
  Json namespaces = Json::array();
  for (const Namespace& entry : spec.linux_config.namespaces) {
    Json item = {{"type", NamespaceTypeName(entry.type)}};
    if (!entry.path.empty()) item["path"] = entry.path;
    namespaces.push_back(item);
  }
  Json& config = json["linux"];
  if (!spec.linux_config.cgroups_path.empty()) config["cgroupsPath"] = spec.linux_config.cgroups_path;
  config["namespaces"] = namespaces;
  config["maskedPaths"] = spec.linux_config.masked_paths;
  config["readonlyPaths"] = spec.linux_config.readonly_paths;
  return Dump(json, kIndent) + "\n";
}

}  // namespace runsc::spec
