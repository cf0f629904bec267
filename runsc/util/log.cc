// SPDX-License-Identifier: Apache-2.0
#include "runsc/util/log.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <ctime>
#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "runsc/util/files.h"

namespace runsc {
namespace {

constexpr int64_t kNanosecondsPerSecond = 1'000'000'000;

void Report(const Settings& settings, std::string_view level, std::string_view message) {
  dprintf(STDERR_FILENO, "runsc: %.*s\n", static_cast<int>(message.size()), message.data());
  if (settings.log.empty()) return;
  base::UniqueFd fd(open(settings.log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0644));
  if (!fd) {
    dprintf(STDERR_FILENO, "runsc: --log: %s: %m\n", settings.log.c_str());
    return;
  }
  WriteAll(fd.get(), LogRecord(settings.log_json, level, message), settings.log).IgnoreError();
}

void ReplaceAll(std::string& text, std::string_view what, std::string_view with) {
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size())) {
    text.replace(at, what.size(), with);
  }
}

}  // namespace

std::string FormatTime(int64_t realtime_ns) {
  time_t seconds = realtime_ns / kNanosecondsPerSecond;
  struct tm parts;
  gmtime_r(&seconds, &parts);
  char date[32];
  strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &parts);
  char text[64];
  snprintf(text, sizeof(text), "%s.%09lldZ", date, static_cast<long long>(realtime_ns % kNanosecondsPerSecond));
  return text;
}

std::string LogRecord(bool json, std::string_view level, std::string_view message) {
  std::string time = FormatTime(base::RealtimeNow());
  constexpr auto kReplace = nlohmann::json::error_handler_t::replace;
  if (json) {
    nlohmann::json record = {{"level", level}, {"msg", message}, {"time", time}};
    return record.dump(-1, ' ', false, kReplace) + "\n";
  }
  std::string quoted = nlohmann::json(message).dump(-1, ' ', false, kReplace);
  return "time=\"" + time + "\" level=" + std::string(level) + " msg=" + quoted + "\n";
}

void ReportError(const Settings& settings, std::string_view message) { Report(settings, "error", message); }
void ReportWarning(const Settings& settings, std::string_view message) { Report(settings, "warning", message); }

StatusOr<base::UniqueFd> OpenDebugLog(const Settings& settings, const std::string& id, const std::string& command) {
  if (settings.debug_log.empty()) return base::UniqueFd();
  std::string path = settings.debug_log;
  if (path.ends_with('/')) path += "runsc.%ID%.%TIMESTAMP%.%COMMAND%.log";
  ReplaceAll(path, "%ID%", id);
  ReplaceAll(path, "%COMMAND%", command);
  ReplaceAll(path, "%TIMESTAMP%", FormatTime(base::RealtimeNow()));
  base::UniqueFd fd(open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0644));
  if (!fd) return SystemError("--debug-log: " + path);
  return fd;
}

}  // namespace runsc
