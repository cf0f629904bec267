// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/unique_fd.h"
#include "runsc/util/status.h"

namespace runsc {

// Everything that can be read from `fd`, at most `limit` bytes (more is an error). `what` names it in messages.
StatusOr<std::string> ReadAll(int fd, size_t limit, std::string_view what);
// A small file: /proc entries, cgroup files, our own state.
StatusOr<std::string> ReadFile(const std::string& path, size_t limit = 1 << 20);
// One write(2) of the whole text to an existing file, as kernel interfaces want it.
Status WriteExistingFile(const std::string& path, std::string_view text);
// All of it, going on after short writes. No SIGPIPE protection.
Status WriteAll(int fd, std::string_view text, std::string_view what);
// Replaces <directory>/<name> as a whole: after a crash there is the old text or the new one.
Status ReplaceFile(const std::string& directory, const std::string& name, std::string_view text, int mode);

// An anonymous file with the given contents that nobody can change any more; the offset is 0. Close on exec.
StatusOr<base::UniqueFd> SealedFile(const char* name, std::string_view contents);
// A copy of `source` (a regular file) of the same kind.
StatusOr<base::UniqueFd> SealedCopy(const char* name, int source);

// open("/dev/null", O_RDWR).
StatusOr<base::UniqueFd> OpenNull();
StatusOr<base::UniqueFd> Duplicate(int fd);

}  // namespace runsc
