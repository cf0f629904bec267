// SPDX-License-Identifier: Apache-2.0
#include "vfs/xattr_map.h"

#include <sys/xattr.h>

namespace vfs {

base::Result<void> XattrMap::CheckPrefix(std::string_view name) {
  for (std::string_view prefix : {"user.", "trusted.", "security."}) {
    if (name.starts_with(prefix)) return {};
  }
  return base::Errno(EOPNOTSUPP);
}

base::Result<std::string> XattrMap::Get(std::string_view name) const {
  auto it = map_.find(name);
  if (it == map_.end()) return base::Errno(ENODATA);
  return it->second;
}

base::Result<void> XattrMap::Set(std::string_view name, std::string_view value, int flags) {
  auto it = map_.find(name);
  if (it != map_.end() && (flags & XATTR_CREATE) != 0) return base::Errno(EEXIST);
  if (it == map_.end() && (flags & XATTR_REPLACE) != 0) return base::Errno(ENODATA);
  size_t old_bytes = it != map_.end() ? name.size() + it->second.size() : 0;
  if (bytes_ - old_bytes + name.size() + value.size() > kMaxBytes) return base::Errno(ENOSPC);
  bytes_ = bytes_ - old_bytes + name.size() + value.size();
  if (it != map_.end()) {
    it->second = std::string(value);
  } else {
    map_.emplace(name, value);
  }
  return {};
}

base::Result<void> XattrMap::Remove(std::string_view name) {
  auto it = map_.find(name);
  if (it == map_.end()) return base::Errno(ENODATA);
  bytes_ -= it->first.size() + it->second.size();
  map_.erase(it);
  return {};
}

std::vector<std::string> XattrMap::List() const {
  std::vector<std::string> names;
  for (const auto& [name, value] : map_) names.push_back(name);
  return names;
}

}  // namespace vfs
