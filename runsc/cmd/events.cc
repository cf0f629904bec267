// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <cstdio>
#include <ctime>
#include <nlohmann/json.hpp>

#include "runsc/cmd/options.h"
#include "runsc/sandbox/cgroup_stats.h"
#include "runsc/state/state.h"

namespace runsc {
namespace {

using Json = nlohmann::ordered_json;

// As runc prints them.
std::string EventText(const std::string& id, const CgroupStats& stats) {
  Json memory = {{"limit", stats.memory_limit_bytes},
                 {"usage", stats.memory_bytes},
                 {"max", stats.memory_max_bytes},
                 {"failcnt", stats.memory_failures}};
  Json pids = {{"current", stats.pids}};
  if (stats.pids_limit != CgroupStats::kUnlimited) pids["limit"] = stats.pids_limit;
  Json data = {{"cpu", {{"usage", {{"total", stats.cpu_ns}}}}}, {"memory", {{"usage", memory}}}, {"pids", pids}};
  return Json{{"type", "stats"}, {"id", id}, {"data", data}}.dump();
}

}  // namespace

StatusOr<int> EventsCommand(CommandLine& line) {
  std::string id;
  bool once = false;
  int interval = 5;
  Options options(line, "Print what a container uses, as JSON, again and again until it ends");
  options.AddId(&id);
  options.app().add_flag("--stats", once, "once only");
  options.app().add_option("--interval", interval, "seconds between two (default: 5)")->check(CLI::Range(1, 86400));
  if (!TRY_STATUS(options.Parse())) return 0;
  for (bool first = true;; first = false) {
    ContainerState state = TRY_STATUS(ReadState(line.settings.root, id));
    if (state.status == ContainerStatus::kStopped) {
      if (first) return WrongState("container \"" + id + "\" is not running");
      return 0;
    }
    if (state.cgroups.empty()) {
      return Failed("container \"" + id + "\" has no cgroup (see linux.cgroupsPath and --ignore-cgroups)");
    }
    CgroupStats stats = TRY_STATUS(ReadCgroupStats(state.sandbox.pid));
    puts(EventText(id, stats).c_str());
    fflush(stdout);
    if (once) return 0;
    struct timespec pause = {interval, 0};
    nanosleep(&pause, nullptr);
  }
}

}  // namespace runsc
