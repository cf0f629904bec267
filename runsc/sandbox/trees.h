// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "runsc/config/flags.h"
#include "runsc/spec/spec.h"
#include "runsc/util/status.h"

namespace runsc {

// A tree of the host that the gofer is to serve, and which mount of the specification it is for.
struct HostTree {
  std::string path;  // Absolute.
  bool read_only = false;
  bool recursive = true;
  bool directory = true;
  int mount = -1;      // Index into spec.mounts; -1: the root filesystem.
  std::string origin;  // "config.json: mounts[2].source", for messages.
};

// The root filesystem (first), then every bind mount in the order of the specification. All of them must exist.
StatusOr<std::vector<HostTree>> FindHostTrees(const spec::Spec& spec, const std::string& spec_name,
                                              const std::string& bundle, const Settings& settings);

// Whether the mount's files come from the host.
bool IsBindMount(const spec::Mount& mount);

}  // namespace runsc
