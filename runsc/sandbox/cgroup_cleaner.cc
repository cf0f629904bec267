// SPDX-License-Identifier: Apache-2.0
#include "runsc/sandbox/cgroup_cleaner.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <utility>

#include "runsc/util/process.h"

namespace runsc {
namespace {

[[noreturn]] void Run(int end, const std::vector<std::string>& directories, const std::string& guest) {
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, nullptr);
  setsid();
  prctl(PR_SET_NAME, "runsc-cleaner");
  // Nothing of the caller's is held: neither its pipes, nor the lock of the container, nor our parent's end.
  if (dup2(end, 0) < 0 || chdir("/") != 0) _exit(1);
  closefrom(1);
  char byte;
  if (read(0, &byte, 1) != 1) {
    // On version 1 a frozen process does not even die.
    if (!guest.empty()) Cgroup::Thaw(guest).IgnoreError();
    Cgroup::Remove(directories).IgnoreError();
  }
  _exit(0);
}

}  // namespace

StatusOr<CgroupCleaner> CgroupCleaner::Start(const Cgroup& cgroup) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return SystemError("socketpair");
  CgroupCleaner cleaner;
  cleaner.end_.Reset(ends[0]);
  base::UniqueFd theirs(ends[1]);
  cleaner.pid_ = fork();
  if (cleaner.pid_ == 0) Run(theirs.get(), cgroup.made(), cgroup.guest());
  if (cleaner.pid_ < 0) {
    cleaner.pid_ = 0;
    return SystemError("fork");
  }
  return cleaner;
}

CgroupCleaner::CgroupCleaner(CgroupCleaner&& other) noexcept
    : end_(std::move(other.end_)), pid_(std::exchange(other.pid_, 0)) {}

CgroupCleaner& CgroupCleaner::operator=(CgroupCleaner&& other) noexcept {
  Dismiss();
  end_ = std::move(other.end_);
  pid_ = std::exchange(other.pid_, 0);
  return *this;
}

void CgroupCleaner::Dismiss() {
  if (pid_ == 0) return;
  if (send(end_.get(), "", 1, MSG_NOSIGNAL) != 1) kill(pid_, SIGKILL);
  WaitForChild(std::exchange(pid_, 0));
  end_.Reset();
}

}  // namespace runsc
