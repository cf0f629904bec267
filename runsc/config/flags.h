// SPDX-License-Identifier: Apache-2.0
// The runtime's configuration. gflags holds it; it is set by the command line's parser (cmd/), by annotations of the
// bundle, and in the gofer and the sandbox from what the starting runsc passed on. Nothing here ever parses argv.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "runsc/util/status.h"

namespace runsc {

// A copy of all flags, typed and checked.
struct Settings {
  std::string root;  // Directory of the state files; absolute.
  std::string log;   // File for errors; empty: standard error only.
  bool log_json = false;
  bool debug = false;
  std::string debug_log;  // File or "directory/"; %ID%, %COMMAND%, %TIMESTAMP% are replaced.
  bool systemd_cgroup = false;
  bool ignore_cgroups = false;
  bool rootless = false;
  std::string platform;       // systrap, ptrace
  std::string network;        // none, sandbox, host
  bool overlay_root = false;  // A memory upper layer over the root filesystem.
  bool overlay_mounts = false;
  bool file_access_shared = false;  // The root filesystem changes behind our back.
  bool host_uds = false;            // Sockets of the host's filesystem may be connected to.
  bool host_fifo = false;
  std::string hot_calls = "auto";
  bool strace = false;
  std::vector<std::string> strace_syscalls;  // Empty: all.
  bool seccomp_log = false;                  // The sentry's and the gofer's own filters log instead of killing.
};

struct FlagInfo {
  std::string_view name;    // As on the command line: "log-format".
  std::string_view values;  // "a|b|c", or empty: any text. "bool" for switches.
  std::string_view help;
  bool by_annotation;  // May be set by the annotation dev.runsc.flag.<name>.
};
// All flags, in the order --help shows them.
const std::vector<FlagInfo>& AllFlags();

// Sets one flag. The message of an error names the flag and what it takes.
Status SetFlag(std::string_view name, const std::string& value);
// Sets the flags that annotations ask for. A flag that may not be set so is an error that names the annotation.
Status SetFlagsFromAnnotations(const std::map<std::string, std::string>& annotations);

// Flags that differ from their defaults, for passing on.
std::map<std::string, std::string> ChangedFlags();
Settings CurrentSettings();

inline constexpr std::string_view kFlagAnnotation = "dev.runsc.flag.";

}  // namespace runsc
