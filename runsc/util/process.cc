// SPDX-License-Identifier: Apache-2.0
#include "runsc/util/process.h"

#include <dirent.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>

#include "runsc/util/files.h"

namespace runsc {
namespace {

constexpr int kSignalExitBase = 128;

}  // namespace

StatusOr<uint64_t> StartTime(pid_t pid) {
  std::string name = "process " + std::to_string(pid);
  StatusOr<std::string> stat = ReadFile("/proc/" + std::to_string(pid) + "/stat");
  if (!stat.ok()) return NotFound(name + ": no such process");
  // "pid (comm) S ppid ...": comm may hold anything, so count from the last parenthesis. State is field 3.
  size_t at = stat->rfind(')');
  if (at == std::string::npos || at + 2 >= stat->size()) return Failed(name + ": cannot read its status");
  char state = (*stat)[at + 2];
  if (state == 'Z' || state == 'X') return NotFound(name + ": no such process");
  constexpr int kStateField = 3;
  constexpr int kStartField = 22;
  at += 2;
  for (int field = kStateField; field < kStartField; ++field) {
    at = stat->find(' ', at);
    if (at == std::string::npos) return Failed(name + ": cannot read its status");
    ++at;
  }
  return strtoull(stat->c_str() + at, nullptr, 10);
}

StatusOr<base::UniqueFd> OpenProcess(const ProcessId& id) {
  std::string name = "process " + std::to_string(id.pid);
  if (id.pid <= 0) return NotFound(name + ": no such process");
  base::UniqueFd fd(static_cast<int>(syscall(SYS_pidfd_open, id.pid, 0)));
  if (!fd) {
    if (errno == ESRCH) return NotFound(name + ": no such process");
    return SystemError(name);
  }
  // The descriptor pins the process; if the start time now is the recorded one, it is the right one.
  uint64_t start = TRY_STATUS(StartTime(id.pid));
  if (start != id.start_time) return NotFound(name + ": no such process");
  return fd;
}

bool IsAlive(const ProcessId& id) { return OpenProcess(id).ok(); }

std::vector<NamedProcess> Descendants(pid_t root) {
  std::multimap<pid_t, pid_t> children;
  std::unique_ptr<DIR, int (*)(DIR*)> proc(opendir("/proc"), closedir);
  while (dirent* entry = proc ? readdir(proc.get()) : nullptr) {
    pid_t pid = atoi(entry->d_name);
    if (pid <= 0) continue;
    StatusOr<std::string> stat = ReadFile("/proc/" + std::to_string(pid) + "/stat");
    if (!stat.ok()) continue;
    // "pid (comm) S ppid ...", as in StartTime.
    size_t at = stat->rfind(')');
    if (at == std::string::npos || at + 4 >= stat->size() || (*stat)[at + 2] == 'Z' || (*stat)[at + 2] == 'X') continue;
    children.emplace(atoi(stat->c_str() + at + 4), pid);
  }
  std::vector<NamedProcess> found;
  std::vector<pid_t> parents = {root};
  while (!parents.empty()) {
    auto [first, last] = children.equal_range(parents.back());
    parents.pop_back();
    for (; first != last; ++first) {
      StatusOr<std::string> name = ReadFile("/proc/" + std::to_string(first->second) + "/comm");
      if (!name.ok()) continue;
      if (name->ends_with('\n')) name->pop_back();
      found.push_back({first->second, *std::move(name)});
      parents.push_back(first->second);
    }
  }
  return found;
}

Status SendSignal(int pidfd, int signal) {
  if (syscall(SYS_pidfd_send_signal, pidfd, signal, nullptr, 0) != 0) {
    if (errno == ESRCH) return NotFound("no such process");
    return SystemError("sending signal " + std::to_string(signal));
  }
  return absl::OkStatus();
}

Status KillAndWait(const ProcessId& id, int timeout_ms) {
  StatusOr<base::UniqueFd> fd = OpenProcess(id);
  if (!fd.ok()) return absl::IsNotFound(fd.status()) ? absl::OkStatus() : fd.status();
  Status sent = SendSignal(fd->get(), SIGKILL);
  if (!sent.ok()) return absl::IsNotFound(sent) ? absl::OkStatus() : sent;
  struct pollfd poll_fd = {fd->get(), POLLIN, 0};
  int ready;
  do {
    ready = poll(&poll_fd, 1, timeout_ms);
  } while (ready < 0 && errno == EINTR);
  if (ready <= 0) return Failed("process " + std::to_string(id.pid) + " does not die");
  return absl::OkStatus();
}

int WaitForChild(pid_t pid) {
  int status = 0;
  pid_t got;
  do {
    got = waitpid(pid, &status, 0);
  } while (got < 0 && errno == EINTR);
  return got == pid ? status : -1;
}

int ExitCode(int wait_status) {
  return WIFSIGNALED(wait_status) ? kSignalExitBase + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

}  // namespace runsc
