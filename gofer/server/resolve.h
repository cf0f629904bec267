// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/ref.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "gofer/protocol/messages.h"
#include "gofer/server/node.h"

namespace gofer {

// A single path component that may be looked up or created: 1 to 255 bytes, no '/', no NUL, not "." or "..".
bool IsValidName(std::string_view name);

// Opens `name` of `directory` without reading or entering anything: O_PATH, never through a symbolic link (one named
// by `name` is opened itself), never out of the directory. `attributes` are those of the file.
// REQUIRES: IsValidName(name).
base::Result<base::RefPtr<Node>> Resolve(const Node& directory, const std::string& name, wire::Attributes& attributes);

// Fills `attributes` from the file behind `fd`.
base::Result<void> ReadAttributes(int fd, wire::Attributes& attributes);

// Opens the very file of a node: through /proc/self/fd, so no name is resolved. `flags`: O_RDONLY, O_RDWR, O_DIRECTORY.
base::Result<base::UniqueFd> Reopen(const Node& node, int flags);

}  // namespace gofer
