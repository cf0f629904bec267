// SPDX-License-Identifier: Apache-2.0
// Reading config.json. Errors name the file, the line and byte of a syntax error, and the JSON path of any other:
//   /run/b/config.json: process.args[2]: expected a string, found number
#pragma once

#include <string>
#include <string_view>

#include "runsc/spec/spec.h"
#include "runsc/util/status.h"

namespace runsc::spec {

// Larger configuration files are refused.
inline constexpr size_t kMaxConfigBytes = 16 << 20;

// Parses and validates `text`; `name` is how messages call it.
StatusOr<Spec> ParseSpec(std::string_view text, std::string_view name);
// The same for a process object alone (`exec --process`).
StatusOr<Process> ParseProcess(std::string_view text, std::string_view name);

// The same for linux.resources alone (`update --resources`).
StatusOr<Resources> ParseResources(std::string_view text, std::string_view name);

// Reads a regular file whole; refuses more than kMaxConfigBytes.
StatusOr<std::string> ReadConfigFile(const std::string& path);

struct LoadedSpec {
  Spec spec;
  std::string text;  // The file as read, for the sandbox, which parses it again.
  std::string path;
};
// <bundle>/config.json.
StatusOr<LoadedSpec> LoadSpec(const std::string& bundle);

}  // namespace runsc::spec
