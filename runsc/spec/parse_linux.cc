// SPDX-License-Identifier: Apache-2.0
#include "runsc/spec/names.h"
#include "runsc/spec/parse_sections.h"

namespace runsc::spec {
namespace {

constexpr EnumName<DeviceType> kDeviceTypes[] = {
    {"c", DeviceType::kCharacter}, {"u", DeviceType::kCharacter}, {"b", DeviceType::kBlock}, {"p", DeviceType::kFifo}};

constexpr EnumName<int> kPropagations[] = {{"", 0},         {"shared", 0},     {"rshared", 0},
                                           {"slave", 0},    {"rslave", 0},     {"private", 0},
                                           {"rprivate", 0}, {"unbindable", 0}, {"runbindable", 0}};

}  // namespace

static bool Read(const Node& node, Namespace* out) {
  Object object(node);
  object.RequiredWith("type", [out](const Node& type) {
    std::string name;
    if (!Read(type, &name)) return false;
    std::optional<NamespaceType> known = NamespaceTypeOf(name);
    if (!known) return FailUnknownName(type, "namespace type", name);
    out->type = *known;
    return true;
  });
  object.OptionalWith("path", [out](const Node& path) {
    if (path.value().is_string() && path.value().get_ref<const std::string&>().empty()) return true;
    return ReadAbsolutePath(path, &out->path);
  });
  return object.ok();
}

static bool ReadNamespaces(const Node& node, std::vector<Namespace>* out) {
  if (!Read(node, out)) return false;
  unsigned seen = 0;
  for (size_t i = 0; i < out->size(); ++i) {
    unsigned bit = 1U << static_cast<unsigned>((*out)[i].type);
    if ((seen & bit) != 0) {
      return node.Element(i).Fail("namespace type \"" + std::string(NamespaceTypeName((*out)[i].type)) +
                                  "\" appears twice");
    }
    seen |= bit;
  }
  return true;
}

static bool Read(const Node& node, Device* out) {
  Object object(node);
  object.RequiredWith("path", [out](const Node& path) { return ReadAbsolutePath(path, &out->path); });
  object.RequiredWith("type",
                      [out](const Node& type) { return ReadEnum(type, "device type", kDeviceTypes, &out->type); });
  object.Optional("major", &out->major).Optional("minor", &out->minor);
  object.Optional("fileMode", &out->file_mode).Optional("uid", &out->uid).Optional("gid", &out->gid);
  return object.ok();
}

static bool Read(const Node& node, IntelRdt* out) {
  return Object(node)
      .Optional("closID", &out->clos_id)
      .Optional("l3CacheSchema", &out->l3_cache_schema)
      .Optional("memBwSchema", &out->mem_bw_schema)
      .Optional("enableCMT", &out->enable_cmt)
      .Optional("enableMBM", &out->enable_mbm)
      .ok();
}

static bool Read(const Node& node, Personality* out) {
  constexpr EnumName<int> kDomains[] = {{"LINUX", 0}, {"LINUX32", 0}};
  int unused = 0;
  return Object(node)
      .RequiredWith("domain",
                    [&](const Node& domain) {
                      return ReadEnum(domain, "personality", kDomains, &unused) && Read(domain, &out->domain);
                    })
      .Optional("flags", &out->flags)
      .ok();
}

static bool Read(const Node& node, TimeOffset* out) {
  return Object(node).Optional("secs", &out->seconds).Optional("nanosecs", &out->nanoseconds).ok();
}

static bool ReadTimeOffsets(const Node& node, std::map<std::string, TimeOffset>* out) {
  if (!Read(node, out)) return false;
  for (const auto& [name, offset] : *out) {
    if (name != "monotonic" && name != "boottime") return FailUnknownName(node, "clock", name);
  }
  return true;
}

static bool ReadPaths(const Node& node, std::vector<std::string>* out) {
  return ReadArray(node, out, ReadAbsolutePath);
}

bool Read(const Node& node, IdMapping* out) {
  Object object(node);
  object.Required("containerID", &out->container_id).Required("hostID", &out->host_id).Required("size", &out->size);
  if (!object.ok()) return false;
  constexpr uint64_t kIds = uint64_t{1} << 32;
  if (out->size == 0) return node.Fail("maps no id: size is 0");
  if (uint64_t{out->container_id} + out->size > kIds || uint64_t{out->host_id} + out->size > kIds) {
    return node.Fail("reaches beyond the largest id");
  }
  return true;
}

bool Read(const Node& node, Linux* out) {
  int unused = 0;
  return Object(node)
      .Optional("uidMappings", &out->uid_mappings)
      .Optional("gidMappings", &out->gid_mappings)
      .Optional("sysctl", &out->sysctl)
      .Optional("resources", &out->resources)
      .Optional("cgroupsPath", &out->cgroups_path)
      .OptionalWith("namespaces", [out](const Node& list) { return ReadNamespaces(list, &out->namespaces); })
      .Optional("devices", &out->devices)
      .Optional("seccomp", &out->seccomp)
      .OptionalWith("rootfsPropagation",
                    [&](const Node& value) {
                      return ReadEnum(value, "mount propagation", kPropagations, &unused) &&
                             Read(value, &out->rootfs_propagation);
                    })
      .OptionalWith("maskedPaths", [out](const Node& list) { return ReadPaths(list, &out->masked_paths); })
      .OptionalWith("readonlyPaths", [out](const Node& list) { return ReadPaths(list, &out->readonly_paths); })
      .Optional("mountLabel", &out->mount_label)
      .Optional("intelRdt", &out->intel_rdt)
      .Optional("personality", &out->personality)
      .OptionalWith("timeOffsets", [out](const Node& offsets) { return ReadTimeOffsets(offsets, &out->time_offsets); })
      .ok();
}

}  // namespace runsc::spec
