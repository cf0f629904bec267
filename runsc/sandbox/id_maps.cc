// SPDX-License-Identifier: Apache-2.0
#include "runsc/sandbox/id_maps.h"

#include <unistd.h>

#include <optional>
#include <sstream>
#include <string>

#include "runsc/util/files.h"

namespace runsc {
namespace {

constexpr uint32_t kNobody = 65534;

// Whether `id` exists in our own user namespace.
bool Exists(const char* map_file, uint32_t id) {
  StatusOr<std::string> text = ReadFile(map_file);
  if (!text.ok()) return false;
  std::istringstream lines(*text);
  uint64_t inside, outside, count;
  while (lines >> inside >> outside >> count) {
    if (id >= inside && id - inside < count) return true;
  }
  return false;
}

// The host's id of the container's id 0.
std::optional<uint32_t> HostIdOfRoot(const std::vector<spec::IdMapping>& mappings) {
  for (const spec::IdMapping& mapping : mappings) {
    if (mapping.container_id == 0) return mapping.host_id;
  }
  return std::nullopt;
}

std::string MapText(const std::vector<spec::IdMapping>& mappings) {
  std::string text;
  for (const spec::IdMapping& mapping : mappings) {
    text += std::to_string(mapping.container_id) + " " + std::to_string(mapping.host_id) + " " +
            std::to_string(mapping.size) + "\n";
  }
  return text;
}

}  // namespace

StatusOr<SandboxIds> ChooseSandboxIds(const spec::Linux& config) {
  uint32_t own_uid = geteuid();
  uint32_t own_gid = getegid();
  uint32_t uid = own_uid;
  uint32_t gid = own_gid;
  if (own_uid == 0) {
    std::optional<uint32_t> mapped_uid = HostIdOfRoot(config.uid_mappings);
    std::optional<uint32_t> mapped_gid = HostIdOfRoot(config.gid_mappings);
    if (mapped_uid) {
      uid = *mapped_uid;
    } else if (Exists("/proc/self/uid_map", kNobody)) {
      uid = kNobody;
    }
    if (mapped_gid) {
      gid = *mapped_gid;
    } else if (Exists("/proc/self/gid_map", kNobody)) {
      gid = kNobody;
    }
  }
  return SandboxIds{uid, gid, uid != own_uid || gid != own_gid};
}

Status WriteIdMaps(pid_t pid, const std::vector<spec::IdMapping>& uids, const std::vector<spec::IdMapping>& gids) {
  std::string directory = "/proc/" + std::to_string(pid) + "/";
  RETURN_IF_ERROR(WriteExistingFile(directory + "uid_map", MapText(uids)));
  // No process in there ever sets groups, and without this line only root may write the next file.
  RETURN_IF_ERROR(WriteExistingFile(directory + "setgroups", "deny"));
  return WriteExistingFile(directory + "gid_map", MapText(gids));
}

}  // namespace runsc
