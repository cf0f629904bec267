// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "vfs/name_list.h"
#include "vfs/overlay/overlay_directory.h"

namespace vfs {

// All names of a directory's lower ones, if they are not too many.
struct OverlayDirectory::LowerNames {
  static constexpr size_t kMost = 65536;

  // False, and nothing is known from then on, when there are too many.
  bool Add(const std::vector<NameList::Entry>& entries) {
    if (names.size() + entries.size() > kMost) {
      names.clear();
      complete = false;
      return false;
    }
    for (const NameList::Entry& entry : entries) names.insert(entry.name);
    return true;
  }
  bool Has(std::string_view name) const { return names.contains(std::string(name)); }

  std::unordered_set<std::string> names;
  bool complete = true;
};

}  // namespace vfs
