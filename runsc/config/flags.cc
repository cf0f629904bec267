// SPDX-License-Identifier: Apache-2.0
#include "runsc/config/flags.h"

#include <gflags/gflags.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

DEFINE_string(root, "", "");
DEFINE_string(log, "", "");
DEFINE_string(log_format, "text", "");
DEFINE_bool(debug, false, "");
DEFINE_string(debug_log, "", "");
DEFINE_bool(systemd_cgroup, false, "");
DEFINE_bool(ignore_cgroups, false, "");
DEFINE_bool(rootless, false, "");
DEFINE_string(platform, "systrap", "");
DEFINE_string(network, "sandbox", "");
DEFINE_string(overlay, "none", "");
DEFINE_string(file_access, "exclusive", "");
DEFINE_string(host_uds, "none", "");
DEFINE_string(host_fifo, "none", "");
DEFINE_string(hot_calls, "auto", "");
DEFINE_bool(strace, false, "");
DEFINE_string(strace_syscalls, "", "");
DEFINE_bool(seccomp_log, false, "");

namespace runsc {
namespace {

std::string FlagName(std::string_view name) {
  std::string flag(name);
  std::replace(flag.begin(), flag.end(), '-', '_');
  return flag;
}

const FlagInfo* FindFlag(std::string_view name) {
  for (const FlagInfo& info : AllFlags()) {
    if (info.name == name) return &info;
  }
  return nullptr;
}

std::vector<std::string> Split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    size_t end = std::min(text.find(separator), text.size());
    if (end > 0) parts.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

std::string DefaultRoot() {
  const char* runtime_directory = getenv("XDG_RUNTIME_DIR");
  if (geteuid() != 0 && runtime_directory != nullptr && runtime_directory[0] == '/') {
    return std::string(runtime_directory) + "/runsc";
  }
  return "/run/runsc";
}

}  // namespace

const std::vector<FlagInfo>& AllFlags() {
  static const std::vector<FlagInfo> kFlags = {
      {"root", "", "directory of the containers' state (default /run/runsc, or $XDG_RUNTIME_DIR/runsc)", false},
      {"log", "", "file that errors are written to, besides standard error", false},
      {"log-format", "text|json", "format of that file", false},
      {"debug", "bool", "log much more, to --debug-log", true},
      {"debug-log", "", "file for logs, or a directory if it ends in '/'; %ID%, %COMMAND%, %TIMESTAMP% are replaced",
       false},
      {"systemd-cgroup", "bool", "linux.cgroupsPath is of the form slice:prefix:name", false},
      {"ignore-cgroups", "bool", "do not make or change host cgroups", false},
      {"rootless", "bool", "run without host privileges, in a user namespace", false},
      {"platform", "systrap|ptrace", "how guest code is run", true},
      {"network", "sandbox|none|host", "the container's network", false},
      {"overlay", "none|root:memory|all:memory", "keep changes of files in memory", true},
      {"file-access", "exclusive|shared", "whether others change the root filesystem meanwhile", true},
      {"host-uds", "none|open", "whether unix sockets of the host's filesystem can be connected to", false},
      {"host-fifo", "none|open", "whether FIFOs of the host's filesystem can be opened", false},
      {"hot-calls", "auto|never|always",
       "let the sentry look for system calls while many come, on a processor to spare", true},
      {"strace", "bool", "log every system call of the container, to --debug-log", true},
      {"strace-syscalls", "", "log only these, separated by commas", true},
      {"seccomp-log", "bool", "log what runsc's own filters forbid to runsc, instead of killing it (for developers)",
       false},
  };
  return kFlags;
}

Status SetFlag(std::string_view name, const std::string& value) {
  const FlagInfo* info = FindFlag(name);
  if (info == nullptr) return InvalidInput("unknown flag --" + std::string(name));
  std::string_view values = info->values == "bool" ? "true|false" : info->values;
  if (!values.empty()) {
    std::vector<std::string> allowed = Split(values, '|');
    if (std::find(allowed.begin(), allowed.end(), value) == allowed.end()) {
      return InvalidInput("--" + std::string(name) + ": invalid value \"" + value + "\" (one of " +
                          std::string(values) + ")");
    }
  }
  if (gflags::SetCommandLineOption(FlagName(name).c_str(), value.c_str()).empty()) {
    return InvalidInput("--" + std::string(name) + ": invalid value \"" + value + "\"");
  }
  return absl::OkStatus();
}

Status SetFlagsFromAnnotations(const std::map<std::string, std::string>& annotations) {
  for (auto it = annotations.lower_bound(std::string(kFlagAnnotation)); it != annotations.end(); ++it) {
    std::string_view key = it->first;
    if (!key.starts_with(kFlagAnnotation)) break;
    std::string_view name = key.substr(kFlagAnnotation.size());
    const FlagInfo* info = FindFlag(name);
    if (info == nullptr || !info->by_annotation) {
      return InvalidInput("annotations." + it->first + ": this flag cannot be set by an annotation");
    }
    RETURN_IF_ERROR(Annotate(SetFlag(name, it->second), "annotations." + it->first));
  }
  return absl::OkStatus();
}

std::map<std::string, std::string> ChangedFlags() {
  std::map<std::string, std::string> changed;
  for (const FlagInfo& info : AllFlags()) {
    gflags::CommandLineFlagInfo state;
    gflags::GetCommandLineFlagInfo(FlagName(info.name).c_str(), &state);
    if (state.current_value != state.default_value) changed[std::string(info.name)] = state.current_value;
  }
  return changed;
}

Settings CurrentSettings() {
  Settings settings;
  settings.root = FLAGS_root.empty() ? DefaultRoot() : FLAGS_root;
  if (settings.root.front() != '/') {
    char* here = get_current_dir_name();
    if (here != nullptr) settings.root = std::string(here) + "/" + settings.root;
    free(here);
  }
  settings.log = FLAGS_log;
  settings.log_json = FLAGS_log_format == "json";
  settings.debug = FLAGS_debug;
  settings.debug_log = FLAGS_debug_log;
  settings.systemd_cgroup = FLAGS_systemd_cgroup;
  settings.ignore_cgroups = FLAGS_ignore_cgroups;
  settings.rootless = FLAGS_rootless;
  settings.platform = FLAGS_platform;
  settings.network = FLAGS_network;
  settings.overlay_mounts = FLAGS_overlay == "all:memory";
  settings.overlay_root = settings.overlay_mounts || FLAGS_overlay == "root:memory";
  settings.file_access_shared = FLAGS_file_access == "shared";
  settings.host_uds = FLAGS_host_uds == "open";
  settings.host_fifo = FLAGS_host_fifo == "open";
  settings.hot_calls = FLAGS_hot_calls;
  settings.strace = FLAGS_strace;
  settings.strace_syscalls = Split(FLAGS_strace_syscalls, ',');
  settings.seccomp_log = FLAGS_seccomp_log;
  return settings;
}

}  // namespace runsc
