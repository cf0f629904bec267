// SPDX-License-Identifier: Apache-2.0
#include "runsc/sandbox/trees.h"

#include <sys/stat.h>

#include <algorithm>

namespace runsc {
namespace {

bool HasOption(const spec::Mount& mount, std::string_view option) {
  return std::find(mount.options.begin(), mount.options.end(), option) != mount.options.end();
}

// The last of "ro" and "rw" counts, as with mount(8).
bool IsReadOnly(const spec::Mount& mount) {
  bool read_only = false;
  for (const std::string& option : mount.options) {
    if (option == "ro" || option == "rro") read_only = true;
    if (option == "rw" || option == "rrw") read_only = false;
  }
  return read_only;
}

std::string Absolute(const std::string& path, const std::string& bundle) {
  return path.starts_with('/') ? path : bundle + "/" + path;
}

}  // namespace

bool IsBindMount(const spec::Mount& mount) {
  return mount.type == "bind" || mount.type == "rbind" || HasOption(mount, "bind") || HasOption(mount, "rbind");
}

StatusOr<std::vector<HostTree>> FindHostTrees(const spec::Spec& spec, const std::string& spec_name,
                                              const std::string& bundle, const Settings& settings) {
  std::vector<HostTree> trees;
  struct stat status;

  HostTree root;
  root.path = Absolute(spec.root->path, bundle);
  root.origin = spec_name + ": root.path";
  // Below a memory overlay nothing is ever written, so nothing ever can be.
  root.read_only = spec.root->readonly || settings.overlay_root;
  if (stat(root.path.c_str(), &status) != 0) return SystemError(root.origin + ": " + root.path);
  if (!S_ISDIR(status.st_mode)) return InvalidInput(root.origin + ": " + root.path + ": is not a directory");
  trees.push_back(std::move(root));

  for (size_t i = 0; i < spec.mounts.size(); ++i) {
    const spec::Mount& mount = spec.mounts[i];
    if (!IsBindMount(mount)) continue;
    HostTree tree;
    tree.mount = static_cast<int>(i);
    tree.origin = spec_name + ": mounts[" + std::to_string(i) + "].source";
    if (mount.source.empty()) return InvalidInput(tree.origin + ": missing");
    tree.path = Absolute(mount.source, bundle);
    tree.read_only = IsReadOnly(mount) || settings.overlay_mounts;
    tree.recursive = HasOption(mount, "rbind") || !HasOption(mount, "bind");
    if (stat(tree.path.c_str(), &status) != 0) return SystemError(tree.origin + ": " + tree.path);
    tree.directory = S_ISDIR(status.st_mode);
    trees.push_back(std::move(tree));
  }
  return trees;
}

}  // namespace runsc
