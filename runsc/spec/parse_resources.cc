// SPDX-License-Identifier: Apache-2.0
#include "runsc/spec/parse_sections.h"

namespace runsc::spec {

static bool Read(const Node& node, DeviceRule* out) {
  Object object(node);
  object.Required("allow", &out->allow).Optional("major", &out->major).Optional("minor", &out->minor);
  object.OptionalWith("type", [out](const Node& type) {
    if (!Read(type, &out->type)) return false;
    return out->type.empty() || out->type == "a" || out->type == "c" || out->type == "b" ||
           FailUnknownName(type, "device type", out->type);
  });
  object.OptionalWith("access", [out](const Node& access) {
    if (!Read(access, &out->access)) return false;
    return out->access.find_first_not_of("rwm") == std::string::npos || access.Fail("has letters other than r, w, m");
  });
  return object.ok();
}

static bool Read(const Node& node, MemoryResources* out) {
  return Object(node)
      .Optional("limit", &out->limit)
      .Optional("reservation", &out->reservation)
      .Optional("swap", &out->swap)
      .Optional("kernel", &out->kernel)
      .Optional("kernelTCP", &out->kernel_tcp)
      .Optional("swappiness", &out->swappiness)
      .Optional("disableOOMKiller", &out->disable_oom_killer)
      .Optional("useHierarchy", &out->use_hierarchy)
      .Optional("checkBeforeUpdate", &out->check_before_update)
      .ok();
}

static bool Read(const Node& node, CpuResources* out) {
  return Object(node)
      .Optional("shares", &out->shares)
      .Optional("quota", &out->quota)
      .Optional("burst", &out->burst)
      .Optional("period", &out->period)
      .Optional("realtimeRuntime", &out->realtime_runtime)
      .Optional("realtimePeriod", &out->realtime_period)
      .Optional("idle", &out->idle)
      .Optional("cpus", &out->cpus)
      .Optional("mems", &out->mems)
      .ok();
}

static bool Read(const Node& node, WeightDevice* out) {
  return Object(node)
      .Required("major", &out->major)
      .Required("minor", &out->minor)
      .Optional("weight", &out->weight)
      .Optional("leafWeight", &out->leaf_weight)
      .ok();
}

static bool Read(const Node& node, ThrottleDevice* out) {
  return Object(node).Required("major", &out->major).Required("minor", &out->minor).Required("rate", &out->rate).ok();
}

static bool Read(const Node& node, HugepageLimit* out) {
  return Object(node).Required("pageSize", &out->page_size).Required("limit", &out->limit).ok();
}

static bool Read(const Node& node, InterfacePriority* out) {
  return Object(node).Required("name", &out->name).Required("priority", &out->priority).ok();
}

static bool Read(const Node& node, RdmaLimit* out) {
  return Object(node).Optional("hcaHandles", &out->hca_handles).Optional("hcaObjects", &out->hca_objects).ok();
}

static bool Read(const Node& node, BlockIoResources* out) {
  return Object(node)
      .Optional("weight", &out->weight)
      .Optional("leafWeight", &out->leaf_weight)
      .Optional("weightDevice", &out->weight_device)
      .Optional("throttleReadBpsDevice", &out->throttle_read_bps)
      .Optional("throttleWriteBpsDevice", &out->throttle_write_bps)
      .Optional("throttleReadIOPSDevice", &out->throttle_read_iops)
      .Optional("throttleWriteIOPSDevice", &out->throttle_write_iops)
      .ok();
}

static bool Read(const Node& node, NetworkResources* out) {
  return Object(node).Optional("classID", &out->class_id).Optional("priorities", &out->priorities).ok();
}

bool Read(const Node& node, Resources* out) {
  return Object(node)
      .Optional("devices", &out->devices)
      .Optional("memory", &out->memory)
      .Optional("cpu", &out->cpu)
      .OptionalWith("pids", [out](const Node& pids) { return Object(pids).Optional("limit", &out->pids_limit).ok(); })
      .Optional("blockIO", &out->block_io)
      .Optional("hugepageLimits", &out->hugepage_limits)
      .Optional("network", &out->network)
      .Optional("rdma", &out->rdma)
      .Optional("unified", &out->unified)
      .ok();
}

}  // namespace runsc::spec
