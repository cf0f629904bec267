// SPDX-License-Identifier: Apache-2.0
#include <sstream>

#include "runsc/sandbox/cgroup.h"
#include "runsc/util/files.h"

namespace runsc {
namespace {

std::vector<std::string> Split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  std::string part;
  while (std::getline(stream, part, separator)) parts.push_back(part);
  return parts;
}

// A path of /proc/self/cgroup as a directory, given what part of the hierarchy is mounted where.
std::string OwnDirectory(const std::string& mount_point, const std::string& mount_root, const std::string& path) {
  std::string below = path;
  if (mount_root != "/" && below.starts_with(mount_root)) below.erase(0, mount_root.size());
  if (below.empty() || below == "/") return mount_point;
  return mount_point + (below.starts_with('/') ? "" : "/") + below;
}

}  // namespace

CgroupHost CgroupHost::Parse(const std::string& mountinfo, const std::string& own_cgroups) {
  // "hierarchy:controller,controller:path"; version 2 has no controllers.
  std::map<std::string, std::string> own;
  for (const std::string& line : Split(own_cgroups, '\n')) {
    size_t first = line.find(':');
    size_t second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    std::string controllers = line.substr(first + 1, second - first - 1);
    if (controllers.empty()) own[""] = line.substr(second + 1);
    for (const std::string& controller : Split(controllers, ',')) own[controller] = line.substr(second + 1);
  }
  CgroupHost host;
  for (const std::string& line : Split(mountinfo, '\n')) {
    // "id parent major:minor root mountpoint options [fields] - type source superoptions"
    std::vector<std::string> words = Split(line, ' ');
    size_t dash = 0;
    while (dash < words.size() && words[dash] != "-") ++dash;
    if (dash + 3 >= words.size() || dash < 6) continue;
    const std::string& root = words[3];
    const std::string& point = words[4];
    if (words[dash + 1] == "cgroup2" && host.unified.root.empty()) {
      host.unified = {point, OwnDirectory(point, root, own[""])};
    }
    if (words[dash + 1] != "cgroup") continue;
    for (const std::string& option : Split(words[dash + 3], ',')) {
      auto it = own.find(option);
      if (it == own.end() || host.controllers.contains(option)) continue;
      host.controllers[option] = {point, OwnDirectory(point, root, it->second)};
    }
  }
  return host;
}

StatusOr<CgroupHost> CgroupHost::Find() {
  std::string mountinfo = TRY_STATUS(ReadFile("/proc/self/mountinfo", 16 << 20));
  std::string own = TRY_STATUS(ReadFile("/proc/self/cgroup"));
  CgroupHost host = Parse(mountinfo, own);
  if (host.controllers.empty() && host.unified.root.empty()) {
    return Failed("no cgroup hierarchy is mounted (--ignore-cgroups does without)");
  }
  return host;
}

StatusOr<std::string> CgroupPath(const std::string& cgroups_path, bool systemd) {
  for (const std::string& part : Split(cgroups_path, '/')) {
    if (part == "..") return InvalidInput("linux.cgroupsPath: \"" + cgroups_path + "\" has a \"..\" in it");
  }
  if (!systemd) return cgroups_path;
  std::vector<std::string> parts = Split(cgroups_path, ':');
  if (parts.size() != 3 || parts[2].empty()) {
    return InvalidInput("linux.cgroupsPath: \"" + cgroups_path +
                        "\" is not of the form slice:prefix:name, which --systemd-cgroup asks for");
  }
  // "a-b.slice" lies in "a.slice".
  std::string slice = parts[0].empty() ? "system.slice" : parts[0];
  std::string path;
  if (slice != "-.slice") {
    for (size_t dash = slice.find('-'); dash != std::string::npos; dash = slice.find('-', dash + 1)) {
      path += "/" + slice.substr(0, dash) + ".slice";
    }
    path += "/" + slice;
  }
  return path + "/" + (parts[1].empty() ? "" : parts[1] + "-") + parts[2] + ".scope";
}

}  // namespace runsc
