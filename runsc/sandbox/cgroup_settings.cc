// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "runsc/sandbox/cgroup.h"

namespace runsc {
namespace {

// A guest process is two tasks on the host (its thread and the stub's helper), besides the sentry's own threads, the
// gofer's, and ready-made stubs.
constexpr int64_t kHostTasksPerGuestTask = 2;
constexpr int64_t kHostTasksBesides = 256;
constexpr uint64_t kDefaultPeriod = 100000;

class Builder {
 public:
  explicit Builder(bool version2) : version2_(version2) {}

  // The same setting in both versions, under different names; an empty name: not in that version.
  void Add(const char* controller, const char* file_v1, const char* file_v2, const std::string& value_v1,
           const std::string& value_v2, const char* origin) {
    const char* file = version2_ ? file_v2 : file_v1;
    if (file[0] == '\0') return;
    settings_.push_back({controller, file, version2_ ? value_v2 : value_v1, std::string("linux.resources.") + origin});
  }
  void Add(const char* controller, const char* file_v1, const char* file_v2, const std::string& value,
           const char* origin) {
    Add(controller, file_v1, file_v2, value, value, origin);
  }
  bool version2() const { return version2_; }
  std::vector<CgroupSetting> Take() { return std::move(settings_); }

 private:
  const bool version2_;
  std::vector<CgroupSetting> settings_;
};

std::string OrMax(int64_t value) { return value < 0 ? "max" : std::to_string(value); }

void AddMemory(const spec::MemoryResources& memory, Builder& builder) {
  if (memory.limit && *memory.limit != 0) {
    builder.Add("memory", "memory.limit_in_bytes", "memory.max", std::to_string(*memory.limit), OrMax(*memory.limit),
                "memory.limit");
  }
  // Behind the limit: with version 1 the sum may not be below it.
  if (memory.swap && *memory.swap != 0) {
    // Version 1 limits memory and swap together, and so does the specification; version 2 swap alone.
    int64_t swap_alone = *memory.swap < 0 ? -1 : std::max<int64_t>(0, *memory.swap - memory.limit.value_or(0));
    builder.Add("memory", "memory.memsw.limit_in_bytes", "memory.swap.max", std::to_string(*memory.swap),
                OrMax(swap_alone), "memory.swap");
  }
  if (memory.reservation && *memory.reservation != 0) {
    builder.Add("memory", "memory.soft_limit_in_bytes", "memory.low", std::to_string(*memory.reservation),
                OrMax(*memory.reservation), "memory.reservation");
  }
  constexpr uint64_t kUnset = UINT64_MAX;  // Docker's "-1".
  if (memory.swappiness && *memory.swappiness != kUnset) {
    builder.Add("memory", "memory.swappiness", "", std::to_string(*memory.swappiness), "memory.swappiness");
  }
  if (memory.disable_oom_killer.value_or(false)) {
    builder.Add("memory", "memory.oom_control", "", "1", "memory.disableOOMKiller");
  }
}

void AddCpu(const spec::CpuResources& cpu, Builder& builder) {
  if (cpu.shares && *cpu.shares != 0) {
    // The specification of shares runs from 2 to 262144, that of weights from 1 to 10000.
    uint64_t shares = std::clamp<uint64_t>(*cpu.shares, 2, 262144);
    builder.Add("cpu", "cpu.shares", "cpu.weight", std::to_string(*cpu.shares),
                std::to_string(1 + (shares - 2) * 9999 / 262142), "cpu.shares");
  }
  if (builder.version2() && ((cpu.quota && *cpu.quota != 0) || (cpu.period && *cpu.period != 0))) {
    std::string quota = cpu.quota && *cpu.quota > 0 ? std::to_string(*cpu.quota) : "max";
    uint64_t period = cpu.period.value_or(0) != 0 ? *cpu.period : kDefaultPeriod;
    builder.Add("cpu", "", "cpu.max", quota + " " + std::to_string(period), "cpu.quota");
  }
  if (cpu.period && *cpu.period != 0) {
    builder.Add("cpu", "cpu.cfs_period_us", "", std::to_string(*cpu.period), "cpu.period");
  }
  if (cpu.quota && *cpu.quota != 0) {
    builder.Add("cpu", "cpu.cfs_quota_us", "", std::to_string(*cpu.quota), "cpu.quota");
  }
  if (cpu.burst) builder.Add("cpu", "cpu.cfs_burst_us", "cpu.max.burst", std::to_string(*cpu.burst), "cpu.burst");
  if (cpu.idle) builder.Add("cpu", "cpu.idle", "cpu.idle", std::to_string(*cpu.idle), "cpu.idle");
  if (cpu.realtime_period && *cpu.realtime_period != 0) {
    builder.Add("cpu", "cpu.rt_period_us", "", std::to_string(*cpu.realtime_period), "cpu.realtimePeriod");
  }
  if (cpu.realtime_runtime && *cpu.realtime_runtime != 0) {
    builder.Add("cpu", "cpu.rt_runtime_us", "", std::to_string(*cpu.realtime_runtime), "cpu.realtimeRuntime");
  }
  if (!cpu.cpus.empty()) builder.Add("cpuset", "cpuset.cpus", "cpuset.cpus", cpu.cpus, "cpu.cpus");
  if (!cpu.mems.empty()) builder.Add("cpuset", "cpuset.mems", "cpuset.mems", cpu.mems, "cpu.mems");
}

void AddThrottle(const std::vector<spec::ThrottleDevice>& devices, const char* file_v1, const char* key_v2,
                 const char* origin, Builder& builder) {
  for (const spec::ThrottleDevice& device : devices) {
    std::string number = std::to_string(device.major) + ":" + std::to_string(device.minor);
    std::string rate = std::to_string(device.rate);
    builder.Add("blkio", file_v1, "io.max", number + " " + rate, number + " " + key_v2 + "=" + rate, origin);
  }
}

void AddBlockIo(const spec::BlockIoResources& io, Builder& builder) {
  if (io.weight && *io.weight != 0) {
    std::string weight = std::to_string(*io.weight);
    builder.Add("blkio", "blkio.weight", "io.weight", weight, "default " + weight, "blockIO.weight");
  }
  for (const spec::WeightDevice& device : io.weight_device) {
    if (!device.weight) continue;
    std::string value =
        std::to_string(device.major) + ":" + std::to_string(device.minor) + " " + std::to_string(*device.weight);
    builder.Add("blkio", "blkio.weight_device", "io.weight", value, "blockIO.weightDevice");
  }
  AddThrottle(io.throttle_read_bps, "blkio.throttle.read_bps_device", "rbps", "blockIO.throttleReadBpsDevice", builder);
  AddThrottle(io.throttle_write_bps, "blkio.throttle.write_bps_device", "wbps", "blockIO.throttleWriteBpsDevice",
              builder);
  AddThrottle(io.throttle_read_iops, "blkio.throttle.read_iops_device", "riops", "blockIO.throttleReadIOPSDevice",
              builder);
  AddThrottle(io.throttle_write_iops, "blkio.throttle.write_iops_device", "wiops", "blockIO.throttleWriteIOPSDevice",
              builder);
}

}  // namespace

std::vector<CgroupSetting> CgroupSettings(const spec::Resources& resources, bool version2) {
  Builder builder(version2);
  AddMemory(resources.memory, builder);
  AddCpu(resources.cpu, builder);
  if (resources.pids_limit && *resources.pids_limit > 0) {
    int64_t limit = std::min(*resources.pids_limit, INT64_MAX / 4) * kHostTasksPerGuestTask + kHostTasksBesides;
    builder.Add("pids", "pids.max", "pids.max", std::to_string(limit), "pids.limit");
  }
  AddBlockIo(resources.block_io, builder);
  for (const spec::HugepageLimit& limit : resources.hugepage_limits) {
    std::string prefix = "hugetlb." + limit.page_size;
    builder.Add("hugetlb", (prefix + ".limit_in_bytes").c_str(), (prefix + ".max").c_str(), std::to_string(limit.limit),
                "hugepageLimits");
  }
  if (resources.network.class_id) {
    builder.Add("net_cls", "net_cls.classid", "", std::to_string(*resources.network.class_id), "network.classID");
  }
  for (const spec::InterfacePriority& entry : resources.network.priorities) {
    builder.Add("net_prio", "net_prio.ifpriomap", "", entry.name + " " + std::to_string(entry.priority),
                "network.priorities");
  }
  for (const auto& [device, limit] : resources.rdma) {
    std::string value = device;
    if (limit.hca_handles) value += " hca_handle=" + std::to_string(*limit.hca_handles);
    if (limit.hca_objects) value += " hca_object=" + std::to_string(*limit.hca_objects);
    builder.Add("rdma", "rdma.max", "rdma.max", value, "rdma");
  }
  if (version2) {
    for (const auto& [file, value] : resources.unified) builder.Add("", "", file.c_str(), value, "unified");
  }
  return builder.Take();
}

}  // namespace runsc
