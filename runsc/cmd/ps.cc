// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <cstdio>
#include <ctime>

#include "runsc/cmd/options.h"
#include "runsc/control/client.h"
#include "runsc/state/state.h"
#include "runsc/util/process.h"

namespace runsc {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

std::string StartText(int64_t realtime_ns) {
  time_t seconds = realtime_ns / kSecond;
  struct tm parts;
  localtime_r(&seconds, &parts);
  char text[16];
  strftime(text, sizeof(text), "%H:%M", &parts);
  return text;
}

std::string CpuText(int64_t ns) {
  char text[32];
  int64_t seconds = ns / kSecond;
  snprintf(text, sizeof(text), "%02lld:%02lld:%02lld", static_cast<long long>(seconds / 3600),
           static_cast<long long>(seconds / 60 % 60), static_cast<long long>(seconds % 60));
  return text;
}

void PrintTable(const std::vector<control::ProcessInfo>& processes) {
  printf("%-8s %8s %8s %5s %-8s %-5s %-8s %s\n", "UID", "PID", "PPID", "NLWP", "TTY", "STIME", "TIME", "CMD");
  for (const control::ProcessInfo& process : processes) {
    printf("%-8u %8d %8d %5d %-8s %-5s %-8s %s\n", process.uid, process.pid, process.parent, process.threads,
           process.terminal.empty() ? "?" : process.terminal.c_str(), StartText(process.start_realtime_ns).c_str(),
           CpuText(process.cpu_ns).c_str(), process.command.c_str());
  }
}

// Pids as engines want them: the host's, which `docker top` looks for in what the host's ps(1) prints. A guest process
// is a host process below the sandbox's that bears the guest's name; those kept ready for one still have their own.
std::vector<pid_t> HostPids(pid_t sandbox) {
  constexpr std::string_view kReadyName = "runsc-stub";
  std::vector<pid_t> pids;
  for (const NamedProcess& process : Descendants(sandbox)) {
    if (process.name != kReadyName) pids.push_back(process.pid);
  }
  return pids;
}

}  // namespace

StatusOr<int> PsCommand(CommandLine& line) {
  std::string format = "table";
  Options options(line, "List the processes of a container", true);
  options.app().add_option("--format,-f", format, "table or json")->check(CLI::IsMember({"table", "json"}));
  if (!TRY_STATUS(options.Parse())) return 0;
  // runc passes further arguments to ps(1); ours has one format, so they are taken and have no effect.
  if (options.rest().empty()) return InvalidInput("ps: id is required");
  std::string id = options.rest()[0];
  ContainerState state = TRY_STATUS(ReadState(line.settings.root, id));
  if (state.status != ContainerStatus::kRunning && state.status != ContainerStatus::kCreated) {
    return WrongState("cannot list processes of container \"" + id + "\": container not running");
  }
  control::Client client = TRY_STATUS(control::Client::Connect(ContainerDirectory(line.settings.root, id)));
  std::vector<control::ProcessInfo> processes = TRY_STATUS(client.Processes());
  if (format == "table") {
    PrintTable(processes);
    return 0;
  }
  std::vector<pid_t> pids = HostPids(state.sandbox.pid);
  if (pids.empty()) {
    for (const control::ProcessInfo& process : processes) pids.push_back(process.pid);
  }
  std::string text = "[";
  for (pid_t pid : pids) text += (text.size() > 1 ? "," : "") + std::to_string(pid);
  puts((text + "]").c_str());
  return 0;
}

}  // namespace runsc
