// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace vfs {

// The extended attributes (xattr(7)) of an inode that lives in memory. Not thread-safe.
class XattrMap {
 public:
  // All names and values of one inode together; Linux's simple_xattr limit. ENOSPC.
  static constexpr size_t kMaxBytes = 128 * 1024;

  // Whether in-memory filesystems take attributes of this name: user., trusted., security. EOPNOTSUPP.
  static base::Result<void> CheckPrefix(std::string_view name);

  base::Result<std::string> Get(std::string_view name) const;
  base::Result<void> Set(std::string_view name, std::string_view value, int flags);
  base::Result<void> Remove(std::string_view name);
  std::vector<std::string> List() const;

 private:
  std::map<std::string, std::string, std::less<>> map_;
  size_t bytes_ = 0;
};

}  // namespace vfs
