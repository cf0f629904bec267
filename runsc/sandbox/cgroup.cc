// SPDX-License-Identifier: Apache-2.0
#include "runsc/sandbox/cgroup.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <set>

#include "runsc/util/files.h"

namespace runsc {
namespace {

constexpr char kFreezer[] = "freezer";
// Joined whenever the host has them, for the engines' statistics; others only if there is something to set.
constexpr const char* kStandardControllers[] = {"memory", "cpu", "cpuacct", "pids", "blkio", kFreezer};

// There is nothing to wait on for a cgroup that empties or freezes, so these places look again until it has.
constexpr int kTries = 1000;
constexpr struct timespec kPause = {0, 5'000'000};

std::string Trimmed(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  return text;
}

std::string ParentOf(const std::string& directory) { return directory.substr(0, directory.rfind('/')); }

// A new cpuset of version 1 has no CPUs, and nothing can join it so.
Status InheritCpuset(const std::string& directory) {
  for (const char* file : {"/cpuset.cpus", "/cpuset.mems"}) {
    std::string own = TRY_STATUS(ReadFile(directory + file));
    if (!Trimmed(own).empty()) continue;
    std::string parents = TRY_STATUS(ReadFile(ParentOf(directory) + file));
    RETURN_IF_ERROR(WriteExistingFile(directory + file, Trimmed(parents)));
  }
  return absl::OkStatus();
}

// Lets the children of a version 2 cgroup have the controllers it has itself.
Status DelegateControllers(const std::string& directory) {
  std::string available = Trimmed(TRY_STATUS(ReadFile(directory + "/cgroup.controllers")));
  std::string text;
  for (size_t at = 0; at < available.size();) {
    size_t end = std::min(available.find(' ', at), available.size());
    text += (text.empty() ? "+" : " +") + available.substr(at, end - at);
    at = end + 1;
  }
  if (text.empty()) return absl::OkStatus();
  return WriteExistingFile(directory + "/cgroup.subtree_control", text);
}

std::string LeafDirectory(const CgroupHost::Hierarchy& hierarchy, const std::string& path) {
  return path.starts_with('/') ? hierarchy.root + path : hierarchy.own + "/" + path;
}

}  // namespace

// Makes `directory` and what leads to it from `root`, which exists.
Status Cgroup::Make(const std::string& root, const std::string& directory, bool version2) {
  for (size_t at = root.size(); at != std::string::npos && at < directory.size();) {
    if (version2) RETURN_IF_ERROR(DelegateControllers(directory.substr(0, at)));
    at = directory.find('/', at + 1);
    std::string part = directory.substr(0, at);
    if (part.ends_with('/')) continue;
    if (mkdir(part.c_str(), 0755) == 0) {
      made_.insert(made_.begin(), part);
    } else if (errno != EEXIST) {
      return SystemError("making the cgroup " + part);
    }
    if (root.ends_with("/cpuset")) RETURN_IF_ERROR(InheritCpuset(part));
  }
  directories_.push_back(directory);
  // Even if it was there already: it is the container's now, and goes with it.
  if (std::find(made_.begin(), made_.end(), directory) == made_.end()) made_.insert(made_.begin(), directory);
  return absl::OkStatus();
}

Status Cgroup::MakeGuest(const std::string& parent) {
  guest_ = parent + "/guest";
  if (mkdir(guest_.c_str(), 0755) != 0 && errno != EEXIST) return SystemError("making the cgroup " + guest_);
  made_.insert(made_.begin(), guest_);
  return absl::OkStatus();
}

StatusOr<Cgroup> Cgroup::Create(const CgroupHost& host, const std::string& path, const spec::Resources& resources) {
  Cgroup cgroup;
  std::vector<CgroupSetting> settings = CgroupSettings(resources, host.version2());
  Status status;
  if (host.version2()) {
    status = cgroup.Make(path.starts_with('/') ? host.unified.root : host.unified.own,
                         LeafDirectory(host.unified, path), true);
    if (status.ok()) status = cgroup.MakeGuest(cgroup.directories_[0]);
  } else {
    std::set<std::string> wanted(std::begin(kStandardControllers), std::end(kStandardControllers));
    for (const CgroupSetting& setting : settings) wanted.insert(setting.controller);
    for (const std::string& controller : wanted) {
      auto it = host.controllers.find(controller);
      if (it == host.controllers.end() || !status.ok()) continue;
      std::string leaf = LeafDirectory(it->second, path);
      // cpu and cpuacct may be one hierarchy under two names.
      if (std::find(cgroup.directories_.begin(), cgroup.directories_.end(), leaf) != cgroup.directories_.end())
        continue;
      status = cgroup.Make(path.starts_with('/') ? it->second.root : it->second.own, leaf, false);
      if (status.ok() && controller == kFreezer) status = cgroup.MakeGuest(leaf);
    }
  }
  for (const CgroupSetting& setting : settings) {
    if (!status.ok()) break;
    auto it = host.controllers.find(setting.controller);
    if (!host.version2() && it == host.controllers.end()) {
      status = Failed(setting.origin + ": the host has no cgroup controller \"" + setting.controller + "\"");
      break;
    }
    std::string directory = LeafDirectory(host.version2() ? host.unified : it->second, path);
    status = Annotate(WriteExistingFile(directory + "/" + setting.file, setting.value), setting.origin);
  }
  if (!status.ok()) {
    Remove(cgroup.made_).IgnoreError();
    return status;
  }
  return cgroup;
}

Status Cgroup::Update(const std::vector<std::string>& directories, const spec::Resources& resources) {
  CgroupHost host = TRY_STATUS(CgroupHost::Find());
  std::vector<CgroupSetting> settings = CgroupSettings(resources, host.version2());
  // Version 1 keeps memory below memory and swap together: which of the two must go first depends on the direction, so
  // what is refused is tried once more behind the others.
  std::vector<CgroupSetting> refused;
  auto write = [&](const CgroupSetting& setting) {
    for (const std::string& directory : directories) {
      if (directory.ends_with("/guest")) continue;
      std::string path = directory + "/" + setting.file;
      if (access(path.c_str(), F_OK) == 0) return Annotate(WriteExistingFile(path, setting.value), setting.origin);
    }
    return Failed(setting.origin + ": the container has no cgroup with " + setting.file);
  };
  for (const CgroupSetting& setting : settings) {
    if (!write(setting).ok()) refused.push_back(setting);
  }
  for (const CgroupSetting& setting : refused) RETURN_IF_ERROR(write(setting));
  return absl::OkStatus();
}

Status Cgroup::Add(pid_t pid) const {
  for (const std::string& directory : directories_) {
    RETURN_IF_ERROR(WriteExistingFile(directory + "/cgroup.procs", std::to_string(pid)));
  }
  return absl::OkStatus();
}

Status Cgroup::AddGuest(pid_t pid) const {
  if (guest_.empty()) return absl::OkStatus();
  return WriteExistingFile(guest_ + "/cgroup.procs", std::to_string(pid));
}

Status Cgroup::LeaveGuest(pid_t pid) const {
  if (guest_.empty()) return absl::OkStatus();
  return WriteExistingFile(ParentOf(guest_) + "/cgroup.procs", std::to_string(pid));
}

Status Cgroup::Freeze(const std::string& guest) {
  bool version2 = access((guest + "/cgroup.freeze").c_str(), F_OK) == 0;
  const std::string request = guest + (version2 ? "/cgroup.freeze" : "/freezer.state");
  const std::string answer = guest + (version2 ? "/cgroup.events" : "/freezer.state");
  const std::string frozen = version2 ? "frozen 1\n" : "FROZEN\n";
  for (int tries = 0; tries < kTries; ++tries) {
    // Version 1 may get stuck half-way while processes fork: asking again helps.
    RETURN_IF_ERROR(WriteExistingFile(request, version2 ? "1" : "FROZEN"));
    std::string state = TRY_STATUS(ReadFile(answer));
    if (state.ends_with(frozen)) return absl::OkStatus();
    nanosleep(&kPause, nullptr);
  }
  Thaw(guest).IgnoreError();
  return Failed("the processes in the cgroup " + guest + " do not stop");
}

Status Cgroup::Thaw(const std::string& guest) {
  bool version2 = access((guest + "/cgroup.freeze").c_str(), F_OK) == 0;
  return WriteExistingFile(guest + (version2 ? "/cgroup.freeze" : "/freezer.state"), version2 ? "0" : "THAWED");
}

Status Cgroup::Remove(const std::vector<std::string>& directories) {
  Status result;
  // A process stays in its cgroup until the last of it is gone, a moment after its parent was told.
  for (const std::string& directory : directories) {
    int tries = 0;
    while (rmdir(directory.c_str()) != 0 && errno == EBUSY && tries < kTries) {
      // Below it there may be one that somebody else has made: that is not a matter of time.
      struct stat status;
      if (stat(directory.c_str(), &status) == 0 && status.st_nlink > 2) break;
      nanosleep(&kPause, nullptr);
      ++tries;
    }
    if (tries == kTries) result.Update(Failed("the cgroup " + directory + " still has processes"));
  }
  return result;
}

}  // namespace runsc
