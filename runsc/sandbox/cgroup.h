// SPDX-License-Identifier: Apache-2.0
// The host cgroup of a container. Version 1 hierarchies (those whose limits we set) or the version 2 hierarchy,
// whichever the host has its controllers in.
#pragma once

#include <sys/types.h>

#include <map>
#include <string>
#include <vector>

#include "runsc/spec/spec.h"
#include "runsc/util/status.h"

namespace runsc {

// Where the host's cgroups are mounted, and where we are in them.
struct CgroupHost {
  // Version 1: controller to directory of our own cgroup and of the hierarchy's root. Empty on a version 2 host.
  struct Hierarchy {
    std::string root;
    std::string own;
  };
  std::map<std::string, Hierarchy> controllers;
  Hierarchy unified;  // Version 2; empty strings when not mounted.
  bool version2() const { return controllers.empty(); }

  // From /proc/self/mountinfo and /proc/self/cgroup; the texts are parameters for tests.
  static StatusOr<CgroupHost> Find();
  static CgroupHost Parse(const std::string& mountinfo, const std::string& own_cgroups);
};

// One setting of a cgroup.
struct CgroupSetting {
  std::string controller;  // Version 1: which hierarchy.
  std::string file;
  std::string value;
  std::string origin;  // JSON path, for messages.
};
// What the resources of the specification say, for either version. The host's process limit is a multiple of the
// container's: each of its processes costs several on the host; the exact limit is kept by the sentry.
std::vector<CgroupSetting> CgroupSettings(const spec::Resources& resources, bool version2);

// The path below the hierarchies' roots: linux.cgroupsPath as it is, or "slice:prefix:name" of --systemd-cgroup made
// into "/slice/prefix-name.scope". Relative paths are below our own cgroup.
StatusOr<std::string> CgroupPath(const std::string& cgroups_path, bool systemd);

// A container's cgroup holds its sentry and its gofer, so that engines find the whole container where they find its
// first process, and what the sentry does for the guests is charged to their limits. The guests' own processes are in
// a cgroup "guest" below it, which has no limits and is what Freeze stops: on version 1 only in the freezer's
// hierarchy, on version 2 without controllers. A sentry is born there with its zygotes, then leaves it.
class Cgroup {
 public:
  // Makes the directories that are not there yet and writes the settings. Undone if a step fails.
  static StatusOr<Cgroup> Create(const CgroupHost& host, const std::string& path, const spec::Resources& resources);

  // Moves a process there with all its threads; AddGuest to where the guests are; LeaveGuest back, without those that
  // it has forked.
  Status Add(pid_t pid) const;
  Status AddGuest(pid_t pid) const;
  Status LeaveGuest(pid_t pid) const;
  // The guests' directory; empty if the host has no freezer.
  const std::string& guest() const { return guest_; }
  // What Remove takes: the directories, innermost first.
  const std::vector<std::string>& made() const { return made_; }

  // Removes directories that are empty; those that others use by now stay. Waits a little for processes that are just
  // ending.
  static Status Remove(const std::vector<std::string>& directories);

  // Writes the settings into those of a container's directories (`made()`) that have them.
  static Status Update(const std::vector<std::string>& directories, const spec::Resources& resources);

  // Stops all processes of a guests' directory, and returns when they have stopped; or lets them go on.
  static Status Freeze(const std::string& guest);
  static Status Thaw(const std::string& guest);

 private:
  Status Make(const std::string& root, const std::string& directory, bool version2);
  Status MakeGuest(const std::string& parent);

  std::vector<std::string> directories_;  // One in each hierarchy.
  std::vector<std::string> made_;
  std::string guest_;
};

}  // namespace runsc
