// SPDX-License-Identifier: Apache-2.0
// Where runsc's words go: errors to standard error and to --log, in a form that engines parse; debugging to
// --debug-log.
#pragma once

#include <string>
#include <string_view>

#include "base/unique_fd.h"
#include "runsc/config/flags.h"
#include "runsc/util/status.h"

namespace runsc {

// "runsc: <message>" on standard error, and one record at the end of the --log file, if there is one. Text records look
// like logrus' (time="..." level=error msg="..."), JSON ones are {"level":"error","msg":"...","time":"..."}.
void ReportError(const Settings& settings, std::string_view message);
void ReportWarning(const Settings& settings, std::string_view message);

// One record, as above.
std::string LogRecord(bool json, std::string_view level, std::string_view message);

// The --debug-log file for the process `command` of container `id`, opened for appending; an empty descriptor when
// there is none. Missing directories are an error.
StatusOr<base::UniqueFd> OpenDebugLog(const Settings& settings, const std::string& id, const std::string& command);

// An RFC 3339 time with nanoseconds, UTC.
std::string FormatTime(int64_t realtime_ns);

}  // namespace runsc
