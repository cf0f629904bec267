// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/version.h"
#include "runsc/cmd/options.h"
#include "runsc/spec/names.h"

namespace runsc {

StatusOr<int> FeaturesCommand(CommandLine& line) {
  Options options(line, "Print what this runtime can do, as the OCI specification's features JSON");
  if (!TRY_STATUS(options.Parse())) return 0;
  using Json = nlohmann::ordered_json;
  Json json = {
      {"ociVersionMin", "1.0.0"},
      {"ociVersionMax", "1.2.0"},
      {"hooks", {"prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"}},
      {"mountOptions", {"async",  "atime",      "bind",   "dev",     "diratime",    "exec",     "noatime", "nodev",
                        "noexec", "norelatime", "nosuid", "private", "rbind",       "relatime", "ro",      "rprivate",
                        "rro",    "rslave",     "rw",     "slave",   "strictatime", "suid",     "sync"}},
      {"linux",
       {{"namespaces", {"cgroup", "ipc", "mount", "network", "pid", "user", "uts"}},
        {"capabilities", spec::CapabilityNames()},
        {"cgroup", {{"v1", true}, {"v2", true}, {"systemd", false}, {"systemdUser", false}, {"rdma", false}}},
        {"seccomp", {{"enabled", false}}},
        {"apparmor", {{"enabled", false}}},
        {"selinux", {{"enabled", false}}},
        {"intelRdt", {{"enabled", false}}}}},
      {"annotations", {{"dev.runsc.version", base::Version()}}},
  };
  puts(json.dump(2).c_str());
  return 0;
}

}  // namespace runsc
