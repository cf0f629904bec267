// SPDX-License-Identifier: Apache-2.0
#include "runsc/sandbox/mount_points.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <sstream>
#include <string>
#include <utility>

#include "base/unique_fd.h"

namespace runsc {
namespace {

// A place in the tree of `root`, as seen by someone whose root directory that is.
base::UniqueFd OpenInRoot(int root, const std::string& path) {
  struct open_how how = {};
  how.flags = O_PATH | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  return base::UniqueFd(static_cast<int>(syscall(SYS_openat2, root, path.c_str(), &how, sizeof(how))));
}

bool MakeOne(int parent, const std::string& name, bool directory) {
  constexpr mode_t kDirectoryMode = 0755;
  constexpr mode_t kFileMode = 0644;
  if (directory) return mkdirat(parent, name.c_str(), kDirectoryMode) == 0;
  return base::UniqueFd(openat(parent, name.c_str(), O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, kFileMode)).get() >= 0;
}

void MakeMountPoint(int root, const std::string& destination, bool directory) {
  std::istringstream components(destination);
  std::string path = ".", name;
  std::vector<std::string> names;
  while (std::getline(components, name, '/')) {
    if (name == "..") return;
    if (!name.empty() && name != ".") names.push_back(name);
  }
  base::UniqueFd parent = OpenInRoot(root, path);
  for (size_t i = 0; i < names.size(); ++i) {
    path += "/" + names[i];
    base::UniqueFd found = OpenInRoot(root, path);
    if (!found) {
      if (errno != ENOENT || !MakeOne(parent.get(), names[i], directory || i + 1 < names.size())) return;
      found = OpenInRoot(root, path);
      if (!found) return;
    }
    parent = std::move(found);
  }
}

}  // namespace

void MakeMountPoints(const spec::Spec& spec, const std::vector<HostTree>& trees) {
  base::UniqueFd root(open(trees[0].path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root) return;
  for (size_t i = 0; i < spec.mounts.size(); ++i) {
    const std::string& destination = spec.mounts[i].destination;
    // What lies in an earlier mount is made there, not below it.
    bool covered = std::any_of(spec.mounts.begin(), spec.mounts.begin() + static_cast<ptrdiff_t>(i),
                               [&](const spec::Mount& earlier) {
                                 const std::string& above = earlier.destination;
                                 return destination.starts_with(above.ends_with('/') ? above : above + "/");
                               });
    if (covered) continue;
    auto tree = std::find_if(trees.begin(), trees.end(),
                             [&](const HostTree& candidate) { return candidate.mount == static_cast<int>(i); });
    MakeMountPoint(root.get(), destination, tree == trees.end() || tree->directory);
  }
}

}  // namespace runsc
