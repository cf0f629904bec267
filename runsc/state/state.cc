// SPDX-License-Identifier: Apache-2.0
#include "runsc/state/state.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "runsc/state/state_json.h"
#include "runsc/util/files.h"

namespace runsc {
namespace {

constexpr char kStateFile[] = "state.json";
constexpr char kConfigFile[] = "config.json";
constexpr char kLockFile[] = "lock";
constexpr size_t kMaxIdLength = 128;

Status MakeDirectories(const std::string& path) {
  for (size_t at = 1; at != std::string::npos;) {
    at = path.find('/', at + 1);
    std::string part = path.substr(0, at);
    if (mkdir(part.c_str(), 0711) != 0 && errno != EEXIST) return SystemError("--root: " + part);
  }
  return absl::OkStatus();
}

// Takes the lock of a container's directory. Empty if the container was removed meanwhile: the file whose lock was
// taken is then no longer the one of that name.
StatusOr<base::UniqueFd> Lock(const std::string& directory) {
  base::UniqueFd fd(open((directory + "/" + kLockFile).c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) {
    if (errno == ENOENT) return base::UniqueFd();
    return SystemError(directory + "/" + kLockFile);
  }
  while (flock(fd.get(), LOCK_EX) != 0) {
    if (errno != EINTR) return SystemError("locking " + directory);
  }
  struct stat status;
  if (fstat(fd.get(), &status) != 0) return SystemError(directory);
  return status.st_nlink > 0 ? std::move(fd) : base::UniqueFd();
}

// Whether somebody holds the lock.
bool IsLocked(const std::string& directory) {
  base::UniqueFd fd(open((directory + "/" + kLockFile).c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
  return fd && flock(fd.get(), LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

// What is there now, whatever was written last. `locked`: we hold the lock.
void CorrectStatus(ContainerState& state, const std::string& directory, bool locked) {
  if (state.status == ContainerStatus::kCreating) {
    // Whoever creates a container holds its lock all the while.
    if (locked || !IsLocked(directory)) state.status = ContainerStatus::kStopped;
    return;
  }
  if (!IsAlive(state.sandbox)) state.status = ContainerStatus::kStopped;
}

StatusOr<ContainerState> ReadStateFile(const std::string& directory, const std::string& id, bool locked) {
  std::string path = directory + "/" + kStateFile;
  if (access(path.c_str(), F_OK) != 0 && errno == ENOENT) {
    // Its creation was cut off, or is just going on: there is nothing of it yet.
    ContainerState state;
    state.id = id;
    state.status = ContainerStatus::kCreating;
    CorrectStatus(state, directory, locked);
    return state;
  }
  std::string text = TRY_STATUS(ReadFile(path, 32 << 20));
  ContainerState state = TRY_STATUS(StateFromJson(text, path));
  CorrectStatus(state, directory, locked);
  return state;
}

Status NoSuchContainer(const std::string& id) { return NotFound("container \"" + id + "\" does not exist"); }

}  // namespace

std::string_view StatusName(ContainerStatus status) {
  switch (status) {
    case ContainerStatus::kCreating:
      return "creating";
    case ContainerStatus::kCreated:
      return "created";
    case ContainerStatus::kRunning:
      return "running";
    case ContainerStatus::kPaused:
      return "paused";
    case ContainerStatus::kStopped:
      return "stopped";
  }
  return "";
}

Status CheckContainerId(std::string_view id) {
  bool good = !id.empty() && id.size() <= kMaxIdLength && id != "." && id != "..";
  for (char c : id) {
    good = good && ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
                    c == '+' || c == '-' || c == '.');
  }
  if (good) return absl::OkStatus();
  return InvalidInput("invalid container id \"" + std::string(id) +
                      "\": it must be 1 to 128 letters, digits and characters of \"_+-.\", and not \".\" or \"..\"");
}

std::string ContainerDirectory(const std::string& root, const std::string& id) { return root + "/" + id; }

StatusOr<LockedContainer> LockedContainer::Create(const std::string& root, const std::string& id) {
  RETURN_IF_ERROR(CheckContainerId(id));
  RETURN_IF_ERROR(MakeDirectories(root));
  LockedContainer container;
  container.directory_ = ContainerDirectory(root, id);
  if (mkdir(container.directory_.c_str(), 0700) != 0) {
    if (errno == EEXIST) return InvalidInput("container with id \"" + id + "\" already exists");
    return SystemError(container.directory_);
  }
  container.lock_ = TRY_STATUS(Lock(container.directory_));
  if (!container.lock_) return Failed("container \"" + id + "\" was deleted while it was being created");
  container.state_.id = id;
  return container;
}

StatusOr<LockedContainer> LockedContainer::Load(const std::string& root, const std::string& id) {
  RETURN_IF_ERROR(CheckContainerId(id));
  LockedContainer container;
  container.directory_ = ContainerDirectory(root, id);
  if (access(container.directory_.c_str(), F_OK) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return NoSuchContainer(id);
    return SystemError(container.directory_);
  }
  container.lock_ = TRY_STATUS(Lock(container.directory_));
  if (!container.lock_) return NoSuchContainer(id);
  container.state_ = TRY_STATUS(ReadStateFile(container.directory_, id, true));
  return container;
}

Status LockedContainer::Save() { return ReplaceFile(directory_, kStateFile, StateToJson(state_), 0600); }

Status LockedContainer::SaveConfig(std::string_view text) { return ReplaceFile(directory_, kConfigFile, text, 0600); }

Status LockedContainer::Remove() {
  DIR* directory = opendir(directory_.c_str());
  if (directory == nullptr) return SystemError(directory_);
  // The lock goes last: until then nobody can take the id.
  while (struct dirent* entry = readdir(directory)) {
    std::string_view name = entry->d_name;
    if (name != "." && name != ".." && name != kLockFile) unlinkat(dirfd(directory), entry->d_name, 0);
  }
  unlinkat(dirfd(directory), kLockFile, 0);
  closedir(directory);
  if (rmdir(directory_.c_str()) != 0 && errno != ENOENT) return SystemError("removing " + directory_);
  lock_.Reset();
  return absl::OkStatus();
}

StatusOr<ContainerState> ReadState(const std::string& root, const std::string& id) {
  RETURN_IF_ERROR(CheckContainerId(id));
  std::string directory = ContainerDirectory(root, id);
  if (access(directory.c_str(), F_OK) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return NoSuchContainer(id);
    return SystemError(directory);
  }
  return ReadStateFile(directory, id, false);
}

StatusOr<spec::LoadedSpec> ReadSavedConfig(const std::string& root, const std::string& id) {
  return spec::LoadSpec(ContainerDirectory(root, id));
}

StatusOr<std::vector<std::string>> ListContainers(const std::string& root) {
  std::vector<std::string> ids;
  DIR* directory = opendir(root.c_str());
  if (directory == nullptr) {
    if (errno == ENOENT) return ids;
    return SystemError("--root: " + root);
  }
  while (struct dirent* entry = readdir(directory)) {
    std::string id = entry->d_name;
    if (entry->d_type == DT_DIR && CheckContainerId(id).ok()) ids.push_back(id);
  }
  closedir(directory);
  std::sort(ids.begin(), ids.end());
  return ids;
}

}  // namespace runsc
