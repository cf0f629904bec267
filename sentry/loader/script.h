// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace sentry {

// Bytes of a file that decide what it is (BINPRM_BUF_SIZE).
inline constexpr size_t kScriptLine = 256;

// The first line of a script.
struct ScriptLine {
  std::string interpreter;
  std::optional<std::string> argument;  // Everything behind the interpreter, inner blanks included.
};

bool IsScript(std::string_view head);

// Parses `#! interpreter [argument]` as Linux >= 5.1 does (fs/binfmt_script.c). `head` is the beginning of the file, at
// most kScriptLine bytes of which count; a shorter file ends there. ENOEXEC: no interpreter, or one that may be cut.
base::Result<ScriptLine> ParseScript(std::string_view head);

}  // namespace sentry
