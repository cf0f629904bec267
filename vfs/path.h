// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/ref.h"

namespace vfs {

class Dentry;
class Mount;

// A place in the tree: a dentry as seen through a mount (path_resolution(7)). Both null, or neither.
struct Path {
  base::RefPtr<Mount> mount;
  base::RefPtr<Dentry> dentry;

  Path();
  Path(base::RefPtr<Mount> mount, base::RefPtr<Dentry> dentry);
  Path(const Path&);
  Path(Path&&) noexcept;
  Path& operator=(const Path&);
  Path& operator=(Path&&) noexcept;
  ~Path();

  explicit operator bool() const { return dentry != nullptr; }
  friend bool operator==(const Path&, const Path&) = default;
};

}  // namespace vfs
