// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "vfs/context.h"
#include "vfs/path.h"

namespace vfs {

// The most symbolic links followed in one walk: ELOOP beyond.
inline constexpr int kSymlinkMax = 40;

// Restrictions on a walk; openat2(2)'s RESOLVE_* values.
enum ResolveFlag : uint64_t {
  kResolveNoCrossMount = 0x01,  // EXDEV
  kResolveNoMagicLinks = 0x02,  // ELOOP
  kResolveNoSymlinks = 0x04,    // ELOOP
  kResolveBeneath = 0x08,       // EXDEV
  kResolveInRoot = 0x10,
  kResolveCached = 0x20,  // EAGAIN, always: the caller has to do without.
};
inline constexpr uint64_t kResolveAll = 0x3f;

// Where names begin: absolute ones at `root`, relative ones at `start` (the working directory, or the path of the
// directory descriptor of an *at call). ".." never leaves `root`.
struct StartPoint {
  Path root;
  Path start;
};

struct WalkOptions {
  bool follow = true;        // The last component, if it is a symbolic link.
  bool directory = false;    // ENOTDIR unless the result is one.
  bool allow_empty = false;  // AT_EMPTY_PATH: "" is the start itself.
  uint64_t resolve = 0;      // ResolveFlags.
};

// What the last component of a name is.
enum class LastComponent { kName, kDot, kDotDot, kRoot };

// A name up to its last component, which was not looked up.
struct ParentWalk {
  Path parent;
  std::string name;
  LastComponent kind = LastComponent::kName;
  bool trailing_slash = false;
};

// Resolves `name` (path_resolution(7)); no NUL in it. Errors as there: ENOENT, ENOTDIR, EACCES, ELOOP, ENAMETOOLONG (a
// component over kNameMax, a name of kPathMax bytes or more), EXDEV, EAGAIN, and what filesystems say.
base::Result<Path> Walk(Context& context, const StartPoint& at, std::string_view name, const WalkOptions& options);
// Resolves all but the last component, for calls that make or remove names. Never follows the last one.
base::Result<ParentWalk> WalkToParent(Context& context, const StartPoint& at, std::string_view name,
                                      uint64_t resolve = 0);

}  // namespace vfs
