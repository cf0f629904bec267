// SPDX-License-Identifier: Apache-2.0
#include "runsc/sandbox/cgroup_stats.h"

#include <cstdlib>
#include <sstream>
#include <string>

#include "runsc/sandbox/cgroup.h"
#include "runsc/util/files.h"

namespace runsc {
namespace {

constexpr size_t kMaxMountInfo = 16 << 20;
constexpr uint64_t kNanosecondsPerMicrosecond = 1000;
// Version 1 writes "no limit" as the largest multiple of a page.
constexpr uint64_t kVersion1Unlimited = INT64_MAX - 0xfff;

// A file of one number, or "max". Leaves `value` if there is no such file.
void ReadNumber(const std::string& path, uint64_t* value) {
  StatusOr<std::string> text = ReadFile(path);
  if (!text.ok()) return;
  *value = text->starts_with("max") ? CgroupStats::kUnlimited : strtoull(text->c_str(), nullptr, 10);
}

// The number behind `key` in a file of "key number" lines.
void ReadKeyed(const std::string& path, const std::string& key, uint64_t* value) {
  StatusOr<std::string> text = ReadFile(path);
  if (!text.ok()) return;
  std::istringstream lines(*text);
  std::string name;
  uint64_t number = 0;
  while (lines >> name >> number) {
    if (name == key) *value = number;
  }
}

std::string OwnOf(const CgroupHost& host, const char* controller) {
  auto found = host.controllers.find(controller);
  return found == host.controllers.end() ? "" : found->second.own;
}

}  // namespace

StatusOr<CgroupStats> ReadCgroupStats(pid_t pid) {
  std::string mountinfo = TRY_STATUS(ReadFile("/proc/self/mountinfo", kMaxMountInfo));
  CgroupHost host = CgroupHost::Parse(mountinfo, TRY_STATUS(ReadFile("/proc/" + std::to_string(pid) + "/cgroup")));
  CgroupStats stats;
  if (host.version2()) {
    const std::string& own = host.unified.own;
    ReadKeyed(own + "/cpu.stat", "usage_usec", &stats.cpu_ns);
    stats.cpu_ns *= kNanosecondsPerMicrosecond;
    ReadNumber(own + "/memory.current", &stats.memory_bytes);
    ReadNumber(own + "/memory.peak", &stats.memory_max_bytes);
    ReadNumber(own + "/memory.max", &stats.memory_limit_bytes);
    ReadKeyed(own + "/memory.events", "max", &stats.memory_failures);
    ReadNumber(own + "/pids.current", &stats.pids);
    ReadNumber(own + "/pids.max", &stats.pids_limit);
    return stats;
  }
  ReadNumber(OwnOf(host, "cpuacct") + "/cpuacct.usage", &stats.cpu_ns);
  std::string memory = OwnOf(host, "memory");
  ReadNumber(memory + "/memory.usage_in_bytes", &stats.memory_bytes);
  ReadNumber(memory + "/memory.max_usage_in_bytes", &stats.memory_max_bytes);
  ReadNumber(memory + "/memory.limit_in_bytes", &stats.memory_limit_bytes);
  if (stats.memory_limit_bytes >= kVersion1Unlimited) stats.memory_limit_bytes = CgroupStats::kUnlimited;
  ReadNumber(memory + "/memory.failcnt", &stats.memory_failures);
  std::string pids = OwnOf(host, "pids");
  ReadNumber(pids + "/pids.current", &stats.pids);
  ReadNumber(pids + "/pids.max", &stats.pids_limit);
  return stats;
}

}  // namespace runsc
